package quota

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
	"github.com/kubectl-msa/kubectl-msa/test/cluster"
)

// fitWorlds is how many worlds are made; MSA_FIT_ALL=1 makes all of them.
func fitWorlds() int {
	if os.Getenv("MSA_FIT_ALL") != "" {
		return 200
	}
	return 15
}

// fitAtOnce bounds how many worlds there are at a time: with more than a hundred
// nodes the scheduler begins to look at some of them only.
const fitAtOnce = 6

// TestFitAgrees asks how many pods of random workloads find a place on a few
// random nodes, creates the workloads, and waits until the real scheduler has
// placed as many: not fewer, and no more. Where something was not reckoned with
// the report must have named it.
func TestFitAgrees(t *testing.T) {
	// Pods of other tests that wait for a place would make the order in which they get one uncertain.
	c := cluster.GetFakeNodes(t, 1)
	typed := quiet(t, c)
	for name, value := range map[string]int32{fitLow: 10, fitHigh: 1000} {
		fitClass(t, typed, name, value)
	}
	if _, err := typed.NodeV1().RuntimeClasses().Create(t.Context(), fitRuntimeClass(), metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	tally := newTally()
	places := make(chan struct{}, fitAtOnce)
	t.Run("worlds", func(t *testing.T) {
		for i := range fitWorlds() {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				places <- struct{}{}
				defer func() { <-places }()
				w := newFitWorld(t, c, typed, i)
				w.compare(tally)
			})
		}
	})
	tally.log(t)
	if claimed, all := tally.counts["claimed"], tally.counts["claimed"]+tally.counts["named"]; claimed*2 < all {
		t.Errorf("only %d of %d answers are a number", claimed, all)
	}
}

// fitWorld is a namespace and a few nodes that only its pods select.
type fitWorld struct {
	t     *testing.T
	c     *cluster.Cluster
	typed kubernetes.Interface
	d     fitDice
	ns    string
	label string
	nodes []string
	works []snapshot.Object
}

func newFitWorld(t *testing.T, c *cluster.Cluster, typed kubernetes.Interface, i int) *fitWorld {
	t.Helper()
	w := &fitWorld{t: t, c: c, typed: typed, d: fitDice{rand.New(rand.NewPCG(*seed, uint64(9000+i)))}, ns: c.Namespace(t)}
	w.label = "world-" + w.ns
	want := map[string]*corev1.Node{}
	for k := range 2 + w.d.IntN(4) {
		n := w.d.node(fmt.Sprintf("%s-%d", w.ns, k), w.label)
		want[n.Name] = n
		if _, err := typed.CoreV1().Nodes().Create(t.Context(), n, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		w.nodes = append(w.nodes, n.Name)
		t.Cleanup(func() {
			_ = typed.CoreV1().Nodes().Delete(context.Background(), n.Name, metav1.DeleteOptions{})
		})
	}
	t.Cleanup(w.empty)
	w.settleNodes(want)
	w.guests()
	for k := range w.d.works() {
		w.works = append(w.works, w.d.workload(w.ns, w.label, k))
	}
	w.claims()
	return w
}

// empty lets the pods go before their nodes do, so that nothing waits for a kubelet.
func (w *fitWorld) empty() {
	now := int64(0)
	_ = w.typed.AppsV1().Deployments(w.ns).DeleteCollection(context.Background(), metav1.DeleteOptions{}, metav1.ListOptions{})
	_ = w.typed.AppsV1().StatefulSets(w.ns).DeleteCollection(context.Background(), metav1.DeleteOptions{}, metav1.ListOptions{})
	_ = w.typed.AppsV1().DaemonSets(w.ns).DeleteCollection(context.Background(), metav1.DeleteOptions{}, metav1.ListOptions{})
	_ = w.typed.CoreV1().Pods(w.ns).DeleteCollection(context.Background(), metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{})
}

// settleNodes waits until the nodes are ready and have the taints that they are
// to have, and that of a cordon.
func (w *fitWorld) settleNodes(want map[string]*corev1.Node) {
	w.c.WaitFor(w.t, "the nodes of "+w.ns, 2*time.Minute, func(ctx context.Context) (bool, string, error) {
		list, err := w.typed.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: "fit-world=" + w.label})
		if err != nil {
			return false, "", err
		}
		for _, n := range list.Items {
			taints := len(want[n.Name].Spec.Taints)
			if n.Spec.Unschedulable {
				taints++
			}
			if len(n.Spec.Taints) != taints || !slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
				return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
			}) {
				return false, fmt.Sprint(n.Name, n.Spec.Taints), nil
			}
		}
		return len(list.Items) == len(want), "", nil
	})
}

// claims that the workloads use are bound to volumes, most of which are in one zone.
func (w *fitWorld) claims() {
	var names []string
	for _, o := range w.works {
		work, _ := quota.WorkOf(o)
		for _, v := range work.Template.Spec.Volumes {
			if name := v.PersistentVolumeClaim.ClaimName; name != notThere && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	for _, name := range names {
		pv := w.d.volume(w.ns, name)
		w.t.Cleanup(func() {
			_ = w.typed.CoreV1().PersistentVolumes().Delete(context.Background(), pv.Name, metav1.DeleteOptions{})
		})
		_, err := w.typed.CoreV1().PersistentVolumes().Create(w.t.Context(), pv, metav1.CreateOptions{})
		if err == nil {
			_, err = w.typed.CoreV1().PersistentVolumeClaims(w.ns).Create(w.t.Context(), fitClaim(w.ns, name), metav1.CreateOptions{})
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	w.c.WaitFor(w.t, "the claims of "+w.ns, time.Minute, func(ctx context.Context) (bool, string, error) {
		list, err := w.typed.CoreV1().PersistentVolumeClaims(w.ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, "", err
		}
		bound := 0
		for _, c := range list.Items {
			if c.Status.Phase == corev1.ClaimBound {
				bound++
			}
		}
		return bound == len(names), fmt.Sprintf("%d of %d are bound", bound, len(names)), nil
	})
}

// resize puts guests in the middle of a resize.
func (w *fitWorld) resize(names []string) {
	w.t.Helper()
	for _, name := range names {
		status, err := json.Marshal(map[string]any{"status": w.d.resized()})
		if err == nil {
			_, err = w.typed.CoreV1().Pods(w.ns).Patch(w.t.Context(), name, types.StrategicMergePatchType, status, metav1.PatchOptions{}, "status")
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// guests are pods that are there before.
func (w *fitWorld) guests() {
	n := w.d.IntN(4)
	var resized []string
	for k := range n {
		pod := w.d.guest(k)
		if w.d.in(30) {
			resized = append(resized, pod.Name)
		}
		pod.Spec.NodeName = w.nodes[w.d.IntN(len(w.nodes))]
		if _, err := w.typed.CoreV1().Pods(w.ns).Create(w.t.Context(), pod, metav1.CreateOptions{}); err != nil {
			w.t.Fatal(err)
		}
	}
	w.c.WaitFor(w.t, "the guests of "+w.ns, time.Minute, func(ctx context.Context) (bool, string, error) {
		pods, err := w.typed.CoreV1().Pods(w.ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, "", err
		}
		live := 0
		for _, p := range pods.Items { // the kubelet's admission, which kwok does not play, is not asked
			if p.Status.Phase == corev1.PodRunning {
				live++
			}
		}
		return live == n, fmt.Sprintf("%d of %d run", live, n), nil
	})
	w.resize(resized)
}

// ask reads the cluster as the command does.
func (w *fitWorld) ask() quota.FitReport {
	w.t.Helper()
	manifests := snapshot.New(snapshot.FromManifests, time.Now())
	for _, o := range w.works {
		copied, _ := o.DeepCopyObject().(snapshot.Object)
		manifests.Add(copied)
	}
	q := quota.FitQuery{Manifests: manifests}
	reader, err := live.New(w.c.Config(), live.Options{Version: "test", QPS: 100, Burst: 200, Now: time.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	s := snapshot.New(snapshot.FromCluster, time.Now())
	if err := reader.Fill(w.t.Context(), s, func(s *snapshot.Snapshot) snapshot.Needs { return quota.FitNeeds(s, q) }); err != nil {
		w.t.Fatal(err)
	}
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		w.t.Fatal(err)
	}
	report, err := quota.FitOf(s, q, catalogue, lang.English)
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

func (w *fitWorld) compare(tally *tally) {
	w.t.Helper()
	report := w.ask()
	for _, o := range w.works {
		if err := w.send(o); err != nil {
			w.t.Fatalf("%v\n%s", err, yamlOf(w.t, o))
		}
	}
	seen := w.settle(report)
	for i, f := range report.Fit {
		on := seen[w.works[i].GetName()].on
		switch {
		case f.Fits == nil:
			w.t.Errorf("%s: not known: %+v", f.Workload, f)
		case len(f.NotModelled) > 0:
			tally.add("named", 1)
			for _, g := range f.NotModelled {
				tally.add("named: "+string(g.Kind), 1)
			}
			if most := cmp.Or(f.FitsAtMost, f.Fits); on < *f.Fits || on > *most {
				tally.add("named, and the scheduler came to another number", 1)
			}
		case on != *f.Fits:
			w.t.Errorf("%s: the scheduler placed %d, expected %d of %d\nseen: %s\nanswer: %s\nworkloads: %s\nnodes and pods: %s", f.Workload, on, *f.Fits, f.Asked, seen[w.works[i].GetName()].why, yamlOf(w.t, report.Fit), yamlOf(w.t, w.works), w.dump())
		default:
			tally.add("claimed", 1)
			tally.add(map[bool]string{true: "claimed: all fit", false: "claimed: some do not"}[f.Whole()], 1)
			for _, r := range f.Refused {
				tally.add("refused: "+string(r.Constraint), 1)
			}
		}
	}
}

// fitSeen is what became of a workload: so many pods on nodes, so many that the
// scheduler found no node for.
type fitSeen struct {
	on, refused int
	why         string
}

// settle waits until the scheduler has looked at every pod, and what it came to
// stays as it is. Where the answer is not yet the expected one it has more time:
// a pod that found no place is looked at again, with pauses.
func (w *fitWorld) settle(report quota.FitReport) map[string]fitSeen {
	w.t.Helper()
	expected := func(seen map[string]fitSeen) bool {
		for i, f := range report.Fit {
			if len(f.NotModelled) == 0 && seen[w.works[i].GetName()].on != *f.Fits {
				return false
			}
		}
		return true
	}
	var last map[string]fitSeen
	begun, since := time.Now(), time.Now()
	for {
		seen := w.see()
		all, refused := true, false
		for i, f := range report.Fit {
			s := seen[w.works[i].GetName()]
			elsewhere := slices.ContainsFunc(f.NotModelled, func(g quota.NotModelled) bool { return g.Kind == fit.OtherScheduler })
			all = all && (elsewhere || s.on+s.refused >= f.Asked)
			refused = refused || s.refused > 0
		}
		if fmt.Sprint(seen) != fmt.Sprint(last) {
			last, since = seen, time.Now()
		}
		quiet := time.Second
		if refused {
			quiet = 3 * time.Second
		}
		if all && expected(seen) && time.Since(since) > quiet || time.Since(begun) > 75*time.Second {
			return seen
		}
		time.Sleep(250 * time.Millisecond)
	}
}

func (w *fitWorld) see() map[string]fitSeen {
	w.t.Helper()
	pods, err := w.typed.CoreV1().Pods(w.ns).List(w.t.Context(), metav1.ListOptions{LabelSelector: "work"})
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]fitSeen{}
	for _, p := range pods.Items {
		s := out[p.Labels["work"]]
		if p.Spec.NodeName != "" {
			s.on++
		}
		for _, c := range p.Status.Conditions {
			if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && p.Spec.NodeName == "" {
				s.refused++
				s.why = c.Message
			}
		}
		out[p.Labels["work"]] = s
	}
	return out
}

func (w *fitWorld) send(o snapshot.Object) error {
	return (&world{t: w.t, typed: w.typed, ns: w.ns}).send(o)
}

func (w *fitWorld) dump() string {
	var b strings.Builder
	nodes, _ := w.typed.CoreV1().Nodes().List(w.t.Context(), metav1.ListOptions{LabelSelector: "fit-world=" + w.label})
	for _, n := range nodes.Items {
		fmt.Fprintf(&b, "\n%s %v %v %v cordoned %v", n.Name, n.Labels, n.Status.Allocatable, n.Spec.Taints, n.Spec.Unschedulable)
	}
	pods, _ := w.typed.CoreV1().Pods(w.ns).List(w.t.Context(), metav1.ListOptions{})
	for _, p := range pods.Items {
		fmt.Fprintf(&b, "\n%s on %q %s %v, labels %v", p.Name, p.Spec.NodeName, p.Status.Phase, p.Spec.Containers[0].Resources.Requests, p.Labels)
		for _, s := range p.Status.ContainerStatuses {
			if s.AllocatedResources != nil {
				fmt.Fprintf(&b, " resized %v", s.AllocatedResources)
			}
		}
	}
	return b.String()
}

func fitClass(t *testing.T, c kubernetes.Interface, name string, value int32) {
	t.Helper()
	class := fitPriority(name, value)
	if _, err := c.SchedulingV1().PriorityClasses().Create(t.Context(), class, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}
