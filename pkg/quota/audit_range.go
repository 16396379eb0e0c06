package quota

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// RangeUse is what a LimitRange says of a resource, as the API server keeps it:
// what it says only as max is everybody's default as well.
type RangeUse struct {
	LimitRange     string `json:"limitRange"`
	Type           string `json:"type"`
	Resource       string `json:"resource"`
	Min            string `json:"min,omitempty"`
	Max            string `json:"max,omitempty"`
	DefaultRequest string `json:"defaultRequest,omitempty"`
	Default        string `json:"default,omitempty"`
	Ratio          string `json:"maxLimitRequestRatio,omitempty"`
}

// rangeUses lists the lines of the LimitRanges of a namespace.
func rangeUses(s *snapshot.Snapshot, namespace string) []RangeUse {
	out := []RangeUse{}
	all, _ := snapshot.List[*corev1.LimitRange](s, namespace, nil)
	for _, lr := range all {
		for _, item := range withRangeDefaults(lr).Spec.Limits {
			said := corev1.ResourceList{}
			for _, list := range []corev1.ResourceList{item.Min, item.Max, item.DefaultRequest, item.Default, item.MaxLimitRequestRatio} {
				addTo(said, list)
			}
			for _, name := range ordered(said) {
				of := func(list corev1.ResourceList) string {
					q, ok := list[name]
					if !ok {
						return ""
					}
					return fit.Human(name, q, false)
				}
				u := RangeUse{LimitRange: lr.Name, Type: string(item.Type), Resource: string(name), Min: of(item.Min), Max: of(item.Max), DefaultRequest: of(item.DefaultRequest), Default: of(item.Default)}
				if q, ok := item.MaxLimitRequestRatio[name]; ok {
					u.Ratio = q.String()
				}
				out = append(out, u)
			}
		}
	}
	return out
}
