package quota

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
	"github.com/kubectl-msa/kubectl-msa/test/cluster"
)

// TestHeadroomAgrees scales a Deployment to two more than there is said to be
// room for: as many as was said are created and get a node, and no more.
func TestHeadroomAgrees(t *testing.T) {
	c := cluster.GetFakeNodes(t, 2)
	typed := quiet(t, c)
	classes(t, typed)
	tally := newTally()
	t.Run("worlds", func(t *testing.T) {
		for i := range max(*worlds/6, 2) {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				d := dice{rand.New(rand.NewPCG(*seed, uint64(5000+i)))}
				w := newWorld(t, c, typed, d)
				if len(w.spaces) > 1 {
					return // two LimitRanges leave it to chance
				}
				w.warmUp()
				w.scale(smallNodes(t, c, typed, d), tally)
			})
		}
	})
	tally.log(t)
}

// smallNodes makes three nodes that kwok plays and gives the label that selects them.
func smallNodes(t *testing.T, c *cluster.Cluster, typed kubernetes.Interface, d dice) string {
	t.Helper()
	label := fmt.Sprintf("quota-%06x", d.IntN(1<<24))
	for i := range 3 {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", label, i), Labels: map[string]string{"quota-test": label}, Annotations: map[string]string{"kwok.x-k8s.io/node": "fake"}}}
		n.Status.Allocatable = corev1.ResourceList{}
		for name, q := range map[corev1.ResourceName]string{"cpu": one(d, "1", "2500m", "4"), "memory": one(d, "1Gi", "3Gi"), "pods": one(d, "2", "5", "30"), "ephemeral-storage": "4Gi", "hugepages-2Mi": "16Mi", "example.com/gpu": "3"} {
			n.Status.Allocatable[name] = resource.MustParse(q)
		}
		n.Status.Capacity = n.Status.Allocatable
		if _, err := typed.CoreV1().Nodes().Create(t.Context(), n, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = typed.CoreV1().Nodes().Delete(context.Background(), n.Name, metav1.DeleteOptions{})
		})
	}
	c.WaitFor(t, "the nodes", time.Minute, func(ctx context.Context) (bool, string, error) {
		list, err := typed.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: "quota-test=" + label})
		if err != nil {
			return false, "", err
		}
		for _, n := range list.Items {
			if len(n.Spec.Taints) > 0 || !slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
				return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
			}) {
				return false, n.Name, nil
			}
		}
		return true, "", nil
	})
	return label
}

// scale draws Deployments until one of a single pod runs, and then asks for more.
func (w *world) scale(label string, tally *tally) {
	w.t.Helper()
	for n := range 40 {
		pod := w.d.pod("x")
		pod.Spec.NodeName, pod.Spec.SchedulerName, pod.Spec.ActiveDeadlineSeconds, pod.Spec.Affinity = "", "", nil, nil
		pod.Spec.PriorityClassName = "" // nobody is to be preempted
		pod.Spec.NodeSelector = map[string]string{"quota-test": label}
		one, name := int32(1), fmt.Sprintf("h%d", n)
		labels := map[string]string{"app": name}
		o := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: w.ns}, Spec: appsv1.DeploymentSpec{Replicas: &one, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod.Spec}}}
		if !w.d.in(30) {
			o.Spec.Template.Spec.RuntimeClassName = nil
		}
		if a := w.ask(o, false); a.Allowed == nil || !*a.Allowed || a.Pods.Placed == nil || *a.Pods.Placed != 1 {
			continue
		}
		if err := w.send(o); err != nil {
			w.t.Fatal(err)
		}
		w.settle(o, 1, 1)
		h := w.headroom(finding.Ref{Kind: "Deployment", Namespace: w.ns, Name: name})
		if h.Replicas == nil || h.AtMost || *h.Replicas > 60 {
			w.t.Fatalf("%+v", h)
		}
		patch := fmt.Sprintf(`{"spec":{"replicas":%d}}`, 1+*h.Replicas+2)
		if _, err := w.typed.AppsV1().Deployments(w.ns).Patch(w.t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
			w.t.Fatal(err)
		}
		created := 1 + *h.Replicas
		for _, c := range h.Constraints {
			if c.Kind == quota.BindsNodes || c.Kind == quota.BindsPodSlots {
				created = 0 // quotas let in more than the nodes take
			}
			if c.Kind == quota.BindsQuota {
				created = 1 + min(c.Replicas, *h.Replicas+2)
				break
			}
		}
		if created == 0 {
			created = 1 + *h.Replicas + 2
		}
		w.settle(o, created, 1+*h.Replicas)
		tally.add(string(h.BindingKind)+" "+h.BindingResource, 1)
		return
	}
}

// settle waits until so many pods are there, and so many of them have a node, and stay so.
func (w *world) settle(o snapshot.Object, created, placed int) {
	w.t.Helper()
	same := 0
	w.c.WaitFor(w.t, fmt.Sprintf("%d pods of %s, %d of them on a node", created, o.GetName(), placed), 60*time.Second, func(ctx context.Context) (bool, string, error) {
		pods, err := w.typed.CoreV1().Pods(w.ns).List(ctx, metav1.ListOptions{LabelSelector: "app=" + o.GetName()})
		if err != nil {
			return false, "", err
		}
		on := 0
		for _, p := range pods.Items {
			if p.Spec.NodeName != "" {
				on++
			}
		}
		if same++; len(pods.Items) != created || on != placed {
			same = 0
		}
		return same > 12, fmt.Sprintf("%d, %d on a node; %s%s", len(pods.Items), on, yamlOf(w.t, o), w.rules(ctx)), nil
	})
}

func (w *world) headroom(of finding.Ref) quota.Headroom {
	w.t.Helper()
	reader, err := live.New(w.c.Config(), live.Options{Version: "test", QPS: 100, Burst: 200, Now: time.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	q := quota.Query{Namespace: w.ns, Targets: []finding.Ref{of}}
	s := snapshot.New(snapshot.FromCluster, time.Now())
	if err := reader.Fill(w.t.Context(), s, func(s *snapshot.Snapshot) snapshot.Needs { return quota.HeadroomNeeds(s, q) }); err != nil {
		w.t.Fatal(err)
	}
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		w.t.Fatal(err)
	}
	report, err := quota.HeadroomOf(s, q, catalogue, lang.English)
	if err != nil {
		w.t.Fatal(err)
	}
	return report.Headroom[0]
}
