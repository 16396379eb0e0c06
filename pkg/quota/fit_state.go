package quota

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
)

// exist is a *rule.NotFoundError where what the question names is not there.
func (f *fitter) exist() error {
	var nodes []finding.Ref
	for _, name := range f.q.Drain {
		nodes = append(nodes, finding.Ref{Kind: "Node", Name: name})
	}
	if f.q.Add > 0 {
		nodes = append(nodes, finding.Ref{Kind: "Node", Name: f.q.Like})
	}
	if err := rule.Exist(f.s, nodes, ""); err != nil || len(f.q.Drain) > 0 || f.q.Manifests != nil {
		return err
	}
	return rule.Exist(f.s, f.q.Targets, f.q.Namespace)
}

// load makes the cluster as it is to be thought of: with nodes added, with those
// that are drained cordoned and empty, without the pods that an update replaces.
func (f *fitter) load(works []Work) {
	view, err := rule.SchedulerViewOf(f.s)
	if err != nil {
		return
	}
	replaced := map[finding.Ref]bool{}
	for _, w := range works {
		if f.replaces(w) {
			replaced[w.Ref] = true
		}
	}
	var like *corev1.Node
	for i, n := range view.Nodes {
		if n.Name == f.q.Like {
			like = n
		}
		if slices.Contains(f.q.Drain, n.Name) {
			view.Nodes[i] = cordoned(n)
		}
	}
	f.owned = map[finding.Ref][]*corev1.Pod{}
	for _, p := range view.Pods {
		owner := rule.TemplateOwner(f.s, p)
		switch {
		case p.Spec.NodeName != "" && slices.Contains(f.q.Drain, p.Spec.NodeName) && leaves(p):
			f.leaving = append(f.leaving, p)
			continue
		case replaced[owner]:
			continue
		case p.Spec.NodeName != "" && p.DeletionTimestamp == nil && leavesRoom(p):
			f.owned[owner] = append(f.owned[owner], p)
		}
		f.bound = append(f.bound, p)
	}
	for i := range f.q.Add {
		if like == nil {
			break
		}
		added := another(like, i)
		view.Nodes = append(view.Nodes, added)
		f.bound = append(f.bound, daemonsOf(view.Pods, like.Name, added.Name)...)
	}
	f.cluster = fit.NewCluster(view.Nodes, view.Facts)
	f.cluster.Bind(f.bound...)
	f.wait()
}

// cordoned is the node as kubectl drain leaves it; the taint is what the node
// lifecycle controller adds.
func cordoned(n *corev1.Node) *corev1.Node {
	out := *n
	out.Spec.Unschedulable = true
	out.Spec.Taints = append(slices.Clone(n.Spec.Taints), corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule})
	return &out
}

// another is a new node of the same make: the same labels but for its name, and
// no taint that tells of a passing state.
func another(like *corev1.Node, i int) *corev1.Node {
	out := *like
	out.Name, out.UID = fmt.Sprintf("%s-added-%d", like.Name, i+1), ""
	out.Labels = maps.Clone(like.Labels)
	if _, has := out.Labels[corev1.LabelHostname]; has {
		out.Labels[corev1.LabelHostname] = out.Name
	}
	out.Spec.Unschedulable, out.Spec.Taints = false, nil
	for _, t := range like.Spec.Taints {
		if !strings.HasPrefix(t.Key, "node.kubernetes.io/") && !strings.HasPrefix(t.Key, "node.cloudprovider.kubernetes.io/") {
			out.Spec.Taints = append(out.Spec.Taints, t)
		}
	}
	return &out
}

// daemonsOf are the pods that every node of that make has.
func daemonsOf(pods []*corev1.Pod, like, on string) []*corev1.Pod {
	var out []*corev1.Pod
	for _, p := range pods {
		if p.Spec.NodeName != like || !stays(p) || p.DeletionTimestamp != nil {
			continue
		}
		copied := *p
		copied.Name, copied.UID, copied.Spec.NodeName = p.Name+"-"+on, "", on
		out = append(out, &copied)
	}
	return out
}

// stays says that a drain leaves the pod where it is: a DaemonSet's, and a
// static pod's mirror (kubectl/pkg/drain/filters.go).
func stays(p *corev1.Pod) bool {
	if _, mirror := p.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return true
	}
	owner := metav1.GetControllerOfNoCopy(p)
	return owner != nil && owner.Kind == "DaemonSet"
}

// leaves: what is on its way out already has been made anew elsewhere.
func leaves(p *corev1.Pod) bool {
	return !stays(p) && p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed
}
