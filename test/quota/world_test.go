package quota

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// create sends the object, or rehearses it, and gives what the API server made of it.
func (w *world) create(ctx context.Context, o snapshot.Object, dry bool) (snapshot.Object, error) {
	core := w.typed.CoreV1()
	options := metav1.CreateOptions{}
	if dry {
		options.DryRun = []string{metav1.DryRunAll}
	}
	switch o := o.(type) {
	case *corev1.Pod:
		return core.Pods(w.ns).Create(ctx, o, options)
	case *corev1.PersistentVolumeClaim:
		return core.PersistentVolumeClaims(w.ns).Create(ctx, o, options)
	case *corev1.Service:
		return core.Services(w.ns).Create(ctx, o, options)
	case *corev1.ConfigMap:
		return core.ConfigMaps(w.ns).Create(ctx, o, options)
	case *snapshot.Secret:
		s, err := core.Secrets(w.ns).Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: o.Name}}, options)
		if err != nil {
			return nil, err
		}
		return snapshot.NewSecret(s), nil
	}
	return nil, fmt.Errorf("create a %T", o)
}

// remove takes back an object that was let in before the quotas were known.
func (w *world) remove(o snapshot.Object) error {
	core, ctx, now := w.typed.CoreV1(), w.t.Context(), int64(0)
	options := metav1.DeleteOptions{GracePeriodSeconds: &now}
	switch o.(type) {
	case *corev1.Pod:
		return core.Pods(w.ns).Delete(ctx, o.GetName(), options)
	case *corev1.PersistentVolumeClaim:
		return core.PersistentVolumeClaims(w.ns).Delete(ctx, o.GetName(), options)
	case *corev1.Service:
		return core.Services(w.ns).Delete(ctx, o.GetName(), options)
	case *corev1.ConfigMap:
		return core.ConfigMaps(w.ns).Delete(ctx, o.GetName(), options)
	}
	return core.Secrets(w.ns).Delete(ctx, o.GetName(), options)
}

// recount changes some of the pods, makes the quota controller count anew, and
// compares its count with that of the model.
func (w *world) recount(tally *tally) {
	w.t.Helper()
	core, ctx := w.typed.CoreV1(), w.t.Context()
	pods, err := core.Pods(w.ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range pods.Items {
		if pod := &pods.Items[i]; pod.Spec.NodeName != "" {
			w.end(pod.Name)
		} else {
			w.disturb(core.Pods(w.ns).Patch, pod.Name)
		}
	}
	quotas, err := core.ResourceQuotas(w.ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	last := time.Time{}
	w.c.WaitFor(w.t, "the same count in all quotas of "+w.ns, 90*time.Second, func(ctx context.Context) (bool, string, error) {
		// While controllers put new pods in the place of those that have ended, the
		// quota controller may count before it has seen them all: it is asked again.
		if time.Since(last) > 10*time.Second {
			for i := range quotas.Items {
				w.raise(ctx, quotas.Items[i].Name)
			}
			last = time.Now()
		}
		return w.sameCount(ctx, w.typed)
	})
	tally.add("quotas recounted", len(quotas.Items))
}

// raise lifts a quota's hard limits: a change of the spec makes the controller count.
func (w *world) raise(ctx context.Context, name string) {
	w.t.Helper()
	quotas := w.typed.CoreV1().ResourceQuotas(w.ns)
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		q, err := quotas.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for name := range q.Spec.Hard {
			more := q.Spec.Hard[name]
			more.Add(resource.MustParse("1000"))
			q.Spec.Hard[name] = more
		}
		_, err = quotas.Update(ctx, q, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		w.t.Fatalf("change quota %s: %v", name, err)
	}
}

type patcher func(ctx context.Context, name string, pt types.PatchType, data []byte, opts metav1.PatchOptions, sub ...string) (*corev1.Pod, error)

// disturb lets a pod end, or be in the middle of a resize.
func (w *world) disturb(patch patcher, name string) {
	w.t.Helper()
	var status string
	switch w.d.IntN(6) {
	case 0:
		status = `{"phase":"Succeeded"}`
	case 1:
		status = `{"phase":"Failed"}`
	case 2:
		status = `{"phase":"Running","containerStatuses":[{"name":"app","image":"none","imageID":"","ready":true,"restartCount":0,"state":{"running":{}},"allocatedResources":{"cpu":"777m"},"resources":{"requests":{"cpu":"700m","memory":"99Mi"},"limits":{"cpu":"888m"}}}],"resources":{"requests":{"cpu":"7"},"limits":{"cpu":"8"}},"allocatedResources":{"cpu":"7"}}`
	case 3:
		status = `{"phase":"Running","conditions":[{"type":"PodResizePending","status":"True","reason":"Infeasible"}],"containerStatuses":[{"name":"app","image":"none","imageID":"","ready":true,"restartCount":0,"state":{"running":{}},"allocatedResources":{"cpu":"33m"},"resources":{"requests":{"cpu":"22m"},"limits":{"memory":"44Mi"}}}]}`
	default:
		return
	}
	if _, err := patch(w.t.Context(), name, types.MergePatchType, []byte(`{"status":`+status+`}`), metav1.PatchOptions{}, "status"); err != nil {
		w.t.Fatalf("change pod %s: %v", name, err)
	}
}

// end deletes a pod, whose grace period does not end within the test.
func (w *world) end(name string) {
	w.t.Helper()
	hour := int64(3600)
	if err := w.typed.CoreV1().Pods(w.ns).Delete(w.t.Context(), name, metav1.DeleteOptions{GracePeriodSeconds: &hour}); err != nil {
		w.t.Fatalf("delete pod %s: %v", name, err)
	}
}

func (w *world) sameCount(ctx context.Context, c kubernetes.Interface) (bool, string, error) {
	objects, err := listAll(ctx, c, w.ns)
	if err != nil {
		return false, "", err
	}
	quotas, err := c.CoreV1().ResourceQuotas(w.ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return false, "", err
	}
	for i := range quotas.Items {
		q := &quotas.Items[i]
		got := quota.Recount(q, objects, func(snapshot.Kind) bool { return true }, time.Now())
		if !equality.Semantic.DeepEqual(got, q.Status.Used) || !equality.Semantic.DeepEqual(q.Spec.Hard, q.Status.Hard) {
			return false, fmt.Sprintf("%s: counted %v, status.used is %v", q.Name, got, q.Status.Used), nil
		}
	}
	return true, "", nil
}

func listAll(ctx context.Context, c kubernetes.Interface, ns string) ([]snapshot.Object, error) {
	var out []snapshot.Object
	pods, err := c.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for i := range pods.Items {
		out = append(out, &pods.Items[i])
	}
	claims, err := c.CoreV1().PersistentVolumeClaims(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for i := range claims.Items {
		out = append(out, &claims.Items[i])
	}
	services, err := c.CoreV1().Services(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for i := range services.Items {
		out = append(out, &services.Items[i])
	}
	maps, err := c.CoreV1().ConfigMaps(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for i := range maps.Items {
		out = append(out, &maps.Items[i])
	}
	secrets, err := c.CoreV1().Secrets(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for i := range secrets.Items {
		out = append(out, snapshot.NewSecret(&secrets.Items[i]))
	}
	quotas, err := c.CoreV1().ResourceQuotas(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for i := range quotas.Items {
		out = append(out, &quotas.Items[i])
	}
	deployments, err := c.AppsV1().Deployments(ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for i := range deployments.Items {
		out = append(out, &deployments.Items[i])
	}
	return out, nil
}

func yamlOf(t *testing.T, o any) string {
	t.Helper()
	data, err := yaml.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// rules writes the namespace's quotas and LimitRanges, for a report.
func (w *world) rules(ctx context.Context) string {
	var b strings.Builder
	quotas, err := w.typed.CoreV1().ResourceQuotas(w.ns).List(ctx, metav1.ListOptions{})
	if err == nil {
		for _, q := range quotas.Items {
			q.ManagedFields = nil
			b.WriteString(yamlOf(w.t, q))
		}
	}
	ranges, err := w.typed.CoreV1().LimitRanges(w.ns).List(ctx, metav1.ListOptions{})
	if err == nil {
		for _, lr := range ranges.Items {
			lr.ManagedFields = nil
			b.WriteString(yamlOf(w.t, lr))
		}
	}
	return b.String()
}

// tally counts what was compared, so that a run in which nothing was refused shows.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func newTally() *tally { return &tally{counts: map[string]int{}} }

func (t *tally) add(what string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[what] += n
}

func (t *tally) count(o snapshot.Object, want []quota.Outcome, err error) {
	kind := string(snapshot.KindOf(o))
	t.add(kind, 1)
	if err == nil {
		t.add(kind+" let in", 1)
		return
	}
	for _, out := range want {
		if !out.Admitted() {
			r := out.Refusals[0]
			t.add(fmt.Sprintf("%s refused by %s: %s", kind, r.By, r.Cause), 1)
			return
		}
	}
}

func (t *tally) log(tb *testing.T) {
	tb.Helper()
	lines := make([]string, 0, len(t.counts))
	for what, n := range t.counts {
		lines = append(lines, fmt.Sprintf("%6d %s", n, what))
	}
	sort.Strings(lines)
	tb.Logf("compared:\n%s", strings.Join(lines, "\n"))
}

// report logs, and fails where a kind of refusal never came up.
func (t *tally) report(tb *testing.T) {
	tb.Helper()
	t.log(tb)
	for _, must := range []string{"Pod refused by quota: exceeded", "Pod refused by quota: unspecified", "Pod refused by limitrange: out-of-range", "Pod refused by validation: invalid", "Pod refused by other: class-missing"} {
		if t.counts[must] == 0 {
			tb.Errorf("no case of: %s", must)
		}
	}
}
