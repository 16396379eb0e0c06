package inspect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// MomentKind says where a moment of the time line was read.
type MomentKind string

// Created: metadata.creationTimestamp. Event: an Event object, which the API
// server keeps for an hour by default. Condition: the last change of a condition,
// earlier ones are not recorded. Revision: a ReplicaSet or ControllerRevision.
// Container: a start or an end in the container's status, the last of each.
// Change: an entry of managedFields, the last write of each manager. Deleted: metadata.deletionTimestamp.
const (
	MomentCreated   MomentKind = "created"
	MomentEvent     MomentKind = "event"
	MomentCondition MomentKind = "condition"
	MomentRevision  MomentKind = "revision"
	MomentContainer MomentKind = "container"
	MomentChange    MomentKind = "change"
	MomentDeleted   MomentKind = "deleted"
)

// Moment is one thing that happened.
type Moment struct {
	// At is when, by the clock of the component that wrote it down; Until is the last time for one that repeated.
	At     time.Time   `json:"at"`
	Until  *time.Time  `json:"until,omitempty"`
	Kind   MomentKind  `json:"kind"`
	Object finding.Ref `json:"object"`
	// Objects is how many like objects it happened to within the same few seconds, Members names them where there are several.
	Objects int      `json:"objects"`
	Members []string `json:"members"`
	// Times is how often it was seen.
	Times   int    `json:"times,omitempty"`
	Warning bool   `json:"warning,omitempty"`
	What    string `json:"what"`
	// Fields are the fields that were written, for a change.
	Fields []string `json:"fields,omitempty"`
}

// TimelineReport is what happened to an object and to what hangs below it, the oldest first.
type TimelineReport struct {
	finding.Report
	Timeline []Moment `json:"timeline"`
}

// Base gives the part that every report has.
func (r TimelineReport) Base() finding.Report { return r.Report }

// TimelinePlan is Plan, and in any case the events.
func TimelinePlan(s *snapshot.Snapshot, q Query) snapshot.Needs {
	if first := Plan(s, q); !first.Empty() {
		return first
	}
	targets, _ := resolve(s, q)
	scope, _ := reach(s, targets)
	return s.Missing(eventNeeds(scope))
}

// Timeline merges what the snapshot knows of the past. Its errors are those of Inspect.
func Timeline(s *snapshot.Snapshot, q Query, o Options) (TimelineReport, error) {
	if _, err := labels.Parse(q.Selector); err != nil {
		return TimelineReport{}, fmt.Errorf("selector %q: %w", q.Selector, err)
	}
	if err := rule.Exist(s, q.Targets, q.Namespace); err != nil {
		return TimelineReport{}, err
	}
	targets, _ := resolve(s, q)
	scope, _ := reach(s, targets)
	findings := rule.Diagnose(scope, rule.Run(s, scope, Rules()), o.Catalogue, o.Lang)
	e, err := newViewer(s, scope, findings, o)
	if err != nil {
		return TimelineReport{}, err
	}
	asked := finding.Scope{Context: s.Context, Namespace: namespaceOf(s, q, targets)}
	for _, t := range targets {
		asked.Targets = append(asked.Targets, t.String())
	}
	return TimelineReport{
		Report:   finding.NewReport("inspect", s.TakenAt, asked, findings, e.notChecked(q), s.Requests),
		Timeline: together(e.moments()),
	}, nil
}

// moments lists everything that has a time, the oldest first.
func (e explainer) moments() []Moment {
	var out []Moment
	for m := range e.scope.Members() {
		o, a := e.s.Find(snapshot.Kind(m.Kind), m.Namespace, m.Name)
		if a.State != snapshot.Present {
			continue
		}
		out = append(out, e.life(o)...)
		out = append(out, e.conditionMoments(o)...)
		out = append(out, e.containerMoments(o)...)
		out = append(out, e.changeMoments(o)...)
	}
	out = append(out, e.eventMoments()...)
	out = slices.DeleteFunc(out, func(m Moment) bool { return m.At.IsZero() })
	for i := range out {
		out[i].At, out[i].Objects, out[i].Members = out[i].At.UTC(), 1, []string{}
	}
	slices.SortStableFunc(out, func(x, y Moment) int {
		if c := x.At.Compare(y.At); c != 0 {
			return c
		}
		return strings.Compare(x.Object.String()+x.What, y.Object.String()+y.What)
	})
	return out
}

// sameTime is how far apart the same thing on like objects may be to be one line.
const sameTime = 10 * time.Second

// together joins what happened to several pods of the same owner at about the same time.
func together(all []Moment) []Moment {
	out := []Moment{}
	for _, m := range all {
		at := -1
		for i := len(out) - 1; i >= 0 && m.At.Sub(out[i].At) <= sameTime; i-- {
			x := out[i]
			if x.Kind == m.Kind && x.What == m.What && x.Object.Kind == m.Object.Kind && x.Object.Container == m.Object.Container &&
				x.Object != m.Object && m.Object.Kind == "Pod" && stem(x.Object.Name) == stem(m.Object.Name) && !slices.Contains(x.Members, m.Object.Name) {
				at = i
				break
			}
		}
		if at < 0 {
			out = append(out, m)
			continue
		}
		x := &out[at]
		if x.Objects == 1 {
			x.Members = []string{x.Object.Name}
		}
		x.Objects++
		x.Members = append(x.Members, m.Object.Name)
		x.Times += m.Times
		if m.Until != nil && (x.Until == nil || m.Until.After(*x.Until)) {
			x.Until = m.Until
		}
	}
	return out
}

// stem is a generated name without what tells it from its like.
func stem(name string) string {
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		return name[:i]
	}
	return name
}
