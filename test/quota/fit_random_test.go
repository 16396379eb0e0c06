package quota

import (
	"fmt"
	"math/rand/v2"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const (
	fitLow  = "fit-low"
	fitHigh = "fit-high"
	gpu     = corev1.ResourceName("example.com/gpu")
	pages   = corev1.ResourceName("hugepages-2Mi")
	// A pod of this class has overhead, and goes to nodes with a quick disk.
	fitRuntime = "fit-sandboxed"
	// The claims of a world: for volumes in one zone, and for one pod alone.
	zonedClaim, labelledClaim, lonelyClaim = "zoned", "labelled", "lonely"
	notThere                               = "not-there"
)

// fitRuntimeClass is what pods of fitRuntime get beside what they ask for.
func fitRuntimeClass() *nodev1.RuntimeClass {
	return &nodev1.RuntimeClass{
		ObjectMeta: metav1.ObjectMeta{Name: fitRuntime}, Handler: "none",
		Overhead:   &nodev1.Overhead{PodFixed: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("250m"), corev1.ResourceMemory: resource.MustParse("120Mi")}},
		Scheduling: &nodev1.Scheduling{NodeSelector: map[string]string{"disk": "ssd"}},
	}
}

// volume draws the volume behind a claim, which is in one zone: by its node
// affinity, or by the label that older drivers write.
func (d fitDice) volume(ns, claim string) *corev1.PersistentVolume {
	zone := d.of("a", "b", "c")
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: ns + "-" + claim}, Spec: corev1.PersistentVolumeSpec{
		Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany},
		PersistentVolumeSource:        corev1.PersistentVolumeSource{NFS: &corev1.NFSVolumeSource{Server: "nowhere.example.com", Path: "/"}},
		PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain, ClaimRef: &corev1.ObjectReference{Namespace: ns, Name: claim},
	}}
	switch claim {
	case labelledClaim:
		pv.Labels = map[string]string{corev1.LabelTopologyZone: zone + "__" + d.of("a", "b", "c")}
	case lonelyClaim:
		pv.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOncePod}
	case zonedClaim:
		pv.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{
			{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpIn, Values: []string{zone}}}},
		}}}
	}
	return pv
}

func fitClaim(ns, name string) *corev1.PersistentVolumeClaim {
	none := ""
	c := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}, Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}, StorageClassName: &none, VolumeName: ns + "-" + name,
		Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
	}}
	if name == lonelyClaim {
		c.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOncePod}
	}
	return c
}

func fitPriority(name string, value int32) *schedulingv1.PriorityClass {
	return &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Value: value}
}

// fitDice draws nodes and workloads that the scheduler has to think about.
type fitDice struct{ *rand.Rand }

func (d fitDice) in(percent int) bool { return d.IntN(100) < percent }

func (d fitDice) of(all ...string) string { return all[d.IntN(len(all))] }

// works is how many workloads come at once.
func (d fitDice) works() int { return []int{1, 1, 1, 2, 2, 3}[d.IntN(6)] }

func (d fitDice) node(name, label string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{"fit-world": label, corev1.LabelHostname: name}, Annotations: map[string]string{"kwok.x-k8s.io/node": "fake"},
	}}
	if !d.in(8) {
		n.Labels[corev1.LabelTopologyZone] = d.of("a", "b", "c")
	}
	if d.in(50) {
		n.Labels["disk"] = d.of("ssd", "hdd")
	}
	n.Status.Allocatable = corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(d.of("1", "2", "3500m", "8")), corev1.ResourceMemory: resource.MustParse(d.of("1Gi", "4Gi", "16Gi")),
		corev1.ResourcePods: resource.MustParse(d.of("3", "6", "30")), corev1.ResourceEphemeralStorage: resource.MustParse(d.of("2Gi", "50Gi")), gpu: resource.MustParse(d.of("1", "4")),
		pages: resource.MustParse(d.of("0", "4Mi", "20Mi")),
	}
	n.Status.Capacity = n.Status.Allocatable
	if d.in(20) {
		n.Spec.Taints = []corev1.Taint{{Key: "team", Value: d.of("red", "blue"), Effect: corev1.TaintEffectNoSchedule}}
	}
	n.Spec.Unschedulable = d.in(8)
	return n
}

// guest is a pod that is there before: it may keep others away.
func (d fitDice) guest(k int) *corev1.Pod {
	app := d.of("app-0", "app-1", "guest")
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("guest-%d", k), Labels: map[string]string{"app": app}}, Spec: d.spec()}
	if d.in(25) {
		pod.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{d.term(d.of("app-0", "app-1"))}}}
	}
	if d.in(20) {
		pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: 8080}}
	}
	return pod
}

func (d fitDice) spec() corev1.PodSpec {
	none, now := false, int64(0)
	c := corev1.Container{Name: "c", Image: "none", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{}}}
	if !d.in(10) {
		c.Resources.Requests[corev1.ResourceCPU] = resource.MustParse(d.of("50m", "300m", "700m", "1500m"))
	}
	if !d.in(20) {
		c.Resources.Requests[corev1.ResourceMemory] = resource.MustParse(d.of("64Mi", "300Mi", "1100Mi"))
	}
	return corev1.PodSpec{AutomountServiceAccountToken: &none, TerminationGracePeriodSeconds: &now, Containers: []corev1.Container{c}}
}

func (d fitDice) term(app string) corev1.PodAffinityTerm {
	t := corev1.PodAffinityTerm{TopologyKey: d.of(corev1.LabelHostname, corev1.LabelTopologyZone), LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}}
	switch d.IntN(8) {
	case 0:
		t.MatchLabelKeys = []string{d.of("work", appsv1.DefaultDeploymentUniqueLabelKey)}
	case 1:
		t.MismatchLabelKeys = []string{"work"}
	case 2:
		t.NamespaceSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpExists}}}
	}
	return t
}

// template is what the pods of the k-th workload are made from.
func (d fitDice) template(label string, k int) corev1.PodTemplateSpec {
	app := fmt.Sprintf("app-%d", k)
	t := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app, "work": "w-" + fmt.Sprint(k)}}, Spec: d.spec()}
	s := &t.Spec
	s.NodeSelector = map[string]string{"fit-world": label}
	c := &s.Containers[0]
	if d.in(10) {
		c.Resources.Requests[corev1.ResourceEphemeralStorage] = resource.MustParse("1Gi")
	}
	if d.in(10) {
		c.Resources.Requests[gpu], c.Resources.Limits = resource.MustParse("1"), corev1.ResourceList{gpu: resource.MustParse("1")}
	}
	if d.in(15) {
		always := corev1.ContainerRestartPolicyAlways
		s.InitContainers = []corev1.Container{{Name: "i", Image: "none", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("400m")}}}}
		if d.in(50) {
			s.InitContainers[0].RestartPolicy = &always
		}
	}
	if d.in(15) {
		s.NodeSelector["disk"] = "ssd"
	}
	if d.in(30) {
		s.Tolerations = []corev1.Toleration{{Key: "team", Operator: corev1.TolerationOpEqual, Value: d.of("red", "blue"), Effect: corev1.TaintEffectNoSchedule}}
	}
	if d.in(15) {
		c.Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: 8080}}
	}
	for d.in(30) && len(s.TopologySpreadConstraints) < 2 {
		key := []string{corev1.LabelTopologyZone, corev1.LabelHostname}[len(s.TopologySpreadConstraints)]
		s.TopologySpreadConstraints = append(s.TopologySpreadConstraints, d.spread(key, app))
	}
	d.affinity(s, app)
	d.sizes(s)
	d.rare(s)
	return t
}

// sizes are other ways to ask for something: huge pages, the pod as a whole, the overhead of a runtime.
func (d fitDice) sizes(s *corev1.PodSpec) {
	c := &s.Containers[0]
	if d.in(10) {
		c.Resources.Requests[pages] = resource.MustParse("4Mi")
		if c.Resources.Limits == nil {
			c.Resources.Limits = corev1.ResourceList{}
		}
		c.Resources.Limits[pages] = resource.MustParse("4Mi")
		c.Resources.Requests[corev1.ResourceMemory] = resource.MustParse("64Mi")
	}
	if d.in(12) {
		s.Resources = &corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(d.of("2", "2500m"))}}
		if d.in(50) {
			s.Resources.Requests[corev1.ResourceMemory] = resource.MustParse(d.of("1200Mi", "2Gi"))
		}
	}
	if d.in(8) {
		name := fitRuntime
		s.RuntimeClassName = &name
	}
	if d.in(12) {
		s.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: d.of(zonedClaim, zonedClaim, labelledClaim, lonelyClaim)}}}}
	}
}

// resized is the status of a guest in the middle of a resize: with more or less
// than its spec asks for, and now and then for something that no node can give.
func (d fitDice) resized() corev1.PodStatus {
	out := corev1.PodStatus{}
	has := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(d.of("20m", "600m", "1200m")), corev1.ResourceMemory: resource.MustParse(d.of("32Mi", "700Mi"))}
	out.ContainerStatuses = []corev1.ContainerStatus{{Name: "c", Image: "none", AllocatedResources: has, Resources: &corev1.ResourceRequirements{Requests: has}}}
	if d.in(40) {
		out.Conditions = []corev1.PodCondition{{Type: corev1.PodResizePending, Status: corev1.ConditionTrue, Reason: []string{corev1.PodReasonInfeasible, corev1.PodReasonDeferred}[d.IntN(2)]}}
	}
	return out
}

func (d fitDice) spread(key, app string) corev1.TopologySpreadConstraint {
	c := corev1.TopologySpreadConstraint{
		MaxSkew: int32(1 + d.IntN(2)), TopologyKey: key, WhenUnsatisfiable: corev1.DoNotSchedule,
		LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}},
	}
	if d.in(20) {
		n := int32(1 + d.IntN(4))
		c.MinDomains = &n
	}
	if d.in(30) {
		honour := corev1.NodeInclusionPolicyHonor
		c.NodeTaintsPolicy = &honour
	}
	if d.in(25) {
		policy := []corev1.NodeInclusionPolicy{corev1.NodeInclusionPolicyHonor, corev1.NodeInclusionPolicyIgnore}[d.IntN(2)]
		c.NodeAffinityPolicy = &policy
	}
	if d.in(30) {
		c.MatchLabelKeys = []string{d.of("work", appsv1.DefaultDeploymentUniqueLabelKey, "not-a-label")}
	}
	return c
}

func (d fitDice) affinity(s *corev1.PodSpec, app string) {
	a := &corev1.Affinity{}
	if d.in(15) {
		a.NodeAffinity = &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{
			{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpIn, Values: []string{"a", "b"}}}},
			{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "disk", Operator: corev1.NodeSelectorOpExists}}},
		}}}
	}
	if d.in(20) {
		a.PodAntiAffinity = &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{d.term(d.of(app, app, "app-0", "guest"))}}
	}
	if d.in(15) {
		a.PodAffinity = &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{d.term(d.of(app, app, "app-0", "guest"))}}
	}
	if a.NodeAffinity != nil || a.PodAffinity != nil || a.PodAntiAffinity != nil {
		s.Affinity = a
	}
}

// rare are things of which some are not modelled.
func (d fitDice) rare(s *corev1.PodSpec) {
	switch d.IntN(40) {
	case 0:
		s.SchedulerName = "another"
	case 1:
		s.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/wait"}}
	case 2, 3:
		s.PriorityClassName = fitHigh
	case 4:
		s.PriorityClassName = fitLow
	case 5:
		s.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: notThere}}}}
	}
}

func (d fitDice) workload(ns, label string, k int) snapshot.Object {
	t := d.template(label, k)
	name := "w-" + fmt.Sprint(k)
	meta, selector := metav1.ObjectMeta{Name: name, Namespace: ns}, &metav1.LabelSelector{MatchLabels: map[string]string{"work": name}}
	n := int32(1 + d.IntN(9))
	switch d.IntN(10) {
	case 0:
		return &appsv1.DaemonSet{ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Selector: selector, Template: t}}
	case 1:
		return &appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Replicas: &n, Selector: selector, ServiceName: name, PodManagementPolicy: appsv1.ParallelPodManagement, Template: t}}
	}
	return &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Replicas: &n, Selector: selector, Template: t}}
}
