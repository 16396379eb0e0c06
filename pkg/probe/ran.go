package probe

import (
	"embed"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

//go:embed ran.yaml
var ranFiles embed.FS

var loadRanTexts = sync.OnceValues(func() (lang.Catalogue, error) { return lang.Load(ranFiles, "ran.yaml") })

// RunReport is what became of probes that were asked just now.
type RunReport struct {
	finding.Report
	Probes []Ran `json:"probes"`
	// Bare lists the containers that have no probe.
	Bare []finding.Ref `json:"withoutProbes"`
	// Transports say how the pods were reached, and what that cannot see.
	Transports []Sight `json:"transports"`
	// PodsLeftOut counts the pods that were not asked because of the bound on them.
	PodsLeftOut int `json:"podsLeftOut"`
}

// Base gives the part that every report has.
func (r RunReport) Base() finding.Report { return r.Report }

// Sight is a transport with what it cannot see, in the reader's language.
type Sight struct {
	Transport Transport `json:"transport"`
	CannotSee string    `json:"cannotSee"`
}

// Ran is one probe of one live container, and what came of asking it.
type Ran struct {
	Probe
	Verdict Verdict `json:"verdict"`
	// Reason is what the kubelet says of such a run; for a probe that was not asked, why not.
	Reason    string    `json:"reason"`
	Transport Transport `json:"transport"`
	// Samples counts the runs; Passed, Failed and Discarded add up to it.
	Samples   int `json:"samples"`
	Passed    int `json:"passed"`
	Failed    int `json:"failed"`
	Discarded int `json:"discarded"`
	// RedirectedAway says that it passes only because a redirect to another host is not followed.
	RedirectedAway bool `json:"redirectedAway"`
	// P50Ms, P95Ms and MaxMs are how long answers took, in milliseconds; null where that is not known.
	P50Ms *float64 `json:"p50Ms"`
	P95Ms *float64 `json:"p95Ms"`
	MaxMs *float64 `json:"maxMs"`
	// HeadroomPercent is the part of the timeout that the 95th percentile leaves unused.
	HeadroomPercent *int `json:"headroomPercent"`
	// Outcome is what follows where the probe goes on answering so.
	Outcome Outcome `json:"outcome"`
}

// RunInput is what a run has gathered.
type RunInput struct {
	Query   Query
	Answers []Answer
	// Requests counts those to the API server, reading and asking together.
	Requests    int
	PodsLeftOut int
	// Later are the pods of Suspects, looked at again.
	Later map[finding.Ref]*corev1.Pod
	// NotChecked is what could not be done besides, in the reader's language.
	NotChecked []finding.NotChecked
}

// Run puts together what a run of probes means. The error is a defect of the build.
func Run(s *snapshot.Snapshot, in RunInput, o Options) (RunReport, error) {
	texts, err := loadRanTexts()
	if err != nil {
		return RunReport{}, err
	}
	unread, err := rule.NewUnread(o.Lang)
	if err != nil {
		return RunReport{}, err
	}
	targets, _ := resolve(s, in.Query)
	scope, _ := reach(s, targets)
	v := look(s, scope)
	out := RunReport{Probes: []Ran{}, Bare: v.bare(), Transports: sights(in.Answers, texts, o.Lang), PodsLeftOut: in.PodsLeftOut}
	missing := append(append(unread.NotChecked(s), in.NotChecked...), notAsked(in.Answers, texts, o.Lang)...)
	missing = append(missing, v.nobody(scope, in.Query, texts, o.Lang)...)
	for _, a := range in.Answers {
		ran := v.ran(a)
		if ran.Verdict == NotRun {
			ran.Reason = why(texts, o.Lang, a.Question.Skip, a.Question.Detail, a.Question.Container.Name, a.Question.Pod)
		}
		out.Probes = append(out.Probes, ran)
	}
	findings := rule.Diagnose(scope, v.ranFindings(in.Answers, in.Later), o.Catalogue, o.Lang)
	out.Report = finding.NewReport("probe run", s.TakenAt, askedOf(s, in.Query, targets), findings, missing, in.Requests)
	return out, nil
}

// sights tells each transport that was used, once.
func sights(answers []Answer, texts lang.Catalogue, l lang.Lang) []Sight {
	out := []Sight{}
	used := map[Transport]bool{}
	for _, a := range answers {
		used[a.Transport] = true
	}
	for _, t := range []Transport{Helper, PortForward, InContainer} {
		if used[t] {
			out = append(out, Sight{t, texts.Text(l, "cannot-see-"+string(t), nil)})
		}
	}
	return out
}

func (v *view) ran(a Answer) Ran {
	q := a.Question
	verdict, reason := a.verdict()
	out := Ran{
		Probe: Probe{
			Pod: "pod/" + q.Pod.Name, Namespace: q.Pod.Namespace, Container: q.Container.Name, Role: q.own.role, Type: q.Type,
			Handler: Handler(q.Probe, q.Container), Values: Effective(q.Probe), Timing: timing(q.sub, q.own, q.Type),
			NoVerdict: !q.own.resolves(q.Type), Pods: 1,
			Failures: v.count(v.failures(q.Pod, q.own, q.Type)), Kills: v.count(v.kills(q.Pod, q.own, q.Type)),
		},
		Verdict: verdict, Reason: snapshot.Safe(strings.TrimSpace(reason)), Transport: a.Transport,
		Samples: len(a.Samples), Passed: a.count(Success), Failed: a.count(Failure), Discarded: a.count(Discarded),
	}
	for _, s := range a.Samples {
		out.RedirectedAway = out.RedirectedAway || s.Warning
	}
	if all := a.latencies(); len(all) > 0 {
		slow := quantile(all, 0.95)
		room := headroom(slow, q.Timeout())
		out.P50Ms, out.P95Ms, out.MaxMs = millis(quantile(all, 0.5)), millis(slow), millis(all[len(all)-1])
		out.HeadroomPercent = &room
	}
	out.Outcome = v.outcome(q, verdict)
	return out
}

// age is how long the container's instance runs, in whole seconds; 0 where it does not.
func (v *view) age(q Question) int {
	status, _ := q.own.status(q.Pod)
	if status.State.Running == nil {
		return 0
	}
	return max(0, int(v.s.TakenAt.Sub(status.State.Running.StartedAt.Time)/time.Second))
}

// told makes evidence of a run.
func told(a Answer) finding.Evidence {
	_, reason := a.verdict()
	return finding.Evidence{Object: "pod/" + a.Question.Pod.Name, Path: fmt.Sprintf("probe run (%s)", a.Transport), Value: snapshot.Safe(reason)}
}
