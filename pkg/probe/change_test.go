package probe

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestParseChange(t *testing.T) {
	for text, want := range map[string]Change{
		"liveness.periodSeconds=5":                     {"", Liveness, Period, 5},
		"livenessProbe.failureThreshold=6":             {"", Liveness, FailureThreshold, 6},
		"app:startup.initialDelaySeconds=0":            {"app", Startup, InitialDelay, 0},
		"readiness.successThreshold=3":                 {"", Readiness, SuccessThreshold, 3},
		"app:liveness.terminationGracePeriodSeconds=5": {"app", Liveness, Grace, 5},
	} {
		if got, err := ParseChange(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]Trouble{
		"":                                          BadForm,
		"liveness":                                  BadForm,
		"liveness.periodSeconds":                    BadForm,
		":liveness.periodSeconds=1":                 BadForm,
		"periodSeconds=5":                           BadForm,
		"lifeness.periodSeconds=5":                  BadProbe,
		"liveness.period=5":                         BadField,
		"liveness.httpGet.port=5":                   BadField,
		"liveness.periodSeconds=":                   BadValue,
		"liveness.periodSeconds=5s":                 BadValue,
		"liveness.periodSeconds=-1":                 BadValue,
		"liveness.periodSeconds=9999999999":         BadValue,
		"liveness.successThreshold=2":               BadValue,
		"readiness.terminationGracePeriodSeconds=5": BadValue,
		"liveness.terminationGracePeriodSeconds=0":  BadValue,
	} {
		var bad *ChangeError
		if _, err := ParseChange(text); !errors.As(err, &bad) || bad.Trouble != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// A trial shows the numbers before and after, and what becomes of the findings.
func TestTrial(t *testing.T) {
	c := corev1.Container{LivenessProbe: get("/health", nil), ReadinessProbe: get("/health", nil)}
	change, err := ParseChange("liveness.failureThreshold=6")
	if err != nil {
		t.Fatal(err)
	}
	late, err := ParseChange("readiness.initialDelaySeconds=90")
	if err != nil {
		t.Fatal(err)
	}
	o := english(t)
	o.Set = []Change{change, late}
	report, err := Check(scene(c, 5), web, o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"liveness.failureThreshold=6", "readiness.initialDelaySeconds=90"}, report.Trial.Set); diff != "" {
		t.Error(diff)
	}
	if len(report.Trial.Gone) != 1 || report.Trial.Gone[0].Rule != "probe/identical" {
		t.Errorf("gone: %+v", report.Trial.Gone)
	}
	brought := map[string]bool{}
	for _, n := range report.Trial.New {
		brought[n.Rule] = true
	}
	if !brought["probe/initial-delay-long"] || !brought["probe/liveness-before-ready"] || len(brought) != 2 {
		t.Errorf("new: %+v", report.Trial.New)
	}
	for _, p := range report.Probes {
		if p.Was == nil {
			t.Fatalf("%s shows no change", p.Type)
		}
		if p.Type == Liveness && (p.Was.Timing.ActEarliestSeconds != 20 || p.Timing.ActEarliestSeconds != 50) {
			t.Errorf("liveness acts after %d s, was %d s", p.Timing.ActEarliestSeconds, p.Was.Timing.ActEarliestSeconds)
		}
	}
}

func TestTrialOfWhatIsNotThere(t *testing.T) {
	for _, text := range []string{"startup.periodSeconds=1", "proxy:liveness.periodSeconds=1"} {
		change, err := ParseChange(text)
		if err != nil {
			t.Fatal(err)
		}
		o := english(t)
		o.Set = []Change{change}
		var bad *ChangeError
		if _, err := Check(scene(corev1.Container{LivenessProbe: get("/", nil)}), web, o); !errors.As(err, &bad) || bad.Trouble != NoProbe {
			t.Errorf("%s: %v", text, err)
		}
	}
}
