package e2e

import (
	"fmt"
	"math/rand/v2"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// fitRandom draws nodes and pods that get in each other's way often enough.
type fitRandom struct{ *rand.Rand }

// in says yes in so many of a hundred cases.
func (r fitRandom) in(percent int) bool { return r.IntN(100) < percent }

func one[T any](r fitRandom, of ...T) T { return of[r.IntN(len(of))] }

func list(pairs ...string) corev1.ResourceList {
	out := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		out[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return out
}

func (r fitRandom) node(world string, i int) *corev1.Node {
	name := fmt.Sprintf("%s-%d", world, i)
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{"fit": world, "fit-world": world, corev1.LabelHostname: name},
		Annotations: map[string]string{"kwok.x-k8s.io/node": "fake"},
	}}
	if r.in(85) {
		n.Labels["zone"] = one(r, "a", "b", "c")
	}
	if r.in(60) {
		n.Labels["disk"] = one(r, "ssd", "hdd")
	}
	if r.in(30) {
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{
			Key: "dedicated", Value: one(r, "", "gpu"), Effect: one(r, corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule),
		})
	}
	n.Spec.Unschedulable = r.in(8)
	n.Status.Allocatable = list("cpu", one(r, "2", "3", "4"), "memory", one(r, "2Gi", "4Gi"), "pods", one(r, "4", "8", "20"), "ephemeral-storage", "4Gi", "hugepages-2Mi", one(r, "0", "4Mi", "8Mi"))
	if r.in(30) {
		n.Status.Allocatable["example.com/gpu"] = resource.MustParse("1")
	}
	n.Status.Capacity = n.Status.Allocatable
	return n
}

func (r fitRandom) pod(w *fitWorld, name string) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: name, Namespace: one(r, w.namespaces...), Labels: map[string]string{"app": one(r, "x", "y", "z"), "rev": one(r, "1", "2")},
	}}
	p.Spec = corev1.PodSpec{NodeSelector: map[string]string{"fit": w.id}, Containers: []corev1.Container{r.container("app")}, Affinity: &corev1.Affinity{}}
	if r.in(30) {
		p.Spec.InitContainers = append(p.Spec.InitContainers, r.container("first"))
		if r.in(60) {
			always := corev1.ContainerRestartPolicyAlways
			sidecar := r.container("sidecar")
			sidecar.RestartPolicy = &always
			p.Spec.InitContainers = append(p.Spec.InitContainers, sidecar, r.container("last"))
			if r.in(50) {
				p.Spec.InitContainers[0], p.Spec.InitContainers[1] = p.Spec.InitContainers[1], p.Spec.InitContainers[0]
			}
		}
	}
	if r.in(12) {
		p.Spec.Resources = &corev1.ResourceRequirements{Requests: list("cpu", one(r, "3", "4"))}
		if r.in(50) {
			p.Spec.Resources.Requests["memory"] = resource.MustParse(one(r, "3Gi", "4Gi"))
		}
	}
	if r.in(15) {
		p.Spec.NodeSelector["disk"] = "ssd"
	}
	if r.in(15) {
		p.Spec.Affinity.NodeAffinity = &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{
			{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "zone", Operator: corev1.NodeSelectorOpNotIn, Values: []string{"b"}}, {Key: "disk", Operator: corev1.NodeSelectorOpExists}}},
			{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "zone", Operator: corev1.NodeSelectorOpIn, Values: []string{"c"}}}},
		}}}
	}
	if r.in(25) {
		p.Spec.Tolerations = []corev1.Toleration{{Key: "dedicated", Operator: one(r, corev1.TolerationOpExists, corev1.TolerationOpEqual)}}
	}
	r.neighbours(p)
	if r.in(12) && p.Namespace == w.namespaces[0] {
		p.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: one(r, "data", "data", "data", "gone")}}}}
	}
	return p
}

func (r fitRandom) container(name string) corev1.Container {
	c := corev1.Container{Name: name, Image: "none"}
	c.Resources.Requests = list("cpu", one(r, "0", "100m", "250m", "700m", "1500m"), "memory", one(r, "64Mi", "256Mi", "1G"))
	if r.in(6) {
		c.Resources.Requests["ephemeral-storage"] = resource.MustParse(one(r, "1Gi", "3Gi"))
	}
	if r.in(6) {
		c.Resources.Requests["example.com/gpu"], c.Resources.Limits = resource.MustParse("1"), list("example.com/gpu", "1")
	}
	if r.in(8) {
		if c.Resources.Limits == nil {
			c.Resources.Limits = corev1.ResourceList{}
		}
		c.Resources.Requests["hugepages-2Mi"], c.Resources.Limits["hugepages-2Mi"] = resource.MustParse("4Mi"), resource.MustParse("4Mi")
	}
	if r.in(12) && name == "app" {
		c.Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: one(r, int32(8080), 8081), HostIP: one(r, "", "10.0.0.1", "10.0.0.2")}}
	}
	return c
}

// neighbours draws what depends on other pods.
func (r fitRandom) neighbours(p *corev1.Pod) {
	term := func() []corev1.PodAffinityTerm {
		t := corev1.PodAffinityTerm{TopologyKey: one(r, corev1.LabelHostname, "zone"), LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": one(r, "x", "y", "z")}}}
		switch r.IntN(5) {
		case 0:
			t.NamespaceSelector = &metav1.LabelSelector{}
		case 1:
			t.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"msa-test": "true"}}
		case 2:
			t.MatchLabelKeys = []string{"rev"}
		}
		return []corev1.PodAffinityTerm{t}
	}
	if r.in(18) {
		p.Spec.Affinity.PodAntiAffinity = &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: term()}
	}
	if r.in(15) {
		p.Spec.Affinity.PodAffinity = &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: term()}
	}
	if r.in(25) {
		honor, ignore := corev1.NodeInclusionPolicyHonor, corev1.NodeInclusionPolicyIgnore
		c := corev1.TopologySpreadConstraint{
			MaxSkew: int32(1 + r.IntN(2)), TopologyKey: one(r, corev1.LabelHostname, "zone"), WhenUnsatisfiable: corev1.DoNotSchedule,
			LabelSelector:    &metav1.LabelSelector{MatchLabels: map[string]string{"app": p.Labels["app"]}},
			NodeTaintsPolicy: one(r, nil, &honor, &ignore), NodeAffinityPolicy: one(r, nil, &honor, &ignore),
		}
		if r.in(40) {
			domains := int32(1 + r.IntN(4))
			c.MinDomains = &domains
		}
		if r.in(30) {
			c.MatchLabelKeys = []string{"rev"}
		}
		p.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{c}
	}
}
