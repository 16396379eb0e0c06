package inspect

import (
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// revisionAnnotation numbers a Deployment's ReplicaSets (deploymentutil.RevisionAnnotation).
const revisionAnnotation = "deployment.kubernetes.io/revision"

// shownPods bounds how many pods are listed beside their owner; the rest is counted.
const shownPods = 10

func (e explainer) deployment(out *Object, d *appsv1.Deployment) {
	want := replicasOf(d.Spec.Replicas)
	args := map[string]any{"n": want, "recreate": d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType, "surge": "25%", "unavailable": "25%"}
	if u := d.Spec.Strategy.RollingUpdate; u != nil {
		if u.MaxSurge != nil {
			args["surge"] = u.MaxSurge.String()
		}
		if u.MaxUnavailable != nil {
			args["unavailable"] = u.MaxUnavailable.String()
		}
	}
	out.Summary = e.text("deployment", args)
	out.Health, out.Status = e.deploymentStatus(d)
	asked := strconv.Itoa(want)
	out.Compare = append(out.Compare,
		e.count("what-pods", asked, d.Status.Replicas, int(d.Status.Replicas) == want),
		e.count("what-updated", asked, d.Status.UpdatedReplicas, int(d.Status.UpdatedReplicas) == want),
		e.count("what-ready", asked, d.Status.ReadyReplicas, int(d.Status.ReadyReplicas) >= want),
		e.count("what-available", asked, d.Status.AvailableReplicas, int(d.Status.AvailableReplicas) >= want),
		e.compare("what-generation", nil, strconv.FormatInt(d.Generation, 10), strconv.FormatInt(d.Status.ObservedGeneration, 10), d.Status.ObservedGeneration >= d.Generation),
	)
	for _, rs := range replicaSetsOf(e.s, d) {
		if replicasOf(rs.Spec.Replicas) > 0 || rs.Status.Replicas > 0 {
			out.Related = append(out.Related, e.link(Controls, rule.RefTo(rs)))
		}
	}
	out.Related = append(out.Related, e.podsUnder(Controls, out.Object)...)
}

func (e explainer) deploymentStatus(d *appsv1.Deployment) (Health, string) {
	health, status := e.replicas(d.Spec.Replicas, d.Status.ReadyReplicas)
	want := replicasOf(d.Spec.Replicas)
	if health == Healthy && (int(d.Status.UpdatedReplicas) < want || int(d.Status.AvailableReplicas) < want || d.Status.ObservedGeneration < d.Generation) {
		health = Progressing
	}
	if d.Spec.Paused {
		status += ", " + e.text("status-paused", nil)
	}
	return health, status
}

func (e explainer) replicaSet(out *Object, rs *appsv1.ReplicaSet) {
	want := replicasOf(rs.Spec.Replicas)
	args := map[string]any{"n": want, "owner": "", "revision": rs.Annotations[revisionAnnotation]}
	if owner, ok := controller(rs); ok {
		args["owner"] = owner.Kind + " " + owner.Name
	}
	out.Summary = e.text("replicaset", args)
	out.Health, out.Status = e.replicas(rs.Spec.Replicas, rs.Status.ReadyReplicas)
	asked := strconv.Itoa(want)
	out.Compare = append(out.Compare,
		e.count("what-pods", asked, rs.Status.Replicas, int(rs.Status.Replicas) == want),
		e.count("what-ready", asked, rs.Status.ReadyReplicas, int(rs.Status.ReadyReplicas) >= want),
		e.count("what-available", asked, rs.Status.AvailableReplicas, int(rs.Status.AvailableReplicas) >= want))
	out.Related = append(out.Related, e.podsUnder(Controls, out.Object)...)
}

// replicas is the health of something that keeps a number of pods.
func (e explainer) replicas(desired *int32, ready int32) (Health, string) {
	want := replicasOf(desired)
	if want == 0 {
		return Healthy, e.text("status-scaled-to-zero", nil)
	}
	health := Healthy
	if int(ready) < want {
		health = Progressing
	}
	return health, e.text("status-pods-ready", map[string]any{"ready": ready, "desired": want})
}

func (e explainer) count(id, desired string, observed int32, ok bool) Comparison {
	return e.compare(id, nil, desired, strconv.Itoa(int(observed)), ok)
}

// podsUnder links the pods of the scope below an object, the unwell first, up to a bound.
func (e explainer) podsUnder(relation Relation, r finding.Ref) []Link {
	var bad, good []finding.Ref
	for _, ref := range e.scope.Below(r) {
		if ref.Kind != "Pod" {
			continue
		}
		pod, a := e.s.Find("Pod", ref.Namespace, ref.Name)
		if a.State != snapshot.Present {
			continue
		}
		if e.well(pod) && e.health(ref, Healthy) == Healthy {
			good = append(good, ref)
		} else {
			bad = append(bad, ref)
		}
	}
	all := slices.Concat(bad, good)
	links := make([]Link, 0, min(len(all), shownPods))
	for _, ref := range all[:cap(links)] {
		links = append(links, e.link(relation, ref))
	}
	return links
}

func (e explainer) pod(out *Object, pod *corev1.Pod) {
	list := containers(pod)
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = c.spec.Name
	}
	out.Summary = e.text("pod", map[string]any{"n": len(list), "names": strings.Join(names, ", "), "node": pod.Spec.NodeName})
	out.Health, out.Status = e.podStatus(pod)
	node, placed := pod.Spec.NodeName, pod.Spec.NodeName != ""
	if !placed {
		node = e.text("none-yet", nil)
	}
	out.Compare = append(out.Compare, e.compare("what-node", nil, e.text("want-some-node", nil), node, placed))
	for _, c := range list {
		out.Compare = append(out.Compare, e.container(pod, c))
	}
}

func (e explainer) container(pod *corev1.Pod, c container) Comparison {
	args := map[string]any{"name": c.spec.Name}
	observed, ok := e.containerState(c)
	if t := c.status.State.Terminated; t != nil && c.role == app && t.ExitCode == 0 && !c.restarts(pod, 0) {
		return e.compare("what-container", args, e.text("want-done", nil), observed, true)
	}
	switch c.role {
	case initial:
		ended := c.status.State.Terminated
		return e.compare("what-init", args, e.text("want-done", nil), observed, ended != nil && ended.ExitCode == 0)
	case sidecar:
		return e.compare("what-sidecar", args, e.text("want-ready", nil), observed, ok)
	case app:
	}
	return e.compare("what-container", args, e.text("want-ready", nil), observed, ok)
}

// containerState says in a few words how a container is, and whether that is as it should be.
func (e explainer) containerState(c container) (string, bool) {
	state, ok := e.text("not-started", nil), false
	switch {
	case c.status.State.Running != nil && c.status.Ready:
		state, ok = e.text("running-ready", nil), true
	case c.status.State.Running != nil && c.status.Started != nil && !*c.status.Started:
		state = e.text("running-starting", nil)
	case c.status.State.Running != nil:
		state = e.text("running-not-ready", nil)
	case c.status.State.Terminated != nil:
		t := c.status.State.Terminated
		state = e.text("ended", map[string]any{"code": int(t.ExitCode), "reason": t.Reason})
	case c.status.State.Waiting != nil && c.status.State.Waiting.Reason != "":
		state = c.status.State.Waiting.Reason
	}
	if n := int(c.status.RestartCount); n > 0 {
		state += e.text("restarts", map[string]any{"n": n})
	}
	return state, ok
}

func (e explainer) podStatus(pod *corev1.Pod) (Health, string) {
	ready, desired, phase := readiness(pod)
	if pod.Status.Phase == corev1.PodSucceeded {
		return podHealth(pod), phase // its containers are done: none is to be ready
	}
	return podHealth(pod), e.text("status-containers-ready", map[string]any{"phase": phase, "ready": ready, "desired": desired})
}

// podHealth is a pod's health by its own word.
func podHealth(pod *corev1.Pod) Health {
	ready, desired, _ := readiness(pod)
	switch {
	case pod.Status.Phase == corev1.PodSucceeded:
		return Healthy
	case pod.Status.Phase == corev1.PodRunning && ready == desired && !heldBack(pod):
		return Healthy
	case pod.Status.Phase == corev1.PodFailed:
		return Unwell
	}
	return Progressing
}

// readiness counts the containers that are ready of those that are to be, and
// says in a word where the pod stands: what its first container waits for, else its phase.
func readiness(pod *corev1.Pod) (ready, desired int, phase string) {
	worst := ""
	for _, c := range containers(pod) {
		prefix := "Init:"
		if c.role == app {
			prefix = ""
		}
		if c.role != initial { // a sidecar that is not ready keeps its pod from being ready
			desired++
			if c.status.Ready {
				ready++
			}
		}
		if reason, _ := c.waiting(); reason != "" && reason != "PodInitializing" && worst == "" {
			worst = prefix + reason
		}
	}
	if worst != "" {
		return ready, desired, worst
	}
	return ready, desired, string(pod.Status.Phase)
}

// heldBack says that the pod itself is not ready, whatever its containers are: a readiness gate is closed (KEP-580).
func heldBack(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionFalse
		}
	}
	return false
}

// replicasOf is the number asked for; the API server defaults a missing one to 1.
func replicasOf(n *int32) int {
	if n == nil {
		return 1
	}
	return int(*n)
}

func controller(o snapshot.Object) (finding.Ref, bool) {
	for _, r := range o.GetOwnerReferences() {
		if r.Controller != nil && *r.Controller {
			up := finding.Ref{Kind: r.Kind, Namespace: o.GetNamespace(), Name: r.Name}
			if i, known := snapshot.Lookup(snapshot.Kind(r.Kind)); known && !i.Namespaced { // the Node of a static pod
				up.Namespace = ""
			}
			return up, true
		}
	}
	return finding.Ref{}, false
}
