package inspect

import (
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// life is when an object was made, and when somebody asked for its end. A
// ReplicaSet is made for a revision of the template of its Deployment.
func (e explainer) life(o snapshot.Object) []Moment {
	m := Moment{At: o.GetCreationTimestamp().Time, Kind: MomentCreated, Object: rule.RefTo(o), What: e.text("moment-created", nil)}
	if rs, ok := o.(*appsv1.ReplicaSet); ok && rs.Annotations[revisionAnnotation] != "" {
		m.Kind, m.What = MomentRevision, e.text("moment-revision", map[string]any{"revision": rs.Annotations[revisionAnnotation], "images": strings.Join(imagesOf(&rs.Spec.Template.Spec), ", ")})
	}
	out := []Moment{m}
	if gone := o.GetDeletionTimestamp(); gone != nil {
		// The API server writes the end of the grace period into it (registry/rest/delete.go).
		at := gone.Time
		if grace := o.GetDeletionGracePeriodSeconds(); grace != nil {
			at = at.Add(-time.Duration(*grace) * time.Second)
		}
		out = append(out, Moment{At: at, Kind: MomentDeleted, Object: rule.RefTo(o), What: e.text("moment-deleted", nil)})
	}
	return out
}

func imagesOf(spec *corev1.PodSpec) []string {
	var out []string
	for _, c := range spec.Containers {
		out = append(out, c.Name+"="+c.Image)
	}
	return out
}

// conditionMoments are the last changes of an object's conditions; kinds of
// add-ons have them in the same form (KEP-1623).
func (e explainer) conditionMoments(o snapshot.Object) []Moment {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
		if err != nil {
			return nil
		}
		u = &unstructured.Unstructured{Object: fields}
	}
	var out []Moment
	for _, c := range conditionsOf(u) {
		what := strings.TrimSpace(c.of+" "+c.kind) + "=" + c.status
		if c.reason != "" {
			what += ", " + c.reason
		}
		if c.message != "" {
			what += ": " + c.message
		}
		at := c.since
		if c.updated.After(at) {
			at = c.updated
		}
		out = append(out, Moment{At: at, Kind: MomentCondition, Object: rule.RefTo(o), What: what, Warning: badCondition(c.kind, c.status)})
	}
	return out
}

// badCondition says that a condition tells of trouble that lasts: an ordinary
// start sets Ready=False too, so only what a controller gave up on counts.
func badCondition(kind, status string) bool {
	switch kind {
	case "ReplicaFailure", "Failed", "FailureTarget", "Stalled":
		return status == "True"
	case "Progressing", "Accepted", "ResolvedRefs":
		return status == "False"
	}
	return false
}

// containerMoments are the last start and the last end of each container.
func (e explainer) containerMoments(o snapshot.Object) []Moment {
	pod, ok := o.(*corev1.Pod)
	if !ok {
		return nil
	}
	var out []Moment
	for _, c := range containers(pod) {
		at := withContainer(rule.RefTo(pod), c.spec.Name)
		for _, t := range []*corev1.ContainerStateTerminated{c.status.LastTerminationState.Terminated, c.status.State.Terminated} {
			if t == nil {
				continue
			}
			args := map[string]any{"container": c.spec.Name, "code": int(t.ExitCode), "reason": t.Reason, "after": ""}
			if !t.StartedAt.IsZero() && t.FinishedAt.After(t.StartedAt.Time) {
				args["after"] = t.FinishedAt.Sub(t.StartedAt.Time).Round(time.Second).String()
			}
			out = append(out, Moment{At: t.FinishedAt.Time, Kind: MomentContainer, Object: at, Warning: t.ExitCode != 0, What: e.text("moment-ended", args)})
		}
		if r := c.status.State.Running; r != nil {
			out = append(out, Moment{At: r.StartedAt.Time, Kind: MomentContainer, Object: at, What: e.text("moment-started", map[string]any{"container": c.spec.Name, "restarts": int(c.status.RestartCount)})})
		}
	}
	return out
}

// changeMoments tell who wrote which fields last, from managedFields. What
// controllers write into status is in the conditions already.
func (e explainer) changeMoments(o snapshot.Object) []Moment {
	var out []Moment
	for _, f := range o.GetManagedFields() {
		if f.Time == nil || f.Subresource == "status" || f.FieldsV1 == nil {
			continue
		}
		fields := fieldPaths(f.FieldsV1.GetRawBytes())
		if len(fields) == 0 {
			continue
		}
		args := map[string]any{"manager": f.Manager, "fields": fewFields(fields), "more": max(0, len(fields)-shownFields)}
		out = append(out, Moment{At: f.Time.Time, Kind: MomentChange, Object: rule.RefTo(o), What: e.text("moment-change", args), Fields: fields})
	}
	return out
}

const shownFields = 4

func fewFields(fields []string) string {
	return strings.Join(fields[:min(len(fields), shownFields)], ", ")
}

// eventMoments are the events about what is in the scope, and about pods of its
// ReplicaSets that are gone by now: why they went is often the question.
func (e explainer) eventMoments() []Moment {
	seen := map[string]bool{}
	var sets []finding.Ref
	for m := range e.scope.Members() {
		seen[m.Kind+"/"+m.Namespace+"/"+m.Name] = true
		if m.Kind == "ReplicaSet" || m.Kind == "Job" || m.Kind == "StatefulSet" || m.Kind == "DaemonSet" {
			sets = append(sets, m)
		}
	}
	var out []Moment
	for _, o := range e.s.OfKind(eventKind, "") {
		event, ok := o.(*corev1.Event)
		if !ok {
			continue
		}
		about := event.InvolvedObject
		gone := about.Kind == "Pod" && slices.ContainsFunc(sets, func(r finding.Ref) bool {
			return r.Namespace == about.Namespace && stem(about.Name) == r.Name
		})
		if !seen[about.Kind+"/"+about.Namespace+"/"+about.Name] && !gone {
			continue
		}
		m := Moment{
			At: firstSeen(event), Kind: MomentEvent, Object: finding.Ref{Kind: about.Kind, Namespace: about.Namespace, Name: about.Name},
			Times: max(1, occurrences(event)), Warning: event.Type == corev1.EventTypeWarning,
			What: event.Reason + ": " + withoutItself(event),
		}
		if last := rule.LastSeen(event).UTC(); last.After(m.At) {
			m.Until = &last
		}
		out = append(out, m)
	}
	return out
}

// withoutItself is an event's message without the name of the pod that it is about,
// which stands beside it, so that the same thing said of several pods is the same.
func withoutItself(e *corev1.Event) string {
	about, message := e.InvolvedObject, strings.TrimPrefix(e.Message, "(combined from similar events): ")
	if about.Kind != "Pod" || about.Name == "" {
		return message
	}
	return strings.NewReplacer(
		" in pod "+about.Name+"_"+about.Namespace+"("+string(about.UID)+")", "", // the kubelet's way (format.Pod)
		" "+about.Namespace+"/"+about.Name+" ", " ", // the scheduler's
	).Replace(message)
}

func firstSeen(e *corev1.Event) time.Time {
	switch {
	case !e.FirstTimestamp.IsZero():
		return e.FirstTimestamp.Time
	case !e.EventTime.IsZero():
		return e.EventTime.Time
	}
	return e.CreationTimestamp.Time
}
