package quota

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
	"github.com/kubectl-msa/kubectl-msa/test/cluster"
)

const workloadsPerWorld = 4

// TestWorkloadsAgree asks what would become of random workloads, creates them,
// and waits until their controllers have got as many pods as they can: as many
// as was said, and no more for the reason that was said.
func TestWorkloadsAgree(t *testing.T) {
	c := cluster.GetFakeNodes(t, 2)
	typed := quiet(t, c)
	classes(t, typed)
	tally := newTally()
	t.Run("worlds", func(t *testing.T) {
		for i := range max(*worlds/4, 1) {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, c, typed, dice{rand.New(rand.NewPCG(*seed, uint64(1000+i)))})
				w.warmUp()
				for n := range workloadsPerWorld {
					w.workload(n, tally)
				}
				w.recount(tally)
			})
		}
	})
	tally.log(t)
}

// warmUp waits until the API server's caches know the namespace's quotas.
func (w *world) warmUp() {
	w.t.Helper()
	probe := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "probe"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "none"}}}}
	w.c.WaitFor(w.t, "the API server to know the quotas", 30*time.Second, func(ctx context.Context) (bool, string, error) {
		var want []quota.Outcome
		for _, s := range w.spaces {
			want = append(want, s.Try(probe, nil))
		}
		stored, err := w.create(ctx, probe, true)
		why := disagreement(want, stored, err)
		return why == "", why, nil
	})
}

func (d dice) workload(ns, name string) snapshot.Object {
	pod := d.pod("x")
	pod.Spec.NodeName = ""
	pod.Spec.ActiveDeadlineSeconds = nil
	labels := map[string]string{"app": name}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod.Spec}
	meta, selector := metav1.ObjectMeta{Name: name, Namespace: ns}, &metav1.LabelSelector{MatchLabels: labels}
	n := int32(1 + d.IntN(6))
	switch d.IntN(6) {
	case 0:
		set := &appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Replicas: &n, Selector: selector, ServiceName: name, PodManagementPolicy: appsv1.ParallelPodManagement, Template: template}}
		if d.in(60) {
			claim := d.claim("data")
			set.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{*claim}
		}
		return set
	case 1:
		return &appsv1.DaemonSet{ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Selector: selector, Template: template}}
	case 2:
		template.Spec.RestartPolicy = corev1.RestartPolicyNever
		return &batchv1.Job{ObjectMeta: meta, Spec: batchv1.JobSpec{Parallelism: &n, Template: template}}
	}
	return &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Replicas: &n, Selector: selector, Template: template}}
}

func (w *world) workload(n int, tally *tally) {
	w.t.Helper()
	o := w.d.workload(w.ns, fmt.Sprintf("w%d", n))
	var want []quota.Admission
	for _, order := range w.orders() {
		want = append(want, w.ask(o, order))
	}
	if len(want) > 1 && (want[0].Message != want[1].Message || want[0].Pods.Allowed != want[1].Pods.Allowed) {
		tally.add("by chance: hangs on the order of LimitRanges", 1)
		return // each pod is tried again until the order suits it
	}
	err := w.send(o)
	var seen outcome
	agrees := func(a quota.Admission) bool {
		if err != nil {
			return a.Message != "" && parts(a.Message) == parts(err.Error()) || contains(a.Also, err.Error())
		}
		return a.Pods != nil && seen.pods == a.Pods.Allowed && (a.Pods.Allowed == a.Pods.Asked) == (seen.refusal == "") &&
			(seen.refusal == "" || sameReason(a.Message, seen.refusal) || alsoSays(a.Also, seen.refusal))
	}
	deadline := time.Now().Add(40 * time.Second)
	for quietFor := 0; ; time.Sleep(250 * time.Millisecond) {
		if err == nil {
			before := seen
			seen = w.see(o)
			if quietFor++; !seen.like(before) {
				quietFor = 0
			}
		}
		for _, a := range want {
			if agrees(a) && (err != nil || quietFor >= 4) {
				tally.add(fmt.Sprintf("%s %s %s", snapshot.KindOf(o), map[bool]string{true: "whole", false: "refused by"}[a.By == ""], a.By), 1)
				return
			}
		}
		if err != nil || time.Now().After(deadline) {
			w.t.Errorf("%s: sent with %v, then %+v; expected one of %s\nobject: %s\nrules: %s", o.GetName(), err, seen, yamlOf(w.t, want), yamlOf(w.t, o), w.rules(w.t.Context()))
			return
		}
	}
}

// outcome is what became of a workload: its pods, and why there are not more.
type outcome struct {
	pods    int
	refusal string
}

// like: a controller that tries again is told the same in any order, of another name each time.
func (o outcome) like(other outcome) bool {
	return o.pods == other.pods && (o.refusal == "") == (other.refusal == "") && sameReason(o.refusal, other.refusal)
}

func (w *world) see(o snapshot.Object) outcome {
	w.t.Helper()
	pods, err := w.typed.CoreV1().Pods(w.ns).List(w.t.Context(), metav1.ListOptions{LabelSelector: "app=" + o.GetName()})
	if err != nil {
		w.t.Fatal(err)
	}
	events, err := w.typed.CoreV1().Events(w.ns).List(w.t.Context(), metav1.ListOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	out := outcome{pods: len(pods.Items)}
	var last time.Time
	for _, e := range events.Items {
		owner := e.InvolvedObject.Name
		if e.Type != corev1.EventTypeWarning || e.Reason != "FailedCreate" || owner != o.GetName() && !strings.HasPrefix(owner, o.GetName()+"-") {
			continue
		}
		if !e.LastTimestamp.Time.Before(last) {
			last, out.refusal = e.LastTimestamp.Time, e.Message
		}
	}
	return out
}

// sameReason compares what stands behind the name of the object, which is made
// up when it is created.
func sameReason(expected, said string) bool {
	reason := func(m string) string { return parts(quota.Refusal{Message: m}.Reason()) }
	return reason(expected) == reason(said)
}

func contains(messages []string, message string) bool {
	for _, m := range messages {
		if parts(m) == parts(message) {
			return true
		}
	}
	return false
}

func alsoSays(messages []string, said string) bool {
	for _, m := range messages {
		if sameReason(m, said) {
			return true
		}
	}
	return false
}

// orders are the orders in which LimitRanges may be applied.
func (w *world) orders() []bool {
	if len(w.spaces) > 1 {
		return []bool{false, true}
	}
	return []bool{false}
}

// ask reads the cluster as the command does and checks the manifest.
func (w *world) ask(o snapshot.Object, turned bool) quota.Admission {
	w.t.Helper()
	manifests := snapshot.New(snapshot.FromManifests, time.Now())
	copied, _ := o.DeepCopyObject().(snapshot.Object)
	manifests.Add(copied)
	reader, err := live.New(w.c.Config(), live.Options{Version: "test", QPS: 100, Burst: 200, Now: time.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	s := snapshot.New(snapshot.FromCluster, time.Now())
	if err := reader.Fill(w.t.Context(), s, func(s *snapshot.Snapshot) snapshot.Needs { return quota.CheckNeeds(manifests, s) }); err != nil {
		w.t.Fatal(err)
	}
	if turned {
		s = turnedRanges(w.t, s, w.ns)
	}
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		w.t.Fatal(err)
	}
	report, err := quota.Check(quota.CheckInput{State: s, Manifests: manifests}, catalogue, lang.English)
	if err != nil {
		w.t.Fatal(err)
	}
	return report.Admission[0]
}

// turnedRanges gives the two LimitRanges each other's name, and so the other order.
func turnedRanges(t *testing.T, s *snapshot.Snapshot, ns string) *snapshot.Snapshot {
	t.Helper()
	ranges, _ := snapshot.List[*corev1.LimitRange](s, ns, nil)
	a, b := ranges[0].DeepCopy(), ranges[1].DeepCopy()
	a.Name, b.Name = b.Name, a.Name
	s.Add(a)
	s.Add(b)
	return s
}

func (w *world) send(o snapshot.Object) error {
	ctx, options := w.t.Context(), metav1.CreateOptions{}
	c := w.typed
	var err error
	switch o := o.(type) {
	case *appsv1.Deployment:
		_, err = c.AppsV1().Deployments(w.ns).Create(ctx, o, options)
	case *appsv1.StatefulSet:
		_, err = c.AppsV1().StatefulSets(w.ns).Create(ctx, o, options)
	case *appsv1.DaemonSet:
		_, err = c.AppsV1().DaemonSets(w.ns).Create(ctx, o, options)
	case *batchv1.Job:
		_, err = c.BatchV1().Jobs(w.ns).Create(ctx, o, options)
	default:
		err = fmt.Errorf("send a %T", o)
	}
	return err
}
