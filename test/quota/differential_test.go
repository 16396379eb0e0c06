// Package quota holds pkg/quota against a real API server: what it would say
// of an object, what it would make of it, and what its quotas count.
package quota

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/test/cluster"
)

// The full run is 250 worlds of 20 objects: go test ./test/quota -worlds 250.
var (
	worlds = flag.Int("worlds", 60, "how many namespaces with random quotas and limit ranges")
	seed   = flag.Uint64("seed", 1, "of the random objects")
)

const perWorld = 20

// TestAdmissionAgrees puts random objects before random quotas and LimitRanges,
// here and in a real API server. Both must let in the same ones, make the same
// of them, and refuse the others in the same words.
func TestAdmissionAgrees(t *testing.T) {
	c := cluster.GetFakeNodes(t, 2)
	typed := quiet(t, c)
	classes(t, typed)
	tally := newTally()
	t.Run("worlds", func(t *testing.T) {
		for i := range *worlds {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, c, typed, dice{rand.New(rand.NewPCG(*seed, uint64(i)))})
				for n := range perWorld {
					w.one(n, tally)
				}
				w.recount(tally)
			})
		}
	})
	tally.report(t)
}

// quiet is a client that does not log what the API server warns of.
func quiet(t *testing.T, c *cluster.Cluster) kubernetes.Interface {
	t.Helper()
	config := c.Config()
	config.WarningHandler = rest.NoWarnings{}
	config.QPS, config.Burst = 500, 1000
	typed, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return typed
}

// classes makes what every world looks up in the cluster.
func classes(t *testing.T, c kubernetes.Interface) {
	t.Helper()
	for name, value := range map[string]int32{lowClass: 10, highClass: 1000} {
		_, err := c.SchedulingV1().PriorityClasses().Create(t.Context(), &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Value: value}, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
	overhead := &nodev1.Overhead{PodFixed: corev1.ResourceList{"cpu": resource.MustParse("150m"), "memory": resource.MustParse("64Mi")}}
	for name, over := range map[string]*nodev1.Overhead{heavyRuntime: overhead, lightRuntime: nil} {
		_, err := c.NodeV1().RuntimeClasses().Create(t.Context(), &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Handler: "none", Overhead: over}, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
}

// world is one namespace, and the same in the model: once for each order in
// which the API server may apply its LimitRanges.
type world struct {
	t      *testing.T
	c      *cluster.Cluster
	typed  kubernetes.Interface
	d      dice
	ns     string
	spaces []*quota.Space
	warm   bool
}

func newWorld(t *testing.T, c *cluster.Cluster, typed kubernetes.Interface, d dice) *world {
	t.Helper()
	w := &world{t: t, c: c, typed: typed, d: d, ns: c.Namespace(t)}
	for i := range d.IntN(3) {
		_, err := typed.CoreV1().LimitRanges(w.ns).Create(t.Context(), d.limitRange(fmt.Sprintf("range-%d", i)), metav1.CreateOptions{})
		w.tolerate("LimitRange", err)
	}
	for i := range d.IntN(4) {
		_, err := typed.CoreV1().ResourceQuotas(w.ns).Create(t.Context(), d.quota(fmt.Sprintf("quota-%d", i)), metav1.CreateOptions{})
		w.tolerate("ResourceQuota", err)
	}
	c.WaitFor(t, "kube-root-ca.crt", 60*time.Second, func(ctx context.Context) (bool, string, error) {
		_, err := typed.CoreV1().ConfigMaps(w.ns).Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
		return err == nil, "", nil
	})
	w.load()
	return w
}

// tolerate lets through what validation refuses: the dice do not know every
// rule. A quota that counts quotas may refuse the next one.
func (w *world) tolerate(kind string, err error) {
	w.t.Helper()
	if err != nil && !apierrors.IsInvalid(err) && !apierrors.IsForbidden(err) {
		w.t.Fatalf("create %s: %v", kind, err)
	}
}

// load waits until every quota has been counted and reads the rules.
func (w *world) load() {
	w.t.Helper()
	var quotas *corev1.ResourceQuotaList
	w.c.WaitFor(w.t, "the status of all quotas in "+w.ns, 60*time.Second, func(ctx context.Context) (bool, string, error) {
		var err error
		quotas, err = w.typed.CoreV1().ResourceQuotas(w.ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, "", err
		}
		for i := range quotas.Items {
			if q := &quotas.Items[i]; !settled(q) {
				return false, fmt.Sprintf("%s: hard %v, counted %v", q.Name, q.Spec.Hard, q.Status.Used), nil
			}
		}
		return true, "", nil
	})
	rules := quota.Rules{}
	for i := range quotas.Items {
		rules.Quotas = append(rules.Quotas, &quotas.Items[i])
	}
	ranges, err := w.typed.CoreV1().LimitRanges(w.ns).List(w.t.Context(), metav1.ListOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range ranges.Items {
		rules.LimitRanges = append(rules.LimitRanges, &ranges.Items[i])
	}
	priorities, err := w.typed.SchedulingV1().PriorityClasses().List(w.t.Context(), metav1.ListOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range priorities.Items {
		rules.Priorities = append(rules.Priorities, &priorities.Items[i])
	}
	runtimes, err := w.typed.NodeV1().RuntimeClasses().List(w.t.Context(), metav1.ListOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range runtimes.Items {
		rules.Runtimes = append(rules.Runtimes, &runtimes.Items[i])
	}
	devices, err := w.typed.ResourceV1().DeviceClasses().List(w.t.Context(), metav1.ListOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range devices.Items {
		rules.Devices = append(rules.Devices, &devices.Items[i])
	}
	w.spaces = spacesFor(rules)
}

func settled(q *corev1.ResourceQuota) bool {
	if len(q.Spec.Hard) == 0 {
		return true
	}
	if q.Status.Hard == nil || !equality.Semantic.DeepEqual(q.Spec.Hard, q.Status.Hard) {
		return false
	}
	for name := range q.Spec.Hard {
		if _, ok := q.Status.Used[name]; !ok {
			return false
		}
	}
	return true
}

// spacesFor makes a space for each order of two LimitRanges. A space takes them
// by name, so the copies are named anew; no message names a LimitRange.
func spacesFor(rules quota.Rules) []*quota.Space {
	out := []*quota.Space{quota.NewSpace(rules, time.Now())}
	if len(rules.LimitRanges) == 2 {
		turned := rules
		a, b := rules.LimitRanges[0].DeepCopy(), rules.LimitRanges[1].DeepCopy()
		a.Name, b.Name = b.Name, a.Name
		turned.LimitRanges = []*corev1.LimitRange{b, a}
		out = append(out, quota.NewSpace(turned, time.Now()))
	}
	return out
}

func (w *world) draw(n int) snapshot.Object {
	name := fmt.Sprintf("o%d", n)
	switch r := w.d.IntN(100); {
	case r < 80:
		return w.d.pod(name)
	case r < 88:
		return w.d.claim(name)
	case r < 95:
		return w.d.service(name)
	case r < 98:
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}
	default:
		return snapshot.NewSecret(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
}

// one puts one object before both and compares.
func (w *world) one(n int, tally *tally) {
	w.t.Helper()
	o := w.draw(n)
	dry := w.d.in(40)
	var want []quota.Outcome
	for _, s := range w.spaces {
		want = append(want, s.Try(o, nil))
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		stored, err := w.create(w.t.Context(), o, dry)
		why := disagreement(want, stored, err)
		if why == "" {
			tally.count(o, want, err)
			if err == nil && !dry {
				w.charge(stored)
			}
			w.warm = true
			return
		}
		// The API server's caches may not have seen the quotas of a new namespace yet.
		if w.warm || time.Now().After(deadline) || err == nil && !dry && w.remove(o) != nil {
			w.t.Errorf("%s %s: %s\nobject: %s\nrules: %s", snapshot.KindOf(o), o.GetName(), why, yamlOf(w.t, o), w.rules(w.t.Context()))
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func (w *world) charge(stored snapshot.Object) {
	w.t.Helper()
	for _, s := range w.spaces {
		if out := s.Admit(stored, nil); !out.Admitted() {
			w.t.Errorf("%s was let in, and what was stored would be refused: %s", stored.GetName(), out.Refusals[0].Message)
		}
	}
}

// disagreement is empty where one of the outcomes is what the API server said.
func disagreement(want []quota.Outcome, stored snapshot.Object, err error) string {
	var all []string
	for _, out := range want {
		if err == nil {
			if !out.Admitted() {
				all = append(all, "let in, expected: "+out.Refusals[0].Message)
				continue
			}
			if diff := unlike(out.Object, stored); diff != "" {
				all = append(all, "let in as another object: "+diff)
				continue
			}
			return ""
		}
		if out.Admitted() {
			all = append(all, "refused: "+err.Error()+"\nexpected to be let in")
			continue
		}
		if slices.ContainsFunc(out.Refusals, func(r quota.Refusal) bool { return parts(r.Message) == parts(err.Error()) }) {
			return ""
		}
		for _, r := range out.Refusals {
			all = append(all, "refused:  "+err.Error()+"\nexpected: "+r.Message)
		}
	}
	return strings.Join(all, "\n")
}

// parts puts what the API server lists in a random order into one order.
func parts(message string) string {
	all := strings.Split(strings.NewReplacer("[", "", "]", "").Replace(message), ", ")
	head, first, ok := strings.Cut(all[0], " is forbidden: ")
	if !ok {
		head, first, ok = strings.Cut(all[0], " is invalid: ")
	}
	if ok {
		all[0] = first
	}
	for i, part := range all {
		if used, ok := strings.CutPrefix(part, "used: "); ok {
			all[i] = "used: " + plainly(used)
		}
	}
	slices.Sort(all)
	return head + "|" + strings.Join(all, "|")
}

// plainly writes amounts in one way: the quota controller counts anew when it
// likes, in an order of its own, and a sum is written as its first part was.
func plainly(amounts string) string {
	all := strings.Split(amounts, ",")
	for i, a := range all {
		name, value, _ := strings.Cut(a, "=")
		if q, err := resource.ParseQuantity(value); err == nil {
			all[i] = name + "=" + q.AsDec().String()
		}
	}
	return strings.Join(all, ",")
}

// unlike compares what the model and the API server made of an object.
func unlike(model, stored snapshot.Object) string {
	now := time.Now()
	a, b := quota.Usage(model, now), quota.Usage(stored, now)
	if !equality.Semantic.DeepEqual(a, b) {
		return fmt.Sprintf("counts %v, stored counts %v", a, b)
	}
	m, ok := model.(*corev1.Pod)
	if !ok {
		return ""
	}
	p, ok := stored.(*corev1.Pod)
	if !ok {
		return fmt.Sprintf("stored a %T", stored)
	}
	if m.Status.QOSClass != p.Status.QOSClass {
		return fmt.Sprintf("class %s, stored %s", m.Status.QOSClass, p.Status.QOSClass)
	}
	for i := range p.Spec.Containers {
		if !equality.Semantic.DeepEqual(m.Spec.Containers[i].Resources, p.Spec.Containers[i].Resources) {
			return fmt.Sprintf("container %d has %v, stored %v", i, m.Spec.Containers[i].Resources, p.Spec.Containers[i].Resources)
		}
	}
	for i := range p.Spec.InitContainers {
		if !equality.Semantic.DeepEqual(m.Spec.InitContainers[i].Resources, p.Spec.InitContainers[i].Resources) {
			return fmt.Sprintf("init container %d has %v, stored %v", i, m.Spec.InitContainers[i].Resources, p.Spec.InitContainers[i].Resources)
		}
	}
	if !equality.Semantic.DeepEqual(m.Spec.Resources, p.Spec.Resources) || !equality.Semantic.DeepEqual(m.Spec.Overhead, p.Spec.Overhead) {
		return fmt.Sprintf("the pod as a whole has %v and %v, stored %v and %v", m.Spec.Resources, m.Spec.Overhead, p.Spec.Resources, p.Spec.Overhead)
	}
	return ""
}
