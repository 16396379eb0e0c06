package inspect

import (
	"sort"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const eventKind snapshot.Kind = "Event"

// eventNeeds asks for the events of what is in the scope: those of one pod by
// itself, else those of the namespace in one list. Events that other commands
// need are not worth a request each.
func eventNeeds(sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	if sc.Len() == 1 && sc.Targets[0].Kind == "Pod" {
		n.Objects = append(n.Objects, podEventNeed(sc.Targets[0].Namespace, sc.Targets[0].Name))
		return n
	}
	seen, all := map[string]bool{}, everywhere(sc)
	for m := range sc.Members() {
		if m.Namespace == "" || seen[m.Namespace] { // nothing cluster-scoped is a member with events of interest
			continue
		}
		seen[m.Namespace] = true
		n.Objects = append(n.Objects, snapshot.Need{Kind: eventKind, Namespace: listed(all, m.Namespace)})
	}
	return n
}

func podEventNeed(namespace, name string) snapshot.Need {
	return snapshot.Need{Kind: eventKind, Namespace: namespace, Fields: "involvedObject.name=" + name}
}

// eventsAbout lists the events about an object, the newest first. Unknown
// means that there may be more: the events could not be read, or not all of them.
func eventsAbout(s *snapshot.Snapshot, o snapshot.Object) ([]*corev1.Event, snapshot.Answer) {
	all, answer := snapshot.List[*corev1.Event](s, o.GetNamespace(), nil)
	if answer.State != snapshot.Present {
		if a := s.Asked(podEventNeed(o.GetNamespace(), o.GetName())); a.State == snapshot.Present || answer.NotRead() {
			answer = a
		}
	}
	var out []*corev1.Event
	for _, e := range all {
		sameUID := e.InvolvedObject.UID == "" || o.GetUID() == "" || e.InvolvedObject.UID == o.GetUID()
		if e.InvolvedObject.Kind == string(snapshot.KindOf(o)) && e.InvolvedObject.Name == o.GetName() && sameUID {
			out = append(out, e)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return rule.LastSeen(out[i]).After(rule.LastSeen(out[j])) })
	return out, answer
}

// containerEvents are a pod's events about one of its containers with this reason, the newest first.
func containerEvents(s *snapshot.Snapshot, pod *corev1.Pod, c container, reason string) ([]*corev1.Event, snapshot.Answer) {
	all, answer := eventsAbout(s, pod)
	var out []*corev1.Event
	for _, e := range all {
		if e.Reason == reason && e.InvolvedObject.FieldPath == c.fieldPath() {
			out = append(out, e)
		}
	}
	return out, answer
}
