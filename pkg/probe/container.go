package probe

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

// Role is what a container is to its pod.
type Role string

// A sidecar is an init container with restartPolicy Always (KEP-753). Ordinary
// init containers cannot have probes.
const (
	App     Role = "app"
	Sidecar Role = "sidecar"
)

// container is one container that may have probes, as it is written.
type container struct {
	role Role
	spec *corev1.Container
	// added says that it is in the pods and not in their template: something added it on the way.
	added bool
}

// containers lists what may have probes, in the order in which the kubelet starts them.
func containers(spec *corev1.PodSpec) []container {
	var out []container
	for i := range spec.InitContainers {
		c := &spec.InitContainers[i]
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			out = append(out, container{role: Sidecar, spec: c})
		}
	}
	for i := range spec.Containers {
		out = append(out, container{role: App, spec: &spec.Containers[i]})
	}
	return out
}

// probe is the container's probe of the type, nil for none.
func (c container) probe(t Type) *corev1.Probe {
	switch t {
	case Startup:
		return c.spec.StartupProbe
	case Liveness:
		return c.spec.LivenessProbe
	case Readiness:
		return c.spec.ReadinessProbe
	}
	return nil
}

// has says whether the container has a probe of the type.
func (c container) has(t Type) bool { return c.probe(t) != nil }

// values are those of the container's probe, which must be there.
func (c container) values(t Type) Values { return Effective(c.probe(t)) }

// path is the field path of the container's spec: "spec.containers[app]".
func (c container) path() string { return c.list() + "[" + c.spec.Name + "]" }

// probePath is the field path of one of its probes.
func (c container) probePath(t Type) string { return c.path() + "." + string(t) + "Probe" }

// fieldPath is how events name the container: "spec.containers{app}".
func (c container) fieldPath() string { return c.list() + "{" + c.spec.Name + "}" }

func (c container) list() string {
	if c.role == Sidecar {
		return "spec.initContainers"
	}
	return "spec.containers"
}

// statusPath is the field path of the container's status.
func (c container) statusPath() string {
	if c.role == Sidecar {
		return "status.initContainerStatuses[" + c.spec.Name + "]"
	}
	return "status.containerStatuses[" + c.spec.Name + "]"
}

// status is what the kubelet reported of the container in this pod; false where it has not yet.
func (c container) status(pod *corev1.Pod) (corev1.ContainerStatus, bool) {
	list := pod.Status.ContainerStatuses
	if c.role == Sidecar {
		list = pod.Status.InitContainerStatuses
	}
	i := slices.IndexFunc(list, func(s corev1.ContainerStatus) bool { return s.Name == c.spec.Name })
	if i < 0 {
		return corev1.ContainerStatus{}, false
	}
	return list[i], true
}

// in is the container of the same name and role in a pod.
func (c container) in(pod *corev1.Pod) (container, bool) {
	all := containers(&pod.Spec)
	i := slices.IndexFunc(all, func(other container) bool { return other.role == c.role && other.spec.Name == c.spec.Name })
	if i < 0 {
		return container{}, false
	}
	return all[i], true
}

// restarts says whether the kubelet starts the container again after a probe
// ended it. The container's own policy comes before the pod's; its rules about
// exit codes are not asked (kuberuntime_manager.go, computePodActions).
func (c container) restarts(spec *corev1.PodSpec) bool {
	if p := c.spec.RestartPolicy; p != nil {
		return *p != corev1.ContainerRestartPolicyNever
	}
	return spec.RestartPolicy != corev1.RestartPolicyNever
}

// of points at the container of an object.
func (c container) of(r finding.Ref) finding.Ref {
	r.Container = c.spec.Name
	return r
}
