// Package e2e holds the product against a real Kubernetes.
package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/test/cluster"
)

const (
	fitWorlds = 5  // random sets of nodes and pods
	fitNodes  = 5  // random nodes in each
	fitPods   = 24 // random pods tried on each
)

// The arithmetic and the real scheduler must agree about random pods on random
// nodes: whether a pod fits, on which nodes, and if on none, for which reasons.
func TestFitAgreesWithTheScheduler(t *testing.T) {
	c := cluster.GetFakeNodes(t, 2)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	reasons := map[string]int{}
	for n := range fitWorlds {
		t.Run(fmt.Sprintf("world-%d", n), func(t *testing.T) {
			w := newFitWorld(t, c, rand.New(rand.NewPCG(seed, uint64(n))))
			for i := range fitPods {
				w.try(t, i, reasons)
			}
		})
	}
	var seen []string
	for r, n := range reasons {
		seen = append(seen, fmt.Sprintf("%d %s", n, r))
	}
	sort.Strings(seen)
	t.Logf("seen: %s", strings.Join(seen, ", "))
	if len(reasons) < 6 {
		t.Errorf("the random pods met only %d kinds of answers", len(reasons))
	}
}

type fitWorld struct {
	c      *cluster.Cluster
	random fitRandom
	// id marks this world's nodes; every pod selects it.
	id         string
	namespaces []string
}

func newFitWorld(t *testing.T, c *cluster.Cluster, r *rand.Rand) *fitWorld {
	t.Helper()
	w := &fitWorld{c: c, random: fitRandom{r}, id: fmt.Sprintf("fit-%06x", r.IntN(1<<24)), namespaces: []string{c.Namespace(t), c.Namespace(t)}}
	for i := range fitNodes {
		w.create(t, w.random.node(w.id, i))
	}
	last := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: w.id + "-barrier", Labels: map[string]string{"fit-world": w.id, "barrier": w.id}, Annotations: map[string]string{"kwok.x-k8s.io/node": "fake"}}}
	last.Status.Allocatable = list("cpu", "1", "pods", "10")
	w.create(t, last)
	w.waitForNodes(t)
	w.claims(t)
	for i := range 14 {
		pod := w.random.pod(w, fmt.Sprintf("bound-%d", i))
		pod.Spec.NodeName = fmt.Sprintf("%s-%d", w.id, r.IntN(fitNodes))
		pod.Spec.NodeSelector, pod.Spec.TopologySpreadConstraints = nil, nil
		if _, err := c.Typed().CoreV1().Pods(pod.Namespace).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
			t.Fatalf("create %s: %v", pod.Name, err)
		}
	}
	w.barrier(t)
	return w
}

func (w *fitWorld) create(t *testing.T, node *corev1.Node) {
	t.Helper()
	api := w.c.Typed().CoreV1().Nodes()
	if _, err := api.Create(t.Context(), node, metav1.CreateOptions{}); err != nil {
		t.Fatalf("create %s: %v", node.Name, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := api.Delete(ctx, node.Name, metav1.DeleteOptions{}); err != nil {
			t.Logf("delete %s: %v", node.Name, err)
		}
	})
}

// waitForNodes waits until kwok plays them and the node controller has taken
// off the taint that a new node gets.
func (w *fitWorld) waitForNodes(t *testing.T) {
	t.Helper()
	w.c.WaitFor(t, "the nodes to be ready", time.Minute, func(ctx context.Context) (bool, string, error) {
		list, err := w.c.Typed().CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: "fit-world=" + w.id})
		if err != nil {
			return false, "", err
		}
		for _, n := range list.Items {
			ready := slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
				return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
			})
			settled := !slices.ContainsFunc(n.Spec.Taints, func(t corev1.Taint) bool { return t.Key == corev1.TaintNodeNotReady })
			cordon := slices.ContainsFunc(n.Spec.Taints, func(t corev1.Taint) bool { return t.Key == corev1.TaintNodeUnschedulable })
			if !ready || !settled || cordon != n.Spec.Unschedulable {
				return false, n.Name, nil
			}
		}
		return len(list.Items) == fitNodes+1, "", nil
	})
}

// claims makes one volume of zone a that is bound to a claim, in the first namespace.
func (w *fitWorld) claims(t *testing.T) {
	t.Helper()
	w.c.Apply(t, w.namespaces[0], strings.NewReplacer("ID", w.id, "NS", w.namespaces[0]).Replace(`
apiVersion: v1
kind: PersistentVolume
metadata: {name: ID}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  hostPath: {path: /nowhere}
  claimRef: {namespace: NS, name: data}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: zone, operator: In, values: [a]}]}]}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {storageClassName: "", volumeName: ID, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := w.c.Typed().CoreV1().PersistentVolumes().Delete(ctx, w.id, metav1.DeleteOptions{}); err != nil {
			t.Logf("delete volume %s: %v", w.id, err)
		}
	})
	w.c.WaitFor(t, "the claim to be bound", time.Minute, func(ctx context.Context) (bool, string, error) {
		claim, err := w.c.Typed().CoreV1().PersistentVolumeClaims(w.namespaces[0]).Get(ctx, "data", metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		return claim.Status.Phase == corev1.ClaimBound, string(claim.Status.Phase), nil
	})
}

// barrier places one more pod, on the node that was made last. The scheduler
// hears of nodes and of pods in their order, so that afterwards it knows all
// that came before.
func (w *fitWorld) barrier(t *testing.T) {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "barrier", Namespace: w.namespaces[0]}, Spec: corev1.PodSpec{
		NodeSelector: map[string]string{"barrier": w.id}, Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
		Containers: []corev1.Container{{Name: "c", Image: "none"}},
	}}
	if pod := w.decide(t, pod); pod.Spec.NodeName == "" {
		t.Fatalf("the barrier was not placed: %v", pod.Status.Conditions)
	}
}

// decide creates the pod and waits for the scheduler's answer.
func (w *fitWorld) decide(t *testing.T, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	api := w.c.Typed().CoreV1().Pods(pod.Namespace)
	if _, err := api.Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatalf("create %s: %v", pod.Name, err)
	}
	var decided *corev1.Pod
	w.c.WaitFor(t, "the scheduler's answer about "+pod.Name, time.Minute, func(ctx context.Context) (bool, string, error) {
		p, err := api.Get(ctx, pod.Name, metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		decided = p
		return p.Spec.NodeName != "" || unschedulable(p) != "", "", nil
	})
	return decided
}

func unschedulable(p *corev1.Pod) string {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return c.Message
		}
	}
	return ""
}

// try works one random pod out, asks the scheduler, and compares.
func (w *fitWorld) try(t *testing.T, i int, reasons map[string]int) {
	t.Helper()
	view := w.see(t)
	pod := w.decide(t, w.random.pod(w, fmt.Sprintf("try-%d", i)))
	unplaced := pod.DeepCopy()
	unplaced.Spec.NodeName = ""
	verdict := view.Judge(unplaced)
	fitting := verdict.Fitting()
	if pod.Spec.NodeName != "" {
		reasons["placed"]++
		if !slices.Contains(fitting, pod.Spec.NodeName) {
			t.Errorf("%s was placed on %s; we say it fits %v\n%v\n%+v", pod.Name, pod.Spec.NodeName, fitting, verdict.Nodes, pod.Spec)
		}
		return
	}
	said := unschedulable(pod)
	if len(fitting) > 0 {
		t.Errorf("%s was not placed (%s); we say it fits %v\n%+v", pod.Name, said, fitting, pod.Spec)
	} else if ours, theirs := fitReasons(verdict.Message()), fitReasons(said); ours != theirs {
		t.Errorf("%s: we say %s, the scheduler says %s\n%s\n%v", pod.Name, ours, theirs, said, verdict.Nodes)
	}
	for _, r := range strings.Split(fitReasons(said), ", ") {
		if _, what, counted := strings.Cut(r, " "); counted {
			reasons[what]++
		} else {
			reasons["only selector"]++
		}
	}
	grace := int64(0)
	if err := w.c.Typed().CoreV1().Pods(pod.Namespace).Delete(t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &grace}); err != nil {
		t.Fatalf("delete %s: %v", pod.Name, err)
	}
}

// fitReasons counts a message's reasons; nodes that were not selected are left
// out, because those of other tests come and go.
func fitReasons(message string) string {
	said, _ := fit.ParseMessage(message)
	counts := map[string]int{}
	for _, s := range said {
		if s.Reason != fit.NotSelected {
			counts[string(s.Reason)+" "+s.Detail] += s.Nodes
		}
	}
	var out []string
	for what, n := range counts {
		out = append(out, fmt.Sprintf("%d %s", n, strings.TrimSpace(what)))
	}
	sort.Strings(out)
	return strings.Join(out, ", ")
}

// see reads the cluster as the product does.
func (w *fitWorld) see(t *testing.T) *fit.Cluster {
	t.Helper()
	api := w.c.Typed().CoreV1()
	nodes, err := api.Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pods, err := api.Pods("").List(t.Context(), metav1.ListOptions{FieldSelector: "status.phase!=Succeeded,status.phase!=Failed"})
	if err != nil {
		t.Fatal(err)
	}
	claims, err := api.PersistentVolumeClaims("").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	volumes, err := api.PersistentVolumes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	spaces, err := api.Namespaces().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	facts := fit.Facts{Namespaces: map[string]labels.Set{}}
	for _, ns := range spaces.Items {
		facts.Namespaces[ns.Name] = ns.Labels
	}
	facts.Claim = func(namespace, name string) (*corev1.PersistentVolumeClaim, bool) {
		at := slices.IndexFunc(claims.Items, func(c corev1.PersistentVolumeClaim) bool { return c.Namespace == namespace && c.Name == name })
		if at < 0 {
			return nil, true
		}
		return &claims.Items[at], true
	}
	facts.Volume = func(name string) (*corev1.PersistentVolume, bool) {
		at := slices.IndexFunc(volumes.Items, func(v corev1.PersistentVolume) bool { return v.Name == name })
		if at < 0 {
			return nil, true
		}
		return &volumes.Items[at], true
	}
	var all []*corev1.Node
	for i := range nodes.Items {
		all = append(all, &nodes.Items[i])
	}
	view := fit.NewCluster(all, facts)
	for i := range pods.Items {
		view.Bind(&pods.Items[i])
	}
	return view
}
