package quota

import (
	"fmt"
	"math/rand/v2"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// dice draws namespaces and objects in which quotas, LimitRanges and defaults
// get in each other's way often enough.
type dice struct{ *rand.Rand }

// in says yes in so many of a hundred cases.
func (d dice) in(percent int) bool { return d.IntN(100) < percent }

func one[T any](d dice, of ...T) T { return of[d.IntN(len(of))] }

// The amounts are written in several ways on purpose: messages repeat how they
// were written, sums do not.
func (d dice) amount(name corev1.ResourceName) resource.Quantity {
	switch name {
	case corev1.ResourceCPU:
		return resource.MustParse(one(d, "0", "50m", "100m", "0.1", "250m", "0.5", "500m", "1", "1000m", "2", "100u", "1500m", "3e-1"))
	case corev1.ResourceMemory:
		return resource.MustParse(one(d, "0", "32Mi", "64Mi", "100M", "128Mi", "0.25Gi", "256Mi", "1G", "1Gi", "1024Mi", "134217728", "128974848000m"))
	case corev1.ResourceEphemeralStorage:
		return resource.MustParse(one(d, "10Mi", "1Gi", "500M"))
	case "hugepages-2Mi":
		return resource.MustParse(one(d, "2Mi", "4Mi", "8Mi", "3Mi"))
	default:
	}
	return resource.MustParse(one(d, "1", "2", "3"))
}

// list draws a resource list; each resource is in it with its chance in a hundred.
func (d dice) list(cpu, memory, storage, pages, gpu int) corev1.ResourceList {
	out := corev1.ResourceList{}
	for _, c := range []struct {
		name    corev1.ResourceName
		percent int
	}{{corev1.ResourceCPU, cpu}, {corev1.ResourceMemory, memory}, {corev1.ResourceEphemeralStorage, storage}, {"hugepages-2Mi", pages}, {"example.com/gpu", gpu}} {
		if d.in(c.percent) {
			out[c.name] = d.amount(c.name)
		}
	}
	return out
}

func (d dice) container(name string) corev1.Container {
	c := corev1.Container{Name: name, Image: "none"}
	switch d.IntN(6) {
	case 0: // nothing said
	case 1:
		c.Resources.Limits = d.list(70, 70, 10, 4, 8)
	case 2, 3:
		c.Resources.Requests = d.list(85, 85, 15, 0, 0)
	case 4:
		c.Resources.Requests, c.Resources.Limits = d.list(80, 80, 10, 0, 0), d.list(60, 60, 10, 3, 8)
	case 5:
		c.Resources.Limits = d.list(95, 95, 20, 3, 8)
		c.Resources.Requests = c.Resources.Limits.DeepCopy()
	}
	return c
}

func (d dice) pod(name string) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}}
	p.Spec.SchedulerName = "nobody" // else pods would preempt each other
	if d.in(20) {
		p.Spec.NodeName = "nowhere" // nobody is there to confirm its end
	}
	p.Spec.Containers = []corev1.Container{d.container("app")}
	if d.in(35) {
		p.Spec.Containers = append(p.Spec.Containers, d.container("helper"))
	}
	for i := range d.IntN(3) {
		c := d.container(fmt.Sprintf("init-%d", i))
		if d.in(50) {
			always := corev1.ContainerRestartPolicyAlways
			c.RestartPolicy = &always
		}
		p.Spec.InitContainers = append(p.Spec.InitContainers, c)
	}
	if d.in(15) {
		p.Spec.Resources = &corev1.ResourceRequirements{Requests: d.list(60, 60, 0, 4, 0), Limits: d.list(60, 60, 0, 4, 0)}
		for name := range p.Spec.Resources.Limits {
			q := p.Spec.Resources.Limits[name]
			q.Add(q)
			q.Add(q)
			p.Spec.Resources.Limits[name] = q
		}
	}
	if d.in(20) {
		seconds := int64(3600)
		p.Spec.ActiveDeadlineSeconds = &seconds
	}
	p.Spec.PriorityClassName = one(d, "", "", "", lowClass, highClass)
	if d.in(1) {
		p.Spec.PriorityClassName = "no-such-class"
	}
	if d.in(8) {
		class := one(d, heavyRuntime, lightRuntime, "no-such-runtime")
		p.Spec.RuntimeClassName = &class
	}
	if d.in(10) {
		term := corev1.PodAffinityTerm{TopologyKey: "zone", LabelSelector: &metav1.LabelSelector{}, Namespaces: []string{"elsewhere"}}
		if d.in(50) {
			term.Namespaces, term.NamespaceSelector = nil, &metav1.LabelSelector{}
		}
		p.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{}}
		if d.in(50) {
			p.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution = []corev1.PodAffinityTerm{term}
		} else {
			p.Spec.Affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution = []corev1.WeightedPodAffinityTerm{{Weight: 1, PodAffinityTerm: term}}
		}
	}
	return p
}

// limitRange draws a LimitRange; the API server refuses some of them.
func (d dice) limitRange(name string) *corev1.LimitRange {
	lr := &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Name: name}}
	small := func(percent int) corev1.ResourceList {
		out := corev1.ResourceList{}
		if d.in(percent) {
			out[corev1.ResourceCPU] = resource.MustParse(one(d, "50m", "100m", "200m"))
		}
		if d.in(percent) {
			out[corev1.ResourceMemory] = resource.MustParse(one(d, "16Mi", "64Mi", "50M"))
		}
		return out
	}
	large := func(percent int) corev1.ResourceList {
		out := corev1.ResourceList{}
		if d.in(percent) {
			out[corev1.ResourceCPU] = resource.MustParse(one(d, "1", "1500m", "2"))
		}
		if d.in(percent) {
			out[corev1.ResourceMemory] = resource.MustParse(one(d, "512Mi", "1Gi", "2Gi"))
		}
		if d.in(percent / 6) {
			out[corev1.ResourceEphemeralStorage] = resource.MustParse("2Gi")
		}
		return out
	}
	container := corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Min: small(25), DefaultRequest: small(40), Default: large(40), Max: large(30)}
	if d.in(15) {
		container.MaxLimitRequestRatio = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(one(d, "2", "4", "10"))}
	}
	if d.in(85) {
		lr.Spec.Limits = append(lr.Spec.Limits, container)
	}
	if d.in(30) {
		pod := corev1.LimitRangeItem{Type: corev1.LimitTypePod, Min: small(25), Max: large(50)}
		if d.in(20) {
			pod.MaxLimitRequestRatio = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(one(d, "2", "1.5", "10"))}
		}
		lr.Spec.Limits = append(lr.Spec.Limits, pod)
	}
	if d.in(40) {
		lr.Spec.Limits = append(lr.Spec.Limits, corev1.LimitRangeItem{
			Type: corev1.LimitTypePersistentVolumeClaim,
			Min:  corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
			Max:  corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(one(d, "5Gi", "10Gi"))},
		})
	}
	return lr
}

// quota draws a ResourceQuota; the API server refuses some of them.
func (d dice) quota(name string) *corev1.ResourceQuota {
	q := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{}}}
	hard := func(percent int, name corev1.ResourceName, values ...string) {
		if d.in(percent) {
			q.Spec.Hard[name] = resource.MustParse(one(d, values...))
		}
	}
	hard(50, "pods", "3", "8", "20")
	scoped := d.in(45)
	if scoped {
		d.scope(q)
	}
	if len(q.Spec.Scopes) == 0 || q.Spec.Scopes[0] != corev1.ResourceQuotaScopeBestEffort {
		hard(20, "cpu", "2", "5", "9500m")
		hard(20, "requests.cpu", "2", "5", "8000m")
		hard(20, "limits.cpu", "4", "10")
		hard(15, "memory", "1Gi", "4Gi")
		hard(20, "requests.memory", "1Gi", "3000Mi", "4Gi")
		hard(20, "limits.memory", "2Gi", "8Gi", "4G")
	}
	if !scoped {
		hard(10, "requests.ephemeral-storage", "2Gi", "5Gi")
		hard(10, "limits.ephemeral-storage", "5Gi")
		hard(10, "requests.example.com/gpu", "2", "4")
		hard(8, "hugepages-2Mi", "8Mi", "20Mi")
		hard(8, "requests.hugepages-2Mi", "8Mi")
		hard(15, "count/pods", "6", "15")
		hard(15, "services", "1", "3")
		hard(15, "services.nodeports", "1", "4")
		hard(15, "services.loadbalancers", "0", "1")
		hard(15, "persistentvolumeclaims", "1", "4")
		hard(15, "requests.storage", "4Gi", "9Gi")
		hard(15, "gold.storageclass.storage.k8s.io/requests.storage", "4Gi", "7Gi")
		hard(15, "gold.storageclass.storage.k8s.io/persistentvolumeclaims", "1", "2")
		hard(15, "configmaps", "2", "4") // one of them is there from the start: kube-root-ca.crt
		hard(10, "count/configmaps", "2", "3")
		hard(10, "secrets", "1")
		hard(10, "count/deployments.apps", "1", "2")
		hard(10, "resourcequotas", "1", "2")
	}
	return q
}

func (d dice) scope(q *corev1.ResourceQuota) {
	if d.in(50) {
		q.Spec.Scopes = []corev1.ResourceQuotaScope{one(d, corev1.ResourceQuotaScopeTerminating, corev1.ResourceQuotaScopeNotTerminating,
			corev1.ResourceQuotaScopeBestEffort, corev1.ResourceQuotaScopeNotBestEffort, corev1.ResourceQuotaScopeCrossNamespacePodAffinity)}
		if d.in(20) {
			q.Spec.Scopes = []corev1.ResourceQuotaScope{corev1.ResourceQuotaScopeNotTerminating, corev1.ResourceQuotaScopeNotBestEffort}
		}
		return
	}
	r := corev1.ScopedResourceSelectorRequirement{ScopeName: corev1.ResourceQuotaScopePriorityClass,
		Operator: one(d, corev1.ScopeSelectorOpIn, corev1.ScopeSelectorOpNotIn, corev1.ScopeSelectorOpExists, corev1.ScopeSelectorOpDoesNotExist)}
	if r.Operator == corev1.ScopeSelectorOpIn || r.Operator == corev1.ScopeSelectorOpNotIn {
		r.Values = one(d, []string{lowClass}, []string{highClass}, []string{lowClass, highClass})
	}
	q.Spec.ScopeSelector = &corev1.ScopeSelector{MatchExpressions: []corev1.ScopedResourceSelectorRequirement{r}}
}

func (d dice) claim(name string) *corev1.PersistentVolumeClaim {
	c := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name}}
	c.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	c.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(one(d, "500Mi", "1Gi", "2Gi", "3G", "1500000000500m", "12Gi"))}
	if d.in(60) {
		class := one(d, "gold", "silver", "")
		c.Spec.StorageClassName = &class
	}
	if d.in(10) {
		c.Annotations = map[string]string{corev1.BetaStorageClassAnnotation: "gold"}
		c.Spec.StorageClassName = nil
	}
	return c
}

func (d dice) service(name string) *corev1.Service {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}}
	s.Spec.Type = one(d, corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer, corev1.ServiceType(""))
	for i := range 1 + d.IntN(3) {
		s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Name: fmt.Sprintf("p%d", i), Port: int32(80 + i)})
	}
	if s.Spec.Type == corev1.ServiceTypeLoadBalancer && d.in(40) {
		no := false
		s.Spec.AllocateLoadBalancerNodePorts = &no
	}
	return s
}

// The classes that every world has, and what they are called.
const (
	lowClass     = "quota-low"
	highClass    = "quota-high"
	heavyRuntime = "quota-heavy"
	lightRuntime = "quota-light"
)
