package fit

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	helper "k8s.io/component-helpers/resource"
)

// amounts are quantities as the scheduler reckons them: CPU in thousandths,
// all else in whole units (scheduler/framework/types.go, Resource.Add).
type amounts map[corev1.ResourceName]int64

// add adds a list, each quantity rounded up by itself.
func (a amounts) add(list corev1.ResourceList) {
	for name, q := range list {
		switch {
		case name == corev1.ResourceCPU:
			a[name] += q.MilliValue()
		case name == corev1.ResourceMemory, name == corev1.ResourceEphemeralStorage,
			name == corev1.ResourcePods, isScalar(name):
			a[name] += q.Value()
		}
	}
}

// isScalar follows util.IsScalarResourceName of the scheduler: extended
// resources, huge pages, attachable volumes and what is prefixed kubernetes.io/.
func isScalar(name corev1.ResourceName) bool {
	return strings.Contains(string(name), "/") ||
		strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix) ||
		strings.HasPrefix(string(name), corev1.ResourceAttachableVolumesPrefix)
}

// isExtended says that the resource is one that devices or operators announce.
func isExtended(name corev1.ResourceName) bool {
	return strings.Contains(string(name), "/") && !strings.Contains(string(name), corev1.ResourceDefaultNamespacePrefix)
}

// addHeld adds what a bound pod holds: the greatest of its spec and of what the
// kubelet reports, so that a resize under way counts in full
// (scheduler/framework/types.go, PodInfo.CalculateResource).
func (a amounts) addHeld(pod *corev1.Pod) {
	a.add(helper.PodRequests(pod, helper.PodResourcesOptions{
		UseStatusResources: true,
		InPlacePodLevelResourcesVerticalScalingEnabled: true,
	}))
}

// asks is what a pod that has no node yet asks for: the larger of all its
// containers together and each init container with the sidecars before it, or
// the pod-level request; overhead on top (noderesources/fit.go,
// computePodResourceRequest; KEP-753).
func asks(pod *corev1.Pod) amounts {
	a := amounts{}
	a.add(helper.PodRequests(pod, helper.PodResourcesOptions{}))
	delete(a, corev1.ResourcePods)
	return a
}

// quantity turns an amount back into a quantity of the resource.
func quantity(name corev1.ResourceName, n int64) resource.Quantity {
	switch {
	case name == corev1.ResourceCPU:
		return *resource.NewMilliQuantity(n, resource.DecimalSI)
	case isBytes(name):
		return *resource.NewQuantity(n, resource.BinarySI)
	}
	return *resource.NewQuantity(n, resource.DecimalSI)
}

func isBytes(name corev1.ResourceName) bool {
	return name == corev1.ResourceMemory || name == corev1.ResourceEphemeralStorage ||
		strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix)
}

// Human writes a quantity of a resource short enough to read: bytes as whole
// Mi where they are not a round number. It rounds up for what is asked and
// short, down for what is free or offered, so that following the number helps.
func Human(name corev1.ResourceName, q resource.Quantity, up bool) string {
	if !isBytes(name) {
		return q.String()
	}
	n := q.Value()
	const mi = 1 << 20
	if n%mi == 0 || n < mi && n > -mi {
		return resource.NewQuantity(n, resource.BinarySI).String()
	}
	whole := n / mi
	switch {
	case up && n > 0:
		whole++
	case !up && n < 0:
		whole--
	}
	return fmt.Sprintf("%dMi", whole)
}
