package inspect

import (
	"fmt"
	"sort"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/spelling"
)

// nearMiss is a workload whose pods a selector almost matches.
type nearMiss struct {
	ref    finding.Ref
	labels map[string]string
	// same counts the selector's labels that match; different lists the others.
	same      int
	different []difference
}

// difference is one label of a selector that a workload's pods do not have.
type difference struct {
	key, wanted string
	// foundKey and found are what is there in its place; found is empty for nothing like it.
	foundKey, found string
}

// text says what is there, and what was wanted.
func (d difference) text() lang.Text {
	if d.found == "" {
		return lang.Text{
			En: fmt.Sprintf("no label %s (wanted %s=%s)", d.key, d.key, d.wanted),
			Ko: fmt.Sprintf("%s 라벨 없음(필요한 값 %s=%s)", d.key, d.key, d.wanted),
		}
	}
	return lang.Text{
		En: fmt.Sprintf("%s=%s (wanted %s=%s)", d.foundKey, d.found, d.key, d.wanted),
		Ko: fmt.Sprintf("%s=%s(필요한 값 %s=%s)", d.foundKey, d.found, d.key, d.wanted),
	}
}

func (n nearMiss) differs() lang.Text {
	en, ko := make([]string, len(n.different)), make([]string, len(n.different))
	for i, d := range n.different {
		en[i], ko[i] = d.text().En, d.text().Ko
	}
	return lang.Text{En: strings.Join(en, ", "), Ko: strings.Join(ko, ", ")}
}

// corrected is the selector that would match these pods, for kubectl set
// selector; empty where a label has nothing like it.
func (n nearMiss) corrected(selector map[string]string) string {
	fixed := map[string]string{}
	for k, v := range selector {
		fixed[k] = v
	}
	for _, d := range n.different {
		if d.found == "" {
			return ""
		}
		delete(fixed, d.key)
		fixed[d.foundKey] = d.found
	}
	return labels.FormatLabels(fixed)
}

// shownNear bounds how many near misses are named.
const shownNear = 3

// nearestWorkloads finds the workloads whose pods a Service's selector misses by least.
// Only those that share a label with it, or have one that is spelled almost the
// same, are near; the most labels in common come first.
func nearestWorkloads(s *snapshot.Snapshot, svc *corev1.Service) []nearMiss {
	candidates := map[finding.Ref]map[string]string{}
	pods, _ := snapshot.List[*corev1.Pod](s, svc.Namespace, nil)
	for _, pod := range pods {
		candidates[rule.TemplateOwner(s, pod)] = pod.Labels
	}
	deployments, _ := snapshot.List[*appsv1.Deployment](s, svc.Namespace, nil)
	for _, d := range deployments {
		candidates[rule.RefTo(d)] = d.Spec.Template.Labels
	}
	var out []nearMiss
	for ref, have := range candidates {
		if n := compareLabels(ref, svc.Spec.Selector, have); n.same > 0 || n.near() {
			out = append(out, n)
		}
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if a.near() != b.near() {
			return a.near()
		}
		if a.same != b.same {
			return a.same > b.same
		}
		return a.ref.String() < b.ref.String()
	})
	return out[:min(len(out), shownNear)]
}

// near says that every label that differs has a close counterpart.
func (n nearMiss) near() bool {
	for _, d := range n.different {
		if d.found == "" || !spelling.Near(d.found, d.wanted) {
			return false
		}
	}
	return true
}

func compareLabels(ref finding.Ref, selector, have map[string]string) nearMiss {
	n := nearMiss{ref: ref, labels: have}
	keys := make([]string, 0, len(selector))
	for k := range selector {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		if have[k] == selector[k] {
			n.same++
			continue
		}
		n.different = append(n.different, differenceOf(k, selector[k], have))
	}
	return n
}

// differenceOf finds what stands in a wanted label's place: another value under
// the same key, or the same value under another key.
func differenceOf(key, wanted string, have map[string]string) difference {
	d := difference{key: key, wanted: wanted}
	if v, ok := have[key]; ok {
		d.foundKey, d.found = key, v
		return d
	}
	keys := make([]string, 0, len(have))
	for k, v := range have {
		if v == wanted {
			keys = append(keys, k)
		}
	}
	if len(keys) > 0 {
		sort.Strings(keys)
		d.foundKey, d.found = keys[0], wanted
	}
	return d
}

// matchingDeployment is a Deployment whose template a Service's selector matches.
func matchingDeployment(s *snapshot.Snapshot, svc *corev1.Service) *appsv1.Deployment {
	selector := labels.SelectorFromSet(svc.Spec.Selector)
	deployments, _ := snapshot.List[*appsv1.Deployment](s, svc.Namespace, nil)
	for _, d := range deployments {
		if selector.Matches(labels.Set(d.Spec.Template.Labels)) {
			return d
		}
	}
	return nil
}
