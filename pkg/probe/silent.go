package probe

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// silent says why the kubelet has nobody to ask, with what is known of it.
func (c container) silent(pod *corev1.Pod) (Skip, string) {
	if pod.Spec.NodeName == "" && pod.Status.Phase != corev1.PodRunning {
		return NotScheduled, unscheduled(pod)
	}
	status, ok := c.status(pod)
	switch {
	case !ok:
		return NotRunning, string(pod.Status.Phase)
	case status.State.Waiting != nil:
		return NotRunning, waits(status)
	case status.State.Terminated != nil:
		return NotRunning, status.State.Terminated.Reason
	case status.State.Running == nil || pod.Status.PodIP == "":
		return NotRunning, string(pod.Status.Phase)
	}
	return "", ""
}

// unscheduled is what the scheduler says of a pod that is on no node.
func unscheduled(pod *corev1.Pod) string {
	c := condition(pod, corev1.PodScheduled)
	if c == nil || c.Status == corev1.ConditionTrue {
		return ""
	}
	first, _, _ := strings.Cut(c.Message, ". ") // then come the reasons for which preemption does not help
	return strings.TrimSuffix(strings.Trim(c.Reason+": "+first, ": "), ".")
}

// waits tells a container that waits after it ended apart from one that was never there.
func waits(s corev1.ContainerStatus) string {
	last := s.LastTerminationState.Terminated
	if last == nil {
		return s.State.Waiting.Reason
	}
	return fmt.Sprintf("%s, restarts %d, last exit code %d", s.State.Waiting.Reason, s.RestartCount, last.ExitCode)
}

// ofPod says that a reason holds for all probes of a pod.
func (k Skip) ofPod() bool {
	return k == NotScheduled || k == PodGone || k == NodeLost || k == NoTransport
}

// notAsked tells what was not asked: a line for each pod or container and reason.
func notAsked(answers []Answer, texts lang.Catalogue, l lang.Lang) []finding.NotChecked {
	type about struct {
		pod       *corev1.Pod
		container string
		skip      Skip
		detail    string
	}
	var order []about
	probes := map[about][]string{}
	for _, a := range answers {
		q := a.Question
		if v, _ := a.verdict(); v != NotRun {
			continue
		}
		at := about{q.Pod, q.Container.Name, q.Skip, q.Detail}
		if q.Skip.ofPod() {
			at.container = ""
		}
		if !slices.Contains(order, at) {
			order = append(order, at)
		}
		probes[at] = append(probes[at], string(q.Type))
	}
	out := make([]finding.NotChecked, len(order))
	for i, at := range order {
		out[i] = finding.NotChecked{
			What: texts.Text(l, "not-asked", map[string]any{"probes": strings.Join(probes[at], ", "), "n": len(probes[at]), "container": at.container, "pod": "pod/" + at.pod.Name}),
			Why:  why(texts, l, at.skip, at.detail, at.container, at.pod),
		}
	}
	return out
}

// why is the sentence for a reason, with what there is to do about it.
func why(texts lang.Catalogue, l lang.Lang, k Skip, detail, container string, pod *corev1.Pod) string {
	return snapshot.Safe(texts.Text(l, "skip-"+string(k), map[string]any{
		"detail": detail, "container": container, "inspect": command("inspect", rule.RefTo(pod)), "node": pod.Spec.NodeName,
	}))
}

// command is a call of the tool about an object.
func command(verb string, r finding.Ref) string {
	out := "kubectl msa " + verb + " " + r.Object().String()
	if r.Namespace != "" {
		out += " -n " + r.Namespace
	}
	return out
}

// nobody says of each target by name that has no pod to be asked why that is so.
// Of kinds that were listed the finished and the leaving pods go without saying.
func (v *view) nobody(sc *rule.Scope, q Query, texts lang.Catalogue, l lang.Lang) []finding.NotChecked {
	var out []finding.NotChecked
	for _, t := range q.Targets {
		o, a := v.s.Find(snapshot.Kind(t.Kind), t.Namespace, t.Name)
		if a.State != snapshot.Present {
			continue // which is told where it is read
		}
		args := map[string]any{"inspect": command("inspect", t), "check": command("probe check", t), "instead": "", "phase": "", "reason": ""}
		var ended, leaving *corev1.Pod
		live := false
		for _, pod := range rule.Members[*corev1.Pod](v.s, sc) {
			switch {
			case !sc.Under(t, rule.RefTo(pod)):
			case meant(pod):
				live = true
			case pod.DeletionTimestamp != nil:
				leaving = pod
			default:
				ended = pod
			}
		}
		id := "nobody-no-pods"
		switch {
		case live || leaving == nil && ended == nil && !v.podsKnown(o):
			continue
		case t.Kind == "CronJob":
			id = "nobody-cronjob"
		case leaving != nil:
			id, args["since"] = "nobody-leaving", leaving.DeletionTimestamp.UTC().Format("15:04:05")
			if owner := rule.TemplateOwner(v.s, leaving); t.Kind == "Pod" && owner.Kind != "Pod" {
				args["instead"] = command("probe run", owner)
			}
		case ended != nil:
			id, args["phase"], args["reason"] = "nobody-ended", string(ended.Status.Phase), ended.Status.Reason
		}
		out = append(out, finding.NotChecked{What: t.String(), Why: snapshot.Safe(texts.Text(l, id, args))})
	}
	return out
}

// podsKnown says whether all pods of an object are known: without a pod read
// nobody can say that there is none.
func (v *view) podsKnown(o snapshot.Object) bool {
	selector := ""
	switch x := o.(type) {
	case *corev1.Service:
		if len(x.Spec.Selector) == 0 {
			return true
		}
		selector = labels.SelectorFromSet(x.Spec.Selector).String()
	default:
		if written, err := metav1.LabelSelectorAsSelector(rule.Selector(o)); err == nil {
			selector = written.String()
		}
	}
	return rule.RefTo(o).Kind == "CronJob" || v.s.Covered("Pod", o.GetNamespace(), selector).State == snapshot.Present
}
