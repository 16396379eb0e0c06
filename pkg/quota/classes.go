package quota

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// resolvePriority: a pod without a class gets the cluster's default one; a class
// that is not there refuses the pod (plugin/pkg/admission/priority).
func (s *Space) resolvePriority(pod *corev1.Pod, out *Outcome) bool {
	asked := pod.Spec.PriorityClassName
	if _, unread := s.rules.Unread["PriorityClass"]; unread {
		// The default class only matters to a quota that looks at classes.
		if asked != "" && !builtInClass(asked) || asked == "" && s.scopedByPriority() {
			s.unread(out, "PriorityClass")
		}
		return true
	}
	var class *schedulingv1.PriorityClass
	for _, c := range s.rules.Priorities {
		if asked != "" && c.Name == asked || asked == "" && c.GlobalDefault && (class == nil || c.Value < class.Value) {
			class = c
		}
	}
	if class == nil && asked != "" {
		if builtInClass(asked) {
			return true
		}
		return refuse(pod, out, ClassMissing, asked, "no PriorityClass with name "+asked+" was found")
	}
	var value int32
	if class != nil {
		pod.Spec.PriorityClassName, value = class.Name, class.Value
	}
	if said := pod.Spec.Priority; said != nil && *said != value {
		return refuse(pod, out, ClassMismatch, pod.Spec.PriorityClassName, fmt.Sprintf("the integer value of priority (%d) must not be provided in pod spec; priority admission controller computed %d from the given PriorityClass name", *said, value))
	}
	pod.Spec.Priority = &value
	return true
}

// builtInClass: the API server makes these itself.
func builtInClass(name string) bool {
	return name == "system-cluster-critical" || name == "system-node-critical"
}

func (s *Space) scopedByPriority() bool {
	return slices.ContainsFunc(s.ledgers, func(l *ledger) bool {
		return slices.ContainsFunc(selectors(l.quota), func(r corev1.ScopedResourceSelectorRequirement) bool {
			return r.ScopeName == corev1.ResourceQuotaScopePriorityClass
		})
	})
}

// resolveRuntime: the RuntimeClass sets the pod's overhead, node selector and
// tolerations (plugin/pkg/admission/runtimeclass).
func (s *Space) resolveRuntime(pod *corev1.Pod, out *Outcome) bool {
	if pod.Spec.RuntimeClassName == nil {
		return true
	}
	if _, unread := s.rules.Unread["RuntimeClass"]; unread {
		s.unread(out, "RuntimeClass")
		return true
	}
	class := s.runtime(pod)
	if class == nil {
		return s.refuseRuntime(pod, out, ClassMissing, "pod rejected: RuntimeClass \""+*pod.Spec.RuntimeClassName+"\" not found")
	}
	if class.Overhead != nil {
		if len(pod.Spec.Overhead) > 0 && !equality.Semantic.DeepEqual(class.Overhead.PodFixed, pod.Spec.Overhead) {
			return s.refuseRuntime(pod, out, ClassMismatch, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
		}
		pod.Spec.Overhead = class.Overhead.PodFixed.DeepCopy()
	}
	if class.Scheduling == nil {
		return true
	}
	for key, want := range class.Scheduling.NodeSelector {
		if has, ok := pod.Spec.NodeSelector[key]; ok && has != want {
			return s.refuseRuntime(pod, out, ClassMismatch, "conflict: runtimeClass.scheduling.nodeSelector["+key+"] = "+want+"; pod.spec.nodeSelector["+key+"] = "+has)
		}
		if pod.Spec.NodeSelector == nil {
			pod.Spec.NodeSelector = map[string]string{}
		}
		pod.Spec.NodeSelector[key] = want
	}
	pod.Spec.Tolerations = append(pod.Spec.Tolerations, class.Scheduling.Tolerations...)
	return true
}

func (s *Space) runtime(pod *corev1.Pod) *nodev1.RuntimeClass {
	for _, c := range s.rules.Runtimes {
		if pod.Spec.RuntimeClassName != nil && c.Name == *pod.Spec.RuntimeClassName {
			return c
		}
	}
	return nil
}

func (s *Space) refuseRuntime(pod *corev1.Pod, out *Outcome, cause Cause, reason string) bool {
	name := ""
	if pod.Spec.RuntimeClassName != nil {
		name = *pod.Spec.RuntimeClassName
	}
	return refuse(pod, out, cause, name, reason)
}

// refuse notes a refusal by a plugin that looks at classes; it is always false.
func refuse(pod *corev1.Pod, out *Outcome, cause Cause, name, reason string) bool {
	out.Refusals = append(out.Refusals, Refusal{By: ByOther, Cause: cause, Name: name, Message: forbidden(pod, reason)})
	return false
}

// checkOverhead: nobody but a RuntimeClass may set overhead.
func (s *Space) checkOverhead(pod *corev1.Pod, out *Outcome) {
	if _, unread := s.rules.Unread["RuntimeClass"]; unread && pod.Spec.RuntimeClassName != nil {
		return
	}
	if class := s.runtime(pod); pod.Spec.Overhead != nil && (class == nil || class.Overhead == nil) {
		s.refuseRuntime(pod, out, ClassMismatch, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")
	}
}

// defaultStorage is the newest of the classes marked as default, of equally old
// ones the first by name (pkg/volume/util/storageclass.go).
func defaultStorage(classes []*storagev1.StorageClass) string {
	var best *storagev1.StorageClass
	for _, c := range classes {
		if c.Annotations["storageclass.kubernetes.io/is-default-class"] != "true" && c.Annotations["storageclass.beta.kubernetes.io/is-default-class"] != "true" {
			continue
		}
		if best == nil || c.CreationTimestamp.After(best.CreationTimestamp.Time) ||
			c.CreationTimestamp.Equal(&best.CreationTimestamp) && c.Name < best.Name {
			best = c
		}
	}
	if best == nil {
		return ""
	}
	return best.Name
}
