package probe

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Change is one number of a probe that is to be tried out.
type Change struct {
	// Container is empty for every container that has such a probe.
	Container string
	Type      Type
	Field     Field
	Value     int
}

// String is the form in which it is written: "app:liveness.periodSeconds=5".
func (c Change) String() string {
	text := fmt.Sprintf("%s.%s=%d", c.Type, c.Field, c.Value)
	if c.Container != "" {
		return c.Container + ":" + text
	}
	return text
}

// Fields lists the numbers that can be tried out.
func Fields() []Field {
	return []Field{InitialDelay, Period, Timeout, SuccessThreshold, FailureThreshold, Grace}
}

// Trouble is what is wrong with a change.
type Trouble string

// The troubles: it is not of the form CONTAINER:PROBE.FIELD=N; it names no probe or no field
// there is; the API server would refuse the number; no container has such a probe.
const (
	BadForm  Trouble = "form"
	BadProbe Trouble = "probe"
	BadField Trouble = "field"
	BadValue Trouble = "value"
	NoProbe  Trouble = "none"
)

// ChangeError is a change that cannot be tried out.
type ChangeError struct {
	Text    string
	Trouble Trouble
	// Detail is the part that is wrong.
	Detail string
}

func (e *ChangeError) Error() string {
	return fmt.Sprintf("change %q: %s %q", e.Text, e.Trouble, e.Detail)
}

// ParseChange reads "liveness.periodSeconds=5", with a container and a colon in
// front for one container. The word Probe may follow the probe's. Its error is a *ChangeError.
func ParseChange(text string) (Change, error) {
	bad := func(t Trouble, detail string) (Change, error) {
		return Change{}, &ChangeError{Text: text, Trouble: t, Detail: detail}
	}
	where, value, found := strings.Cut(text, "=")
	name, rest, named := strings.Cut(where, ":")
	if !named {
		name, rest = "", where
	}
	kind, field, dotted := strings.Cut(rest, ".")
	if !found || !dotted || named && name == "" {
		return bad(BadForm, text)
	}
	c := Change{Container: name, Type: Type(strings.TrimSuffix(kind, "Probe")), Field: Field(field)}
	if !slices.Contains(Types(), c.Type) {
		return bad(BadProbe, kind)
	}
	if !slices.Contains(Fields(), c.Field) {
		return bad(BadField, field)
	}
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || !c.allows(int(n)) {
		return bad(BadValue, value)
	}
	c.Value = int(n)
	return c, nil
}

// allows says whether the API server takes the number (pkg/apis/core/validation,
// validateProbe and its callers). 0 becomes the default.
func (c Change) allows(n int) bool {
	switch {
	case n < 0:
		return false
	case c.Field == SuccessThreshold && c.Type != Readiness:
		return n <= 1
	case c.Field == Grace:
		return n > 0 && c.Type != Readiness
	}
	return true
}

// Apply writes the changes into the snapshot's workloads and pods that the
// query is about. Pods of a workload stay as they run. Its error is a *ChangeError.
func Apply(s *snapshot.Snapshot, q Query, changes []Change) error {
	targets, _ := resolve(s, q)
	scope, _ := reach(s, targets)
	v := look(s, scope)
	used := make([]bool, len(changes))
	for _, sub := range v.subjects {
		o, a := s.Find(snapshot.Kind(sub.read.Kind), sub.read.Namespace, sub.read.Name)
		if a.State != snapshot.Present {
			continue
		}
		changed, ok := o.DeepCopyObject().(snapshot.Object)
		if !ok {
			continue
		}
		_, spec := template(changed)
		for _, c := range containers(spec) {
			for i, change := range changes {
				if p := c.probe(change.Type); p != nil && (change.Container == "" || change.Container == c.spec.Name) {
					change.write(p)
					used[i] = true
				}
			}
		}
		s.Add(changed)
	}
	if i := slices.Index(used, false); i >= 0 {
		return &ChangeError{Text: changes[i].String(), Trouble: NoProbe, Detail: string(changes[i].Type)}
	}
	return nil
}

func (c Change) write(p *corev1.Probe) {
	n := int32(c.Value)
	switch c.Field {
	case InitialDelay:
		p.InitialDelaySeconds = n
	case Period:
		p.PeriodSeconds = n
	case Timeout:
		p.TimeoutSeconds = n
	case SuccessThreshold:
		p.SuccessThreshold = n
	case FailureThreshold:
		p.FailureThreshold = n
	case Grace:
		grace := int64(n)
		p.TerminationGracePeriodSeconds = &grace
	}
}

// Was is what a probe was before a change that is being tried out.
type Was struct {
	Values Values `json:"values"`
	Timing Timing `json:"timing"`
}

// Trial says what a change that is being tried out does.
type Trial struct {
	Set []string `json:"set"`
	// Gone are the findings that it removes, New those that it brings.
	Gone []finding.Symptom `json:"gone"`
	New  []finding.Symptom `json:"new"`
}

// try checks the query as things are and as they would be, and compares. It
// writes the changes into the snapshot.
func try(s *snapshot.Snapshot, q Query, o Options) (Report, error) {
	plain := o
	plain.Set = nil
	before, err := Check(s, q, plain)
	if err != nil {
		return Report{}, err
	}
	if err := Apply(s, q, o.Set); err != nil {
		return Report{}, err
	}
	after, err := Check(s, q, plain)
	if err != nil {
		return Report{}, err
	}
	old := map[string]Probe{}
	for _, p := range before.Probes {
		old[p.key()] = p
	}
	for i, p := range after.Probes {
		if was, ok := old[p.key()]; ok && !reflect.DeepEqual(was.Values, p.Values) {
			after.Probes[i].Was = &Was{Values: was.Values, Timing: was.Timing}
		}
	}
	after.Trial = &Trial{Gone: missing(before.Findings, after.Findings), New: missing(after.Findings, before.Findings)}
	for _, c := range o.Set {
		after.Trial.Set = append(after.Trial.Set, c.String())
	}
	return after, nil
}

func (p Probe) key() string {
	return strings.Join([]string{p.Namespace, p.Pod, p.Container, string(p.Type)}, "|")
}

// missing lists the findings of one report that another does not have. Numbers
// in their words may differ.
func missing(from, in []finding.Finding) []finding.Symptom {
	same := func(f finding.Finding) string { return fmt.Sprint(f.Rule, f.Object, f.Args["probe"]) }
	have := map[string]bool{}
	for _, f := range in {
		have[same(f)] = true
	}
	out := []finding.Symptom{}
	for _, f := range from {
		if !have[same(f)] {
			out = append(out, finding.Symptom{Rule: f.Rule, Object: f.Object, Title: f.Title})
		}
	}
	return out
}
