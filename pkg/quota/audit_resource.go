package quota

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
)

// ResourceUse is one resource of a namespace or workload, with all that is known
// of it. What is empty was not said or not seen.
type ResourceUse struct {
	// Resource is cpu, memory and so on; lines of quotas that are about no
	// request go by their own name: limits.cpu, pods, services.
	Resource string `json:"resource"`
	Request  string `json:"request,omitempty"`
	Limit    string `json:"limit,omitempty"`
	Usage    string `json:"usage,omitempty"`
	// Used is what quotas count: of a namespace the status of the fullest quota
	// on this resource, of a workload what its pods are counted with.
	Used string `json:"used,omitempty"`
	Hard string `json:"hard,omitempty"`
	Soft string `json:"soft,omitempty"`
	// Quota and Key name the line of the quota.
	Quota string     `json:"quota,omitempty"`
	Key   string     `json:"key,omitempty"`
	Basis UsageBasis `json:"basis"`
}

// UsageBasis says where each number comes from; empty where there is no number.
type UsageBasis struct {
	Request Basis  `json:"request,omitempty"`
	Limit   Basis  `json:"limit,omitempty"`
	Usage   Source `json:"usage,omitempty"`
	Used    Source `json:"used,omitempty"`
	Hard    Source `json:"hard,omitempty"`
	Soft    Source `json:"soft,omitempty"`
}

// Source is where a number that is not reckoned from pods comes from.
type Source string

// The sources. Metrics is one sample of the metrics API for each container;
// Counted is reckoned here by a quota's rules.
const (
	FromMetrics             Source = "metrics"
	FromQuotaStatus         Source = "quota-status"
	FromQuotaCount          Source = "quota-count"
	FromQuotaAnnotation     Source = "quota-annotation"
	FromNamespaceAnnotation Source = "namespace-annotation"
	FromSoftFile            Source = "soft-file"
)

// resourceUses puts what is known of each resource side by side.
func resourceUses(t *tally, v View, quotas []QuotaUse) []ResourceUse {
	byName := map[corev1.ResourceName]*ResourceUse{}
	of := func(name corev1.ResourceName) *ResourceUse {
		if byName[name] == nil {
			byName[name] = &ResourceUse{Resource: string(name)}
		}
		return byName[name]
	}
	for _, a := range amounts(t.requests) {
		u := of(corev1.ResourceName(a.Resource))
		u.Request, u.Basis.Request = a.Quantity, v.Counted()
	}
	for _, a := range amounts(t.limits) {
		u := of(corev1.ResourceName(a.Resource))
		u.Limit, u.Basis.Limit = a.Quantity, v.Counted()
	}
	for _, a := range sampled(t.usage) {
		u := of(corev1.ResourceName(a.Resource))
		u.Usage, u.Basis.Usage = a.Quantity, FromMetrics
	}
	slices.SortStableFunc(quotas, func(a, b QuotaUse) int { return cmp.Compare(b.Percent, a.Percent) })
	for _, q := range quotas {
		if u := of(requested(corev1.ResourceName(q.Resource))); u.Hard == "" {
			u.Used, u.Hard, u.Soft, u.Quota, u.Key = q.Used, q.Hard, q.Soft, q.Quota, q.Resource
			u.Basis.Used, u.Basis.Hard, u.Basis.Soft = FromQuotaStatus, FromQuotaStatus, q.SoftFrom
		}
	}
	names := corev1.ResourceList{}
	for name := range byName {
		names[name] = count(0)
	}
	out := []ResourceUse{}
	for _, name := range ordered(names) {
		out = append(out, *byName[name])
	}
	return out
}

// chargedUses is what a workload's pods ask for, with what quotas count them with.
func chargedUses(t *tally, v View) []ResourceUse {
	out := resourceUses(t, v, nil)
	for i := range out {
		if q, ok := t.charged[corev1.ResourceName(out[i].Resource)]; ok {
			out[i].Used, out[i].Basis.Used = fit.Human(corev1.ResourceName(out[i].Resource), q, true), FromQuotaCount
		}
	}
	return out
}

// requested is the resource whose requests a quota counts under the name, else the name itself.
func requested(name corev1.ResourceName) corev1.ResourceName {
	if mustBeSaid(name) && name != corev1.ResourceLimitsCPU && name != corev1.ResourceLimitsMemory {
		return plain(name)
	}
	if name == corev1.ResourceRequestsEphemeralStorage || isQuotaForExtended(name) || isHugePages(plain(name)) {
		return plain(name)
	}
	return name
}
