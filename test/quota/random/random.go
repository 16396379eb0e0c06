// Package random draws namespaces and objects in which quotas, LimitRanges and
// defaults get in each other's way often enough. Tests put them before this
// tool, before a real API server, and before the sources of Kubernetes.
package random

import (
	"fmt"
	"math/rand/v2"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Dice draws; the same seed draws the same.
type Dice struct{ *rand.Rand }

// In says yes in so many of a hundred cases.
func (d Dice) In(percent int) bool { return d.IntN(100) < percent }

// One draws one of them.
func One[T any](d Dice, of ...T) T { return of[d.IntN(len(of))] }

// The amounts are written in several ways on purpose: messages repeat how they
// were written, sums do not.
func (d Dice) amount(name corev1.ResourceName) resource.Quantity {
	switch name {
	case corev1.ResourceCPU:
		return resource.MustParse(One(d, "0", "50m", "100m", "0.1", "250m", "0.5", "500m", "1", "1000m", "2", "100u", "1500m", "3e-1"))
	case corev1.ResourceMemory:
		return resource.MustParse(One(d, "0", "32Mi", "64Mi", "100M", "128Mi", "0.25Gi", "256Mi", "1G", "1Gi", "1024Mi", "134217728", "128974848000m"))
	case corev1.ResourceEphemeralStorage:
		return resource.MustParse(One(d, "10Mi", "1Gi", "500M"))
	case "hugepages-2Mi":
		return resource.MustParse(One(d, "2Mi", "4Mi", "8Mi", "3Mi"))
	default:
	}
	return resource.MustParse(One(d, "1", "2", "3"))
}

// list draws a resource list; each resource is in it with its chance in a hundred.
func (d Dice) list(cpu, memory, storage, pages, gpu int) corev1.ResourceList {
	out := corev1.ResourceList{}
	for _, c := range []struct {
		name    corev1.ResourceName
		percent int
	}{{corev1.ResourceCPU, cpu}, {corev1.ResourceMemory, memory}, {corev1.ResourceEphemeralStorage, storage}, {"hugepages-2Mi", pages}, {"example.com/gpu", gpu}} {
		if d.In(c.percent) {
			out[c.name] = d.amount(c.name)
		}
	}
	return out
}

func (d Dice) container(name string) corev1.Container {
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

// Pod draws a pod; the API server refuses some of them.
func (d Dice) Pod(name string) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}}
	p.Spec.SchedulerName = "nobody" // else pods would preempt each other
	if d.In(20) {
		p.Spec.NodeName = "nowhere" // nobody is there to confirm its end
	}
	p.Spec.Containers = []corev1.Container{d.container("app")}
	if d.In(35) {
		p.Spec.Containers = append(p.Spec.Containers, d.container("helper"))
	}
	for i := range d.IntN(3) {
		c := d.container(fmt.Sprintf("init-%d", i))
		if d.In(50) {
			always := corev1.ContainerRestartPolicyAlways
			c.RestartPolicy = &always
		}
		p.Spec.InitContainers = append(p.Spec.InitContainers, c)
	}
	if d.In(15) {
		p.Spec.Resources = &corev1.ResourceRequirements{Requests: d.list(60, 60, 0, 4, 0), Limits: d.list(60, 60, 0, 4, 0)}
		for name := range p.Spec.Resources.Limits {
			q := p.Spec.Resources.Limits[name]
			q.Add(q)
			q.Add(q)
			p.Spec.Resources.Limits[name] = q
		}
	}
	if d.In(20) {
		seconds := int64(3600)
		p.Spec.ActiveDeadlineSeconds = &seconds
	}
	p.Spec.PriorityClassName = One(d, "", "", "", LowClass, HighClass)
	if d.In(1) {
		p.Spec.PriorityClassName = "no-such-class"
	}
	if d.In(8) {
		class := One(d, HeavyRuntime, LightRuntime, "no-such-runtime")
		p.Spec.RuntimeClassName = &class
	}
	if d.In(10) {
		term := corev1.PodAffinityTerm{TopologyKey: "zone", LabelSelector: &metav1.LabelSelector{}, Namespaces: []string{"elsewhere"}}
		if d.In(50) {
			term.Namespaces, term.NamespaceSelector = nil, &metav1.LabelSelector{}
		}
		p.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{}}
		if d.In(50) {
			p.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution = []corev1.PodAffinityTerm{term}
		} else {
			p.Spec.Affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution = []corev1.WeightedPodAffinityTerm{{Weight: 1, PodAffinityTerm: term}}
		}
	}
	return p
}

// LimitRange draws a LimitRange; the API server refuses some of them.
func (d Dice) LimitRange(name string) *corev1.LimitRange {
	lr := &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Name: name}}
	small := func(percent int) corev1.ResourceList {
		out := corev1.ResourceList{}
		if d.In(percent) {
			out[corev1.ResourceCPU] = resource.MustParse(One(d, "50m", "100m", "200m"))
		}
		if d.In(percent) {
			out[corev1.ResourceMemory] = resource.MustParse(One(d, "16Mi", "64Mi", "50M"))
		}
		return out
	}
	large := func(percent int) corev1.ResourceList {
		out := corev1.ResourceList{}
		if d.In(percent) {
			out[corev1.ResourceCPU] = resource.MustParse(One(d, "1", "1500m", "2"))
		}
		if d.In(percent) {
			out[corev1.ResourceMemory] = resource.MustParse(One(d, "512Mi", "1Gi", "2Gi"))
		}
		if d.In(percent / 6) {
			out[corev1.ResourceEphemeralStorage] = resource.MustParse("2Gi")
		}
		return out
	}
	container := corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Min: small(25), DefaultRequest: small(40), Default: large(40), Max: large(30)}
	if d.In(15) {
		container.MaxLimitRequestRatio = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(One(d, "2", "4", "10"))}
	}
	if d.In(85) {
		lr.Spec.Limits = append(lr.Spec.Limits, container)
	}
	if d.In(30) {
		pod := corev1.LimitRangeItem{Type: corev1.LimitTypePod, Min: small(25), Max: large(50)}
		if d.In(20) {
			pod.MaxLimitRequestRatio = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(One(d, "2", "1.5", "10"))}
		}
		lr.Spec.Limits = append(lr.Spec.Limits, pod)
	}
	if d.In(40) {
		lr.Spec.Limits = append(lr.Spec.Limits, corev1.LimitRangeItem{
			Type: corev1.LimitTypePersistentVolumeClaim,
			Min:  corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
			Max:  corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(One(d, "5Gi", "10Gi"))},
		})
	}
	return lr
}

// Quota draws a ResourceQuota; the API server refuses some of them.
func (d Dice) Quota(name string) *corev1.ResourceQuota {
	q := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{}}}
	hard := func(percent int, name corev1.ResourceName, values ...string) {
		if d.In(percent) {
			q.Spec.Hard[name] = resource.MustParse(One(d, values...))
		}
	}
	if d.In(8) {
		hard(70, "persistentvolumeclaims", "1", "3")
		hard(70, "requests.storage", "2Gi", "5Gi")
		q.Spec.ScopeSelector = &corev1.ScopeSelector{MatchExpressions: []corev1.ScopedResourceSelectorRequirement{d.selector(corev1.ResourceQuotaScopeVolumeAttributesClass, fastVolumes, slowVolumes)}}
		return q
	}
	hard(50, "pods", "3", "8", "20")
	scoped := d.In(45)
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
		hard(8, "count/secrets", "1", "2")
		hard(8, "count/services", "1", "3")
		hard(8, "count/persistentvolumeclaims", "1", "3")
		hard(10, "count/deployments.apps", "1", "2")
		hard(10, "resourcequotas", "1", "2")
	}
	return q
}

func (d Dice) scope(q *corev1.ResourceQuota) {
	if d.In(50) {
		q.Spec.Scopes = []corev1.ResourceQuotaScope{One(d, corev1.ResourceQuotaScopeTerminating, corev1.ResourceQuotaScopeNotTerminating,
			corev1.ResourceQuotaScopeBestEffort, corev1.ResourceQuotaScopeNotBestEffort, corev1.ResourceQuotaScopeCrossNamespacePodAffinity)}
		if d.In(20) {
			q.Spec.Scopes = []corev1.ResourceQuotaScope{corev1.ResourceQuotaScopeNotTerminating, corev1.ResourceQuotaScopeNotBestEffort}
		}
		return
	}
	all := []corev1.ScopedResourceSelectorRequirement{d.selector(corev1.ResourceQuotaScopePriorityClass, LowClass, HighClass)}
	if d.In(20) {
		all = append(all, corev1.ScopedResourceSelectorRequirement{ScopeName: One(d, corev1.ResourceQuotaScopeNotTerminating, corev1.ResourceQuotaScopeNotBestEffort), Operator: corev1.ScopeSelectorOpExists})
	}
	q.Spec.ScopeSelector = &corev1.ScopeSelector{MatchExpressions: all}
}

// selector draws what a scope selects of two values.
func (d Dice) selector(scope corev1.ResourceQuotaScope, a, b string) corev1.ScopedResourceSelectorRequirement {
	r := corev1.ScopedResourceSelectorRequirement{ScopeName: scope,
		Operator: One(d, corev1.ScopeSelectorOpIn, corev1.ScopeSelectorOpNotIn, corev1.ScopeSelectorOpExists, corev1.ScopeSelectorOpDoesNotExist)}
	if r.Operator == corev1.ScopeSelectorOpIn || r.Operator == corev1.ScopeSelectorOpNotIn {
		r.Values = One(d, []string{a}, []string{b}, []string{a, b})
	}
	return r
}

// Claim draws a claim, of a class or of none.
func (d Dice) Claim(name string) *corev1.PersistentVolumeClaim {
	c := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name}}
	c.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	c.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(One(d, "500Mi", "1Gi", "2Gi", "3G", "1500000000500m", "12Gi"))}
	if d.In(60) {
		class := One(d, "gold", "silver", "")
		c.Spec.StorageClassName = &class
	}
	if d.In(40) {
		class := One(d, fastVolumes, slowVolumes)
		c.Spec.VolumeAttributesClassName = &class
	}
	if d.In(10) {
		c.Annotations = map[string]string{corev1.BetaStorageClassAnnotation: "gold"}
		c.Spec.StorageClassName = nil
	}
	return c
}

// Service draws a Service of any type but ExternalName.
func (d Dice) Service(name string) *corev1.Service {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}}
	s.Spec.Type = One(d, corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer, corev1.ServiceType(""))
	for i := range 1 + d.IntN(3) {
		s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Name: fmt.Sprintf("p%d", i), Port: int32(80 + i)})
	}
	if s.Spec.Type == corev1.ServiceTypeLoadBalancer && d.In(40) {
		no := false
		s.Spec.AllocateLoadBalancerNodePorts = &no
	}
	return s
}

// The classes that every world has, and what they are called.
const (
	LowClass     = "quota-low"
	HighClass    = "quota-high"
	HeavyRuntime = "quota-heavy"
	LightRuntime = "quota-light"
)

// The classes of volumes' attributes, which need not be there.
const (
	fastVolumes = "fast"
	slowVolumes = "slow"
)
