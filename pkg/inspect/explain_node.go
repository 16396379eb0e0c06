package inspect

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	helper "k8s.io/component-helpers/resource"

	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// podsOn asks for the pods of a node.
func podsOn(node string) snapshot.Need {
	return snapshot.Need{Kind: "Pod", Fields: "spec.nodeName=" + node}
}

func (e explainer) node(v *corev1.Node) told {
	i := v.Status.NodeInfo
	t := told{
		summary: e.text("node", map[string]any{"version": i.KubeletVersion, "os": i.OSImage, "arch": i.Architecture, "runtime": i.ContainerRuntimeVersion}),
		health:  Unknown, status: e.text("node-unknown", nil),
	}
	for _, c := range v.Status.Conditions {
		good := corev1.ConditionFalse
		if c.Type == corev1.NodeReady {
			good = corev1.ConditionTrue
			t.health, t.status = Unwell, "NotReady"
			if c.Status == good {
				t.health, t.status = Healthy, "Ready"
			}
		}
		t.rows = append(t.rows, named(string(c.Type), string(good), string(c.Status), judged(c.Status == good)))
	}
	if v.Spec.Unschedulable {
		t.status += ", " + e.text("cordoned", nil)
	}
	if taints := taintText(v.Spec.Taints); taints != "" {
		t.rows = append(t.rows, e.fact("what-taints", taints))
	}
	t.points(RefersTo, "Lease", "kube-node-lease", v.Name)
	e.load(&t, v)
	return t
}

func taintText(taints []corev1.Taint) string {
	out := make([]string, len(taints))
	for i, taint := range taints {
		out[i] = taint.ToString()
	}
	return strings.Join(out, ", ")
}

// load says what the pods of a node ask for against what it has to give.
func (e explainer) load(t *told, node *corev1.Node) {
	if e.s.Asked(podsOn(node.Name)).State != snapshot.Present && e.s.Covered("Pod", "", "").State != snapshot.Present {
		return
	}
	pods, _ := snapshot.List[*corev1.Pod](e.s, "", nil)
	n := 0
	cpu, memory := resource.Quantity{}, resource.Quantity{}
	for _, pod := range pods {
		if pod.Spec.NodeName != node.Name || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		n++
		asked := helper.PodRequests(pod, helper.PodResourcesOptions{})
		cpu.Add(asked[corev1.ResourceCPU])
		memory.Add(asked[corev1.ResourceMemory])
		if podHealth(pod) != Healthy {
			t.points(Runs, "Pod", pod.Namespace, pod.Name)
		}
	}
	room := node.Status.Allocatable
	for _, r := range []struct {
		id   string
		name corev1.ResourceName
		used resource.Quantity
	}{{"what-node-pods", corev1.ResourcePods, *resource.NewQuantity(int64(n), resource.DecimalSI)}, {"what-cpu", corev1.ResourceCPU, cpu}, {"what-memory", corev1.ResourceMemory, memory}} {
		if has, ok := room[r.name]; ok {
			most := e.text("at-most", map[string]any{"n": fit.Human(r.name, has, false)})
			t.rows = append(t.rows, named(e.text(r.id, nil), most, fit.Human(r.name, r.used, true), nil))
		}
	}
}

func (e explainer) namespace(v *corev1.Namespace) told {
	t := told{summary: e.text("namespace", nil), health: Healthy, status: string(v.Status.Phase)}
	if v.Status.Phase == corev1.NamespaceTerminating {
		t.health = Progressing
	}
	for _, c := range v.Status.Conditions {
		if c.Status == corev1.ConditionTrue {
			t.rows = append(t.rows, named(string(c.Type), "", c.Message, nil))
		}
	}
	for _, k := range sortedKeys(v.Labels) {
		if strings.HasPrefix(k, "pod-security.kubernetes.io/") || k == "istio-injection" || k == "linkerd.io/inject" {
			t.rows = append(t.rows, named(k, v.Labels[k], "", nil))
		}
	}
	for _, kind := range []snapshot.Kind{"ResourceQuota", "LimitRange"} {
		for _, o := range e.s.OfKind(kind, v.Name) {
			t.points(RefersTo, string(kind), v.Name, o.GetName())
		}
	}
	return t
}
