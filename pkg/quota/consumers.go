package quota

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// consumers tells who uses what the lines of a namespace's quotas add up to: all
// who do, whatever workloads were asked about.
type consumers struct {
	s       *snapshot.Snapshot
	classes *deviceClasses
	// pods are those that have not finished, by workload.
	pods map[finding.Ref][]*corev1.Pod
}

func newConsumers(s *snapshot.Snapshot, namespace string) consumers {
	return consumers{s: s, classes: deviceClassesOf(s), pods: podsByWorkload(s, namespace)}
}

// part is what one of them has of a line.
type part struct {
	of  string
	sum resource.Quantity
}

// of writes what a line adds up to, the largest part first; nothing for lines
// about other objects than pods and claims, and for claims that were not read.
func (c consumers) of(q *corev1.ResourceQuota, name corev1.ResourceName) string {
	var parts []part
	add := func(of string, n resource.Quantity) {
		i := slices.IndexFunc(parts, func(p part) bool { return p.of == of })
		switch {
		case n.IsZero():
		case i < 0:
			parts = append(parts, part{of, n.DeepCopy()})
		default:
			parts[i].sum.Add(n)
		}
	}
	read := func(kind snapshot.Kind) bool { return c.s.Covered(kind, q.Namespace, "").State == snapshot.Present }
	switch {
	case name == "count/pods": // which counts finished pods too
		return ""
	case tracksPods(name) && !c.classes.claimed[name]:
		c.charged(q, name, add)
	case tracksPods(name) && read("ResourceClaim"): // a class gives the resource out, so claims count too
		c.charged(q, name, add)
		c.deviceClaims(q, name, add)
	case tracksDevices(name) && read("ResourceClaim"):
		c.deviceClaims(q, name, add)
	case tracksClaims(name) && read("PersistentVolumeClaim"):
		for _, claim := range c.s.OfKind("PersistentVolumeClaim", q.Namespace) {
			if inScope(q, claim) {
				add(rule.RefTo(claim).String(), Usage(claim, c.s.TakenAt)[name])
			}
		}
	default:
		return ""
	}
	return summed(name, parts)
}

func (c consumers) charged(q *corev1.ResourceQuota, name corev1.ResourceName, add func(string, resource.Quantity)) {
	for of, pods := range c.pods {
		for _, pod := range pods {
			if inScope(q, pod) {
				add(of.String(), Usage(pod, c.s.TakenAt)[name])
			}
		}
	}
}

// deviceClaims adds claims to the workload whose pod they were made for, or by
// their own name.
func (c consumers) deviceClaims(q *corev1.ResourceQuota, name corev1.ResourceName, add func(string, resource.Quantity)) {
	if len(selectors(q)) > 0 {
		return
	}
	byPod := map[string]finding.Ref{}
	for of, pods := range c.pods {
		for _, p := range pods {
			byPod[p.Name] = of
		}
	}
	holders := owners{objects: slices.Concat(c.s.OfKind("Pod", q.Namespace), c.s.OfKind("ResourceClaim", q.Namespace)), at: c.s.TakenAt}
	for _, o := range c.s.OfKind("ResourceClaim", q.Namespace) {
		claim, ok := o.(*resourcev1.ResourceClaim)
		if !ok {
			continue
		}
		of := rule.RefTo(claim)
		if up := metav1.GetControllerOfNoCopy(claim); up != nil && up.Kind == "Pod" {
			of = finding.Ref{Kind: "Pod", Namespace: claim.Namespace, Name: up.Name}
			if w, known := byPod[up.Name]; known {
				of = w
			}
		}
		add(of.String(), c.classes.usage(claim, holders.usage(claim))[name])
	}
}

// summed is "deployment/web 2 + deployment/api 1 = 3".
func summed(name corev1.ResourceName, parts []part) string {
	slices.SortFunc(parts, func(a, b part) int { return cmp.Or(b.sum.Cmp(a.sum), strings.Compare(a.of, b.of)) })
	const shown = 5
	var words []string
	total, rest := resource.Quantity{}, resource.Quantity{}
	for i, p := range parts {
		total.Add(p.sum)
		if i < shown {
			words = append(words, p.of+" "+fit.Human(plain(name), p.sum, true))
		} else {
			rest.Add(p.sum)
		}
	}
	if n := len(parts) - shown; n > 0 {
		words = append(words, fmt.Sprintf("%d others %s", n, fit.Human(plain(name), rest, true)))
	}
	if len(words) == 0 {
		return "0"
	}
	return strings.Join(words, " + ") + " = " + fit.Human(plain(name), total, true)
}
