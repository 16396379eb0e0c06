package probe

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

// film is a pod of Deployment web that is watched, changed step by step.
type film struct {
	w   *Watcher
	now time.Time
	pod corev1.Pod
	out []string
}

func newFilm() *film {
	yes := true
	f := &film{w: NewWatcher(finding.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}, []string{"web"}, noon), now: noon}
	f.pod = corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-5d9-a", UID: "1", Labels: map[string]string{"pod-template-hash": "5d9"},
		OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "web-5d9", Controller: &yes}}}}
	f.pod.Spec.Containers = []corev1.Container{{Name: "app", ReadinessProbe: get("/ready", nil), LivenessProbe: get("/live", nil)}}
	f.status(true, "one", 0)
	return f
}

// status sets what the kubelet reports.
func (f *film) status(ready bool, id string, restarts int32) {
	condition := corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse}
	if ready {
		condition.Status = corev1.ConditionTrue
	}
	f.pod.Status.Conditions = []corev1.PodCondition{condition}
	f.pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app", Ready: ready, ContainerID: id, RestartCount: restarts,
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
}

func (f *film) died(id string, code int32) {
	end := &corev1.ContainerStateTerminated{ExitCode: code, Reason: "Error", ContainerID: id, FinishedAt: metav1.NewTime(f.now)}
	f.pod.Status.ContainerStatuses[0].LastTerminationState.Terminated = end
}

func (f *film) after(d time.Duration) *film { f.now = f.now.Add(d); return f }

func (f *film) see(x Sighting) {
	x.At = f.now
	for _, m := range f.w.See(x) {
		s := fmt.Sprintf("%s %s", m.Time.Sub(noon), m.Event)
		if m.Times > 0 {
			s += fmt.Sprintf(" x%d", m.Times)
		}
		for _, c := range m.Since {
			s += fmt.Sprintf(" %s:%.1f", c.Event, c.Seconds)
		}
		if m.Missed {
			s += " missed"
		}
		f.out = append(f.out, s)
	}
}

func (f *film) first() { f.see(Sighting{Object: f.pod.DeepCopy(), First: true}); f.slice(true, true) }
func (f *film) told()  { f.see(Sighting{Object: f.pod.DeepCopy()}) }

func (f *film) slice(in, first bool) {
	s := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Name: "web-1", Labels: map[string]string{discoveryv1.LabelServiceName: "web"}}}
	s.Endpoints = []discoveryv1.Endpoint{{Conditions: discoveryv1.EndpointConditions{Ready: &in}, TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: "web-5d9-a"}}}
	f.see(Sighting{Object: s, First: first})
}

func (f *film) event(name, reason, message string, count int32, first time.Time) *corev1.Event {
	e := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: name}, Reason: reason, Message: message, Count: count, FirstTimestamp: metav1.NewTime(first)}
	e.InvolvedObject = corev1.ObjectReference{Kind: "Pod", Name: "web-5d9-a", UID: "1", FieldPath: "spec.containers{app}"}
	return e
}

func (f *film) want(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, f.out); diff != "" {
		t.Error(diff)
	}
}

const unready503 = "Readiness probe failed: HTTP probe failed with statuscode: 503"

// Readiness fails three times, the pod leaves its Service and comes back; then it is deleted.
func TestWatchOfReadiness(t *testing.T) {
	f := newFilm()
	f.first()
	f.see(Sighting{Object: f.event("old", unhealthy, unready503, 4, noon.Add(-time.Hour)), First: true})
	for i := range int32(3) {
		f.after(10 * time.Second).see(Sighting{Object: f.event("old", unhealthy, unready503, 5+i, noon.Add(-time.Hour))})
	}
	f.status(false, "one", 0)
	f.after(100 * time.Millisecond).told()
	f.after(1200*time.Millisecond).slice(false, false)
	f.status(true, "one", 0)
	f.after(20 * time.Second).told()
	f.after(500*time.Millisecond).slice(true, false)
	f.pod.DeletionTimestamp = &metav1.Time{Time: f.now}
	f.after(time.Second).told()
	f.after(200*time.Millisecond).slice(false, false)
	f.after(3 * time.Second).see(Sighting{Object: f.pod.DeepCopy(), Gone: true})
	f.want(t,
		"10s probe-failed x1", "20s probe-failed x1", "30s probe-failed x1",
		"30.1s unready probe-failed:20.1",
		"31.3s out-of-service unready:1.2 probe-failed:21.3",
		"51.3s ready unready:21.2",
		"51.8s in-service ready:0.5 out-of-service:20.5",
		"52.8s deleting", "53s out-of-service deleting:0.2", "56s pod-gone deleting:3.2")
	s := f.w.Summary(f.now)
	if len(s.Pods) != 1 || s.Pods[0].Failures[Readiness] != 3 || s.Pods[0].TimesOut != 2 || s.Pods[0].LongestOutSeconds != 20.5 || s.Seconds != 56 {
		t.Errorf("%+v", s)
	}
}

// Liveness fails after a success: the row begins anew, and the kill is reckoned from there.
func TestWatchOfAKill(t *testing.T) {
	f := newFilm()
	f.first()
	failed := func(count int32) {
		f.see(Sighting{Object: f.event("live", unhealthy, "Liveness probe failed: x", count, noon)})
	}
	f.after(time.Second)
	failed(1)
	f.after(time.Minute)
	failed(2)
	f.after(10 * time.Second)
	failed(3)
	f.after(10 * time.Second)
	failed(4)
	f.see(Sighting{Object: f.event("kill", "Killing", "Container app failed liveness probe, will be restarted", 1, f.now)})
	f.after(2 * time.Second)
	f.status(false, "two", 1)
	f.died("one", 137)
	f.told()
	f.want(t, "1s probe-failed x1", "1m1s probe-failed x1", "1m11s probe-failed x1", "1m21s probe-failed x1",
		"1m21s killing probe-failed:20.0", "1m23s ended killing:2.0", "1m23s restarted ended:0.0", "1m23s unready ended:0.0")
}

// Across a silence no time is reckoned, and an old event that is written again tells of one failure.
func TestWatchClaimsNothingThatItMissed(t *testing.T) {
	f := newFilm()
	f.first()
	f.after(time.Second).see(Sighting{Object: f.event("again", unhealthy, unready503, 30, noon.Add(-time.Hour))})
	f.w.Silence(f.now, Silent, "gone")
	f.w.Silence(f.now, Heard, "")
	f.status(false, "one", 0)
	f.after(time.Minute).see(Sighting{Object: f.pod.DeepCopy(), Missed: true})
	f.after(10*time.Second).slice(false, false)
	f.want(t, "1s probe-failed x1", "1m1s unready missed", "1m11s out-of-service")
	if n := f.w.Summary(f.now).Silences; n != 1 {
		t.Errorf("%d silences", n)
	}
}

// What belongs to others is not told: a pod of another workload, an event of a pod before this one.
func TestWatchKeepsToItsWorkload(t *testing.T) {
	f := newFilm()
	f.first()
	other := f.pod.DeepCopy()
	other.Name, other.OwnerReferences[0].Name, other.Labels = "api-7c1-x", "api-7c1", map[string]string{"pod-template-hash": "7c1"}
	f.see(Sighting{Object: other})
	e := f.event("before", unhealthy, unready503, 1, noon)
	e.InvolvedObject.UID = "0"
	f.see(Sighting{Object: e})
	if len(f.out) > 0 {
		t.Error(f.out)
	}
	if v := f.w.View(); len(v.Pods) != 1 || !v.Pods[0].Ready || strings.Join(v.Pods[0].In, "") != "web" {
		t.Errorf("%+v", v.Pods)
	}
}
