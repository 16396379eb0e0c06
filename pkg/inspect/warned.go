package inspect

import (
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Where an object is not as it should be and no rule says why, the newest
// warning that the cluster wrote about it, or about what lies below it, is
// shown as it is: quoting is honest where explaining is not possible.

// warnedKinds are the kinds whose warnings are looked for.
func warnedKinds(kind string) bool {
	switch kind {
	case "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "Pod":
		return true
	}
	return false
}

// warningNeeds asks for the events where something reached is not healthy by its own word.
func warningNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	texts, err := loadMessages()
	if err != nil {
		return snapshot.Needs{}
	}
	e := explainer{s: s, scope: sc, texts: texts}
	for m := range sc.Members() {
		o, a := s.Find(snapshot.Kind(m.Kind), m.Namespace, m.Name)
		if a.State != snapshot.Present || !warnedKinds(m.Kind) {
			continue
		}
		if !e.well(o) {
			return eventNeeds(sc)
		}
	}
	return snapshot.Needs{}
}

// warningAge is how old a warning may be to be about the present: the API
// server keeps events for an hour, controllers and kubelets repeat theirs within minutes.
const warningAge = 20 * time.Minute

// cause says whether a finding tells why, rather than only what.
func (e explainer) cause(f finding.Finding) bool { return !e.catalogue[f.Rule].IsSymptom() }

// lastWarning is the newest Warning event about the object or what was reached
// below it, and how often its object had one of that reason.
func (e explainer) lastWarning(r finding.Ref) (newest *corev1.Event, times int) {
	for _, m := range append([]finding.Ref{r}, e.scope.Below(r)...) {
		if !warnedKinds(m.Kind) {
			continue
		}
		o, a := e.s.Find(snapshot.Kind(m.Kind), m.Namespace, m.Name)
		if a.State != snapshot.Present {
			continue
		}
		events, _ := eventsAbout(e.s, o)
		for _, event := range events {
			if event.Type != corev1.EventTypeWarning || e.s.TakenAt.Sub(rule.LastSeen(event)) > warningAge {
				continue
			}
			if newest == nil || rule.LastSeen(event).After(rule.LastSeen(newest)) {
				newest, times = event, repetitions(events, event.Reason)
			}
			break // the newest of this object
		}
	}
	return newest, times
}

// warn adds the newest warning to an object that is not healthy and that no finding explains.
func (e explainer) warn(out *Object) {
	if !warnedKinds(out.Object.Kind) || out.Health == Healthy || e.explained(out.Object, e.cause) {
		return
	}
	event, times := e.lastWarning(out.Object)
	if event == nil {
		return
	}
	if blocking(event.Reason, times) {
		out.Health = Unwell
	}
	said := eventEvidence(event)
	said.Value = strings.TrimPrefix(said.Value, "(combined from similar events): ")
	if times > 1 {
		said.Path += " (" + strconv.Itoa(times) + " times)"
	}
	out.Warning = &said
}

// blocking says whether events of this reason tell of something that a controller or
// kubelet cannot get past by itself, rather than of an ordinary start.
func blocking(reason string, times int) bool {
	switch reason {
	case "FailedCreate":
		return true
	case "FailedMount", "FailedAttachVolume", sandboxReason:
		return times > usualFailures
	}
	return false
}

// usualFailures are no sign of trouble while volumes and networks are made ready.
const usualFailures = 2

// repetitions counts how often an object's events tell of a reason. A message that
// holds an id is another one each time, and is not merged with the last.
func repetitions(events []*corev1.Event, reason string) int {
	n := 0
	for _, e := range events {
		if e.Reason == reason {
			n += max(1, occurrences(e))
		}
	}
	return n
}

func occurrences(e *corev1.Event) int {
	if e.Series != nil {
		return int(e.Series.Count)
	}
	return int(e.Count)
}
