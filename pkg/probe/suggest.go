package probe

import (
	"embed"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

//go:embed messages.yaml
var messageFiles embed.FS

var loadMessages = sync.OnceValues(func() (lang.Catalogue, error) { return lang.Load(messageFiles, "messages.yaml") })

// SuggestReport holds numbers for probes that follow from what was seen, and
// says of which containers too little was seen.
type SuggestReport struct {
	finding.Report
	Suggestions []Suggestion `json:"suggestions"`
	None        []None       `json:"none"`
	// Answers say how long the answers took of which a kubelet told; empty where none did.
	Answers []AnswerTimes `json:"answers"`
	// AnswersUnknown: the cluster was asked about, and no kubelet has told.
	AnswersUnknown bool `json:"answersUnknown"`
	// Without says what manifests hold in which nothing can have a probe.
	Without *Without `json:"without,omitempty"`
}

// AnswerTimes is how long the answers of one probe took that passed.
type AnswerTimes struct {
	Object         finding.Ref `json:"object"`
	Type           Type        `json:"type"`
	TimeoutSeconds int         `json:"timeoutSeconds"`
	Counted
}

// Base gives the part that every report has.
func (r SuggestReport) Base() finding.Report { return r.Report }

// Suggestion is a change to one container's probes.
type Suggestion struct {
	Object finding.Ref `json:"object"`
	// Starts is how many starts of the container it rests on.
	Starts int `json:"starts"`
	// Reasons are in the order of what they change.
	Reasons []string `json:"reasons"`
	// Patch is a strategic merge patch, as YAML. Command applies it.
	Patch   string `json:"patch"`
	Command string `json:"command"`
}

// None says why nothing is suggested for a container.
type None struct {
	Object finding.Ref `json:"object"`
	Why    string      `json:"why"`
}

// neededStarts is how many starts have to be seen before one of them counts as the slowest.
const neededStarts = 3

// leastBudget is the shortest guaranteed start-up time that is suggested.
const leastBudget = 30

// Suggest proposes numbers from what was seen. Its errors are those of Check.
func Suggest(s *snapshot.Snapshot, q Query, o Options) (SuggestReport, error) {
	if _, err := labels.Parse(q.Selector); err != nil {
		return SuggestReport{}, fmt.Errorf("selector %q: %w", q.Selector, err)
	}
	if err := rule.Exist(s, q.Targets, q.Namespace); err != nil {
		return SuggestReport{}, err
	}
	texts, err := loadMessages()
	if err != nil {
		return SuggestReport{}, err
	}
	unread, err := rule.NewUnread(o.Lang)
	if err != nil {
		return SuggestReport{}, err
	}
	targets, _ := resolve(s, q)
	scope, _ := reach(s, targets)
	out := SuggestReport{
		Report:      finding.NewReport("probe suggest", s.TakenAt, askedOf(s, q, targets), nil, unread.NotChecked(s), s.Requests),
		Suggestions: []Suggestion{}, None: []None{}, Answers: []AnswerTimes{}, Without: without(s, targets),
	}
	v := look(s, scope)
	out.AnswersUnknown = s.Source == snapshot.FromCluster && !v.countsKnown()
	for _, sub := range v.subjects {
		for _, c := range sub.containers() {
			if c.added {
				continue
			}
			out.Answers = append(out.Answers, v.answerTimes(sub, c)...)
			a := adviser{v: v, sub: sub, c: c, say: func(id string, args map[string]any) string { return texts.Text(o.Lang, id, args) }}
			if why := a.advise(); why != "" {
				out.None = append(out.None, None{c.of(sub.ref), why})
				continue
			}
			out.Suggestions = append(out.Suggestions, a.suggestion())
		}
	}
	return out, nil
}

// adviser works one container out.
type adviser struct {
	v       *view
	sub     *subject
	c       container
	say     func(id string, args map[string]any) string
	starts  int
	reasons []string
	fields  change
}

// because adds a change with its reason.
func (a *adviser) because(id string, args map[string]any, fields change) {
	a.reasons = append(a.reasons, a.say(id, args))
	for key, value := range fields {
		probe, _ := a.fields[key].(change)
		if probe == nil {
			probe = change{}
		}
		if more, ok := value.(change); ok {
			for k, v := range more {
				probe[k] = v
			}
		}
		a.fields[key] = probe
	}
}

// advise fills the suggestion; where there is none it says why.
func (a *adviser) advise() string {
	a.fields = change{}
	if _, ok := a.sub.whole(change{}); !ok {
		return a.say("immutable", map[string]any{"kind": a.sub.ref.Kind})
	}
	if a.v.s.Source == snapshot.FromManifests {
		return a.say("not-observed", nil)
	}
	all := a.v.samples(a.sub, a.c)
	a.starts = len(all)
	slow := 0
	for _, s := range all {
		slow = max(slow, s.high)
	}
	if a.starts >= neededStarts {
		a.startup(slow)
		a.readinessDelay(all)
	}
	for _, t := range Types() {
		a.timeout(t)
	}
	switch {
	case len(a.reasons) > 0:
		return ""
	case !a.c.has(Readiness) && !a.c.has(Startup):
		return a.say("no-probe", nil)
	case a.starts < neededStarts:
		return a.say("too-few", map[string]any{"starts": a.starts, "needed": neededStarts})
	}
	return a.say("fits", map[string]any{"starts": a.starts, "slowest": slow})
}

// startup gives a start twice the time of the slowest seen.
func (a *adviser) startup(slow int) {
	want := max(2*slow, leastBudget)
	args := map[string]any{"starts": a.starts, "slowest": slow}
	if a.c.has(Startup) {
		v := a.c.values(Startup)
		if v.FromStart().Earliest >= 2*slow {
			return
		}
		args["was"], args["threshold"] = v.FromStart().Earliest, threshold(v, want)
		v.FailureThreshold = threshold(v, want)
		args["guaranteed"] = v.FromStart().Earliest
		a.because("startup-longer", args, set(Startup, change{string(FailureThreshold): v.FailureThreshold}))
		return
	}
	if !a.c.has(Liveness) {
		return
	}
	live := a.c.values(Liveness)
	if live.FromStart().Earliest >= 2*slow && live.InitialDelaySeconds < longWait {
		return
	}
	h, err := handlerOf(a.c.probe(Liveness))
	if err != nil {
		return
	}
	v := Values{PeriodSeconds: startupPeriod, TimeoutSeconds: live.TimeoutSeconds, FailureThreshold: 1, SuccessThreshold: 1}
	v.PeriodSeconds = max(startupPeriod, live.TimeoutSeconds)
	v.FailureThreshold = threshold(v, want)
	args["guaranteed"] = v.FromStart().Earliest
	h[string(Period)], h[string(FailureThreshold)] = v.PeriodSeconds, v.FailureThreshold
	if live.TimeoutSeconds != 1 {
		h[string(Timeout)] = live.TimeoutSeconds
	}
	a.because("startup-new", args, set(Startup, h))
	if live.InitialDelaySeconds > 0 {
		a.because("delay-liveness", map[string]any{"delay": live.InitialDelaySeconds}, set(Liveness, change{string(InitialDelay): 0}))
	}
}

// worthDropping is the shortest initial delay that is worth a change.
const worthDropping = 10

// readinessDelay drops a delay that every start seen had to wait for.
func (a *adviser) readinessDelay(all []sample) {
	if !a.c.has(Readiness) {
		return
	}
	v := a.c.values(Readiness)
	if v.InitialDelaySeconds < worthDropping {
		return
	}
	for _, s := range all {
		if s.high > v.FirstRun().Latest+clockSlack {
			return // this one took longer than the delay by itself
		}
	}
	a.because("delay-readiness", map[string]any{"delay": v.InitialDelaySeconds}, set(Readiness, change{string(InitialDelay): 0}))
}

// timeout gives answers more time that were seen to be late, or to be near it.
func (a *adviser) timeout(t Type) {
	if !a.c.has(t) {
		return
	}
	v := a.c.values(t)
	s, near := a.v.failing(a.sub, a.c, t), a.v.counted(a.sub, a.c, t).slow(v.TimeoutSeconds)
	late := s != nil && s.fault == lateAnswer
	if !late && near == nil {
		return
	}
	fields := change{string(Timeout): ampler(v)}
	if v.PeriodSeconds < ampler(v) {
		fields[string(Period)] = ampler(v)
	}
	if late {
		a.because("timeout", map[string]any{"probe": string(t), "was": v.TimeoutSeconds, "times": times(s.event)}, set(t, fields))
		return
	}
	args := map[string]any{"probe": string(t), "was": v.TimeoutSeconds, "answers": near.answers, "over": near.over, "slow": int(near.seconds * 1000)}
	a.because("timeout-near", args, set(t, fields))
}

// answerTimes are those of a container's probes of which some are known.
func (v *view) answerTimes(sub *subject, c container) []AnswerTimes {
	var out []AnswerTimes
	for _, t := range Types() {
		if !c.has(t) {
			continue
		}
		if n := v.counted(sub, c, t); n != nil && n.Successes > 0 {
			out = append(out, AnswerTimes{Object: c.of(sub.ref), Type: t, TimeoutSeconds: c.values(t).TimeoutSeconds, Counted: *n})
		}
	}
	return out
}

func (a *adviser) suggestion() Suggestion {
	body, _ := a.sub.whole(inContainer(a.c, a.fields))
	patch, err := yaml.Marshal(body)
	if err != nil {
		patch = []byte(err.Error())
	}
	return Suggestion{
		Object: a.c.of(a.sub.ref), Starts: a.starts, Reasons: a.reasons,
		Patch: string(patch), Command: a.sub.command(body),
	}
}
