package rule

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

func catalogue() finding.Catalogue {
	entry := func(severity finding.Severity, title string, explainedBy ...string) finding.Entry {
		return finding.Entry{Severity: severity, ExplainedBy: explainedBy, Title: lang.Text{En: title, Ko: title}}
	}
	return finding.Catalogue{
		"a/cause":   entry(finding.Error, "exits with {{.code}}"),
		"a/note":    entry(finding.Info, "worth knowing"),
		"b/stuck":   entry(finding.Error, "stuck", "a/*"),
		"c/outage":  entry(finding.Error, "nobody answers", "a/*", "b/stuck"),
		"z/warning": entry(finding.Warning, "by luck"),
	}
}

func ref(kind, name string) finding.Ref {
	return finding.Ref{Kind: kind, Namespace: "shop", Name: name}
}

// A Service over a Deployment over two pods.
func shop() *Scope {
	sc := NewScope(ref("Service", "web"))
	sc.Add(ref("Service", "web"), ref("Deployment", "web"))
	sc.Add(ref("Deployment", "web"), ref("Pod", "web-1"))
	sc.Add(ref("Deployment", "web"), ref("Pod", "web-2"))
	return sc
}

func crash(pod string, code int) finding.Finding {
	return finding.Finding{Rule: "a/cause", Object: ref("Deployment", "web"), At: ref("Pod", pod), Args: map[string]any{"code": code, "waiting": pod == "web-1"}}
}

func outline(fs []finding.Finding) []string {
	var out []string
	for _, f := range fs {
		line := f.Rule + " " + f.Title
		for _, e := range f.Explains {
			line += " <- " + e.Rule
		}
		out = append(out, line)
	}
	return out
}

func TestDiagnose(t *testing.T) {
	outage := finding.Finding{Rule: "c/outage", Object: ref("Service", "web")}
	stuck := finding.Finding{Rule: "b/stuck", Object: ref("Deployment", "web")}
	for name, c := range map[string]struct {
		found []finding.Finding
		want  []string
	}{
		"symptoms hang under their cause":       {[]finding.Finding{outage, stuck, crash("web-1", 3)}, []string{"a/cause exits with 3 <- b/stuck <- c/outage"}},
		"two causes both explain the symptom":   {[]finding.Finding{outage, crash("web-1", 3), crash("web-2", 4)}, []string{"a/cause exits with 3 <- c/outage", "a/cause exits with 4 <- c/outage"}},
		"a deeper symptom explains a shallower": {[]finding.Finding{outage, stuck}, []string{"b/stuck stuck <- c/outage"}},
		"a symptom alone is a finding":          {[]finding.Finding{outage}, []string{"c/outage nobody answers"}},
		"a note explains nothing": {
			[]finding.Finding{outage, {Rule: "a/note", Object: ref("Deployment", "web")}},
			[]string{"c/outage nobody answers", "a/note worth knowing"},
		},
		"what cannot make it explains nothing": {
			[]finding.Finding{outage, {Rule: "z/warning", Object: ref("Pod", "web-1")}},
			[]string{"c/outage nobody answers", "z/warning by luck"},
		},
		"what lies elsewhere explains nothing": {
			[]finding.Finding{outage, {Rule: "a/cause", Object: ref("Deployment", "other"), Args: map[string]any{"code": 3}}},
			[]string{"a/cause exits with 3", "c/outage nobody answers"},
		},
		"the worst first": {
			[]finding.Finding{{Rule: "a/note", Object: ref("Pod", "web-1")}, {Rule: "z/warning", Object: ref("Pod", "web-1")}, crash("web-1", 3)},
			[]string{"a/cause exits with 3", "z/warning by luck", "a/note worth knowing"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := Diagnose(shop(), c.found, catalogue(), lang.English)
			if diff := cmp.Diff(c.want, outline(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The same cause on several pods is one finding; the worst of them stands for all.
func TestDiagnoseGroups(t *testing.T) {
	mild := crash("web-1", 3)
	mild.Severity = finding.Warning
	got := Diagnose(shop(), []finding.Finding{mild, crash("web-2", 3)}, catalogue(), lang.English)
	if len(got) != 1 || got[0].Count != 2 || got[0].Severity != finding.Error || got[0].At.Name != "web-2" {
		t.Errorf("got %+v", got)
	}
	if diff := cmp.Diff([]string{"service/web", "deployment/web", "pod/web-2"}, got[0].Chain); diff != "" {
		t.Error(diff)
	}
}

// Pods are counted, not their containers.
func TestDiagnoseCountsPodsOnce(t *testing.T) {
	var found []finding.Finding
	for _, pod := range []string{"web-1", "web-2"} {
		for _, container := range []string{"app", "sidecar"} {
			f := crash(pod, 1)
			f.Object.Container, f.At.Container = container, container
			found = append(found, f)
		}
	}
	got := Diagnose(shop(), found, catalogue(), lang.English)
	if len(got) != 1 || got[0].Count != 2 || len(got[0].Places()) != 2 {
		t.Errorf("two pods of two containers each: %+v", got)
	}
}

// Of the containers of a pod too, the worst stands for all.
func TestDiagnoseTakesTheWorstContainer(t *testing.T) {
	mild, bad := crash("web-2", 3), crash("web-2", 3)
	mild.Severity, mild.At.Container, bad.At.Container = finding.Warning, "app", "sidecar"
	for name, found := range map[string][]finding.Finding{"after": {crash("web-1", 3), mild, bad}, "before": {mild, bad, crash("web-1", 3)}, "alone": {mild, bad}} {
		got := Diagnose(shop(), found, catalogue(), lang.English)
		pods := map[string]bool{}
		for _, place := range got[0].Places() {
			pods[place.Name] = true
		}
		if len(got) != 1 || got[0].Severity != finding.Error || got[0].Count != len(pods) || len(pods) != min(len(found)-1, 2) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestScopeKeepsTheFirstWay(t *testing.T) {
	sc := shop()
	sc.Add(ref("Service", "web"), ref("Pod", "web-1"))
	if got := len(sc.Chain(ref("Pod", "web-1"))); got != 3 {
		t.Errorf("the chain to the pod has %d parts, want 3", got)
	}
	if sc.Under(ref("Pod", "web-2"), ref("Pod", "web-1")) || !sc.Under(ref("Service", "web"), ref("Pod", "web-1")) {
		t.Error("a pod lies under its Service and under no other pod")
	}
	if got := sc.Chain(ref("Secret", "db")); len(got) != 1 {
		t.Errorf("what was not reached stands by itself: %v", got)
	}
}

// What lies below is listed once, in the order in which it was reached, and is what is under.
func TestBelow(t *testing.T) {
	sc := NewScope(ref("Service", "web"), ref("Deployment", "other"))
	sc.Add(ref("Service", "web"), ref("Deployment", "web"))
	sc.Add(ref("Deployment", "other"), ref("Pod", "c"))
	sc.Add(ref("Deployment", "web"), ref("Pod", "b"))
	sc.Add(ref("Deployment", "web"), ref("Pod", "a"))
	sc.Add(ref("Service", "web"), ref("Pod", "a"))
	for of := range sc.Members() {
		var want []finding.Ref
		for m := range sc.Members() {
			if m != of && sc.Under(of, m) {
				want = append(want, m)
			}
		}
		if diff := cmp.Diff(want, sc.Below(of)); diff != "" {
			t.Errorf("%s: %s", of, diff)
		}
	}
	if got := sc.Below(ref("Service", "web")); len(got) != 3 || got[0].Name != "web" || got[1].Name != "b" {
		t.Errorf("%v", got)
	}
}
