package inspect

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// role is what a container is to its pod.
type role string

// An init container runs to its end before the next; a sidecar is an init
// container with restartPolicy Always (KEP-753), which must have started
// before the next and keeps running.
const (
	app     role = "app"
	initial role = "init"
	sidecar role = "sidecar"
)

// container is one container of a pod, as written and as observed.
type container struct {
	role role
	spec *corev1.Container
	// status is an empty one where the kubelet has not reported any.
	status *corev1.ContainerStatus
}

// containers lists a pod's containers in the order in which the kubelet starts them.
func containers(pod *corev1.Pod) []container {
	out := make([]container, 0, len(pod.Spec.InitContainers)+len(pod.Spec.Containers))
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		r := initial
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			r = sidecar
		}
		out = append(out, container{role: r, spec: c, status: statusOf(pod.Status.InitContainerStatuses, c.Name)})
	}
	for i := range pod.Spec.Containers {
		c := &pod.Spec.Containers[i]
		out = append(out, container{role: app, spec: c, status: statusOf(pod.Status.ContainerStatuses, c.Name)})
	}
	return out
}

func statusOf(statuses []corev1.ContainerStatus, name string) *corev1.ContainerStatus {
	for i := range statuses {
		if statuses[i].Name == name {
			return &statuses[i]
		}
	}
	return &corev1.ContainerStatus{Name: name}
}

// path is the field path of the container's spec: "spec.containers[app]".
func (c container) path() string { return c.list() + "[" + c.spec.Name + "]" }

// statusPath is the field path of the container's status.
func (c container) statusPath() string {
	if c.role == app {
		return "status.containerStatuses[" + c.spec.Name + "]"
	}
	return "status.initContainerStatuses[" + c.spec.Name + "]"
}

// fieldPath is how events name the container: "spec.containers{app}".
func (c container) fieldPath() string { return c.list() + "{" + c.spec.Name + "}" }

func (c container) list() string {
	if c.role == app {
		return "spec.containers"
	}
	return "spec.initContainers"
}

// waiting gives the reason and message for which the container is not there yet.
func (c container) waiting() (reason, message string) {
	if w := c.status.State.Waiting; w != nil {
		return w.Reason, w.Message
	}
	return "", ""
}

// died is the end of the newest instance that ended, nil where none has.
func (c container) died() *corev1.ContainerStateTerminated {
	if t := c.status.State.Terminated; t != nil {
		return t
	}
	return c.status.LastTerminationState.Terminated
}

// restarts says whether the kubelet starts the container again when it ends with this exit code.
func (c container) restarts(pod *corev1.Pod, exitCode int32) bool {
	if c.role == sidecar {
		return true
	}
	policy := pod.Spec.RestartPolicy
	if c.spec.RestartPolicy != nil {
		policy = corev1.RestartPolicy(*c.spec.RestartPolicy)
	}
	switch policy {
	case corev1.RestartPolicyNever:
		return false
	case corev1.RestartPolicyOnFailure:
		return exitCode != 0
	case corev1.RestartPolicyAlways:
		return c.role == app || exitCode != 0
	}
	return true
}

// livePods are the scope's pods that are meant to run: pods that are being
// deleted, and finished pods whose controller has replaced them, are left out.
func livePods(s *snapshot.Snapshot, sc *rule.Scope) []*corev1.Pod {
	var out []*corev1.Pod
	for _, pod := range rule.Members[*corev1.Pod](s, sc) {
		finished := pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
		if pod.DeletionTimestamp != nil || endedFromOutside(pod) || finished && rule.TemplateOwner(s, pod) != rule.RefTo(pod) {
			continue
		}
		out = append(out, pod)
	}
	return out
}

// endedFromOutside says that the kubelet ended the whole pod: evicted, out of
// time, preempted. How its containers ended (137, 143) then tells nothing of them.
func endedFromOutside(pod *corev1.Pod) bool {
	if pod.Status.Phase != corev1.PodFailed {
		return false
	}
	switch pod.Status.Reason {
	case "Evicted", "DeadlineExceeded", "Preempting", "NodeLost", "Terminated":
		return true
	}
	return false
}

// eachContainer visits every container of every live pod in the scope.
func eachContainer(s *snapshot.Snapshot, sc *rule.Scope, visit func(*corev1.Pod, container)) {
	for _, pod := range livePods(s, sc) {
		for _, c := range containers(pod) {
			visit(pod, c)
		}
	}
}
