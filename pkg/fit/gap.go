package fit

import (
	corev1 "k8s.io/api/core/v1"
	helper "k8s.io/component-helpers/scheduling/corev1"
)

func (j *judge) gap(kind GapKind, what string) {
	j.gaps = append(j.gaps, Gap{Kind: kind, What: what})
}

// gaps names what the pod brings along that no filter here looks at.
func (c *Cluster) gaps(pod *corev1.Pod, asked amounts) []Gap {
	var out []Gap
	add := func(kind GapKind, what string) { out = append(out, Gap{Kind: kind, What: what}) }
	spec := &pod.Spec
	if s := spec.SchedulerName; s != "" && s != corev1.DefaultSchedulerName {
		add(OtherScheduler, s)
	}
	for _, claim := range spec.ResourceClaims {
		add(DeviceClaim, claim.Name)
	}
	if spec.SchedulingGroup != nil {
		add(PodGroup, pod.Name)
	}
	for _, v := range spec.Volumes {
		if v.GCEPersistentDisk != nil || v.AWSElasticBlockStore != nil || v.RBD != nil || v.ISCSI != nil {
			add(InlineDisk, v.Name)
		}
	}
	for _, name := range resourceOrder(asked) {
		if isExtended(name) && asked[name] > 0 && !c.offeredByAll(name) {
			add(DeviceClass, string(name))
		}
	}
	for _, feature := range declaredFeatures(spec) {
		add(NodeFeature, feature)
	}
	for _, other := range c.nominated {
		// The scheduler keeps the room free from pods of the same or a lower priority (schedule_one.go, addGENominatedPods).
		if other.UID != pod.UID && helper.PodPriority(other) >= helper.PodPriority(pod) {
			add(Reserved, nameOf(other)+" on "+other.Status.NominatedNodeName)
		}
	}
	return out
}

// offeredByAll says whether every node announces the resource. On one that does
// not, the scheduler first asks whether the resource is the name of a device
// class (noderesources/fit.go, shouldDelegateResourceToDRA).
func (c *Cluster) offeredByAll(name corev1.ResourceName) bool {
	for _, h := range c.hosts {
		if h.allocatable[name] <= 0 {
			return false
		}
	}
	return true
}

// declaredFeatures lists what only kubelets that declare it can run
// (component-helpers/nodedeclaredfeatures/features, InferForScheduling).
func declaredFeatures(spec *corev1.PodSpec) []string {
	var out []string
	if spec.HostNetwork && spec.HostUsers != nil && !*spec.HostUsers {
		out = append(out, "hostNetwork with a user namespace")
	}
	for _, c := range append(append([]corev1.Container{}, spec.InitContainers...), spec.Containers...) {
		for _, r := range c.RestartPolicyRules {
			if r.Action == corev1.ContainerRestartRuleActionRestartAllContainers {
				out = append(out, "restart rule "+string(r.Action)+" of container "+c.Name)
			}
		}
		for _, m := range c.VolumeMounts {
			if len(m.BindMountOptions) > 0 {
				out = append(out, "mount options of container "+c.Name)
			}
		}
	}
	return out
}
