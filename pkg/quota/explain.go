package quota

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
)

// Formula is how a number of a workload comes about.
type Formula struct {
	Resource string `json:"resource"`
	// Of is "request" or "limit".
	Of string `json:"of"`
	// Pods have this formula; the number is that of each of them.
	Pods  int    `json:"pods"`
	Each  string `json:"each"`
	Total string `json:"total"`
	// Terms is the formula: "max(app 500m + proxy 200m, init 600m) + overhead 50m".
	Terms string `json:"terms"`
	Basis Basis  `json:"basis"`
}

// formulas tells how the requests and limits of the pods come about; pods with
// the same formula share one.
func formulas(pods []*corev1.Pod, basis Basis) []Formula {
	type key struct{ resource, of, terms string }
	at := map[key]int{}
	var out []Formula
	var each []resource.Quantity
	for _, pod := range pods {
		for _, side := range []string{"request", "limit"} {
			list := Requests(pod, basis)
			if side == "limit" {
				list = Limits(pod, basis)
			}
			for _, name := range ordered(list) {
				k := key{string(name), side, terms(pod, basis, name, side == "limit")}
				i, known := at[k]
				if !known {
					i, at[k] = len(out), len(out)
					out = append(out, Formula{Resource: string(name), Of: side, Each: fit.Human(name, list[name], true), Terms: k.terms, Basis: basis})
					each = append(each, list[name])
				}
				out[i].Pods++
			}
		}
	}
	for i := range out {
		out[i].Total = fit.Human(corev1.ResourceName(out[i].Resource), *product(each[i], int64(out[i].Pods)), true)
	}
	slices.SortStableFunc(out, func(a, b Formula) int { return cmp.Compare(b.Of, a.Of) })
	return out
}

// terms writes the formula of one resource of a pod.
func terms(pod *corev1.Pod, basis Basis, name corev1.ResourceName, limit bool) string {
	of := termSource(pod, basis, limit)
	var together, sidecars, phases []string
	for i := range pod.Spec.Containers {
		together = append(together, of(&pod.Spec.Containers[i], true, name)...)
	}
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		own := of(c, isSidecar(c), name)
		if isSidecar(c) {
			together, sidecars = append(together, own...), append(sidecars, own...)
			continue
		}
		if len(own) > 0 {
			phases = append(phases, strings.Join(append(own, sidecars...), " + "))
		}
	}
	sum := strings.Join(together, " + ")
	if len(phases) > 0 {
		sum = "max(" + strings.Join(append(nonEmpty(sum), phases...), ", ") + ")"
	}
	if whole, replaces := wholePod(pod, basis, name, limit); replaces {
		if sum = strings.TrimSpace("pod " + whole); len(together)+len(phases) > 0 {
			sum += " in place of its containers"
		}
	}
	overhead, ok := pod.Spec.Overhead[name]
	if basis != Limited && ok && !overhead.IsZero() {
		if sum != "" {
			sum += " + "
		}
		sum += "overhead " + fit.Human(name, overhead, true)
	}
	return sum
}

// wholePod is what the pod as a whole asks for, if that replaces its containers.
func wholePod(pod *corev1.Pod, basis Basis, name corev1.ResourceName, limit bool) (string, bool) {
	if pod.Spec.Resources == nil {
		return "", false
	}
	said := pod.Spec.Resources.Requests
	if limit {
		said = pod.Spec.Resources.Limits
	}
	if _, ok := said[name]; !ok || !isPodLevel(name) || basis == Limited && isHugePages(name) {
		return "", false
	}
	bare := pod.DeepCopy()
	bare.Spec.Overhead = nil
	list := Requests(bare, basis)
	if limit {
		list = Limits(bare, basis)
	}
	return fit.Human(name, list[name], true), true
}

// termSource writes the part of one container: "app 500m", and where the status
// says another number than the spec, both.
func termSource(pod *corev1.Pod, basis Basis, limit bool) func(c *corev1.Container, resizable bool, name corev1.ResourceName) []string {
	status := statuses(pod, basis)
	return func(c *corev1.Container, resizable bool, name corev1.ResourceName) []string {
		asked, counted := c.Resources.Requests, c.Resources.Requests
		if limit {
			asked, counted = c.Resources.Limits, c.Resources.Limits
		}
		if s := status[c.Name]; s != nil && resizable {
			seen := greatest(s.Resources.Requests, s.AllocatedResources)
			if limit {
				seen = greatest(s.Resources.Limits)
			}
			if counted = seen; !resizeInfeasible(pod) {
				counted = greatest(asked, seen)
			}
		}
		q, ok := counted[name]
		if !ok {
			return nil
		}
		text := c.Name + " " + fit.Human(name, q, true)
		if was, said := asked[name]; !said || was.Cmp(q) != 0 {
			text += fmt.Sprintf(" (status; spec %s)", orNone(was, said, name))
		}
		return []string{text}
	}
}

func orNone(q resource.Quantity, said bool, name corev1.ResourceName) string {
	if !said {
		return "none"
	}
	return fit.Human(name, q, true)
}
