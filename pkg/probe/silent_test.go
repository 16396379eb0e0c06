package probe

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// nobodyAsked runs the probes of a target where nobody answers any.
func nobodyAsked(t *testing.T, target finding.Ref, objects ...snapshot.Object) RunReport {
	t.Helper()
	s := snapshot.New(snapshot.FromCluster, ranAt)
	for _, o := range objects {
		s.Add(o)
	}
	s.Record(snapshot.Reading{Need: snapshot.Need{Kind: "Pod", Namespace: target.Namespace}})
	q := Query{Namespace: "shop", Targets: []finding.Ref{target}}
	questions, _, err := Questions(s, q, Bounds{})
	if err != nil {
		t.Fatal(err)
	}
	answers := make([]Answer, len(questions))
	for i, x := range questions {
		if x.Skip == "" {
			t.Fatalf("%s of %s is asked", x.Type, x.Container.Name)
		}
		answers[i].Question = x
	}
	var r RunReport
	for _, l := range []lang.Lang{lang.Korean, lang.English} {
		if r, err = Run(s, RunInput{Query: q, Answers: answers}, Options{Lang: l}); err != nil {
			t.Fatal(err)
		}
		for _, n := range r.NotChecked {
			if strings.Contains(n.Why+n.What, "<no value>") || strings.Contains(n.Why, "skip-") || strings.Contains(n.Why, "nobody-") {
				t.Errorf("%s: %+v", l, n)
			}
		}
	}
	return r
}

// A pod that has nobody to ask gets one line: which probes, why, and what to do.
func TestNobodyToAsk(t *testing.T) {
	yes := true
	container := func(state corev1.ContainerState) func(*corev1.Pod) {
		return func(pod *corev1.Pod) {
			pod.Status.ContainerStatuses[0].Ready, pod.Status.ContainerStatuses[0].State = false, state
		}
	}
	of := func(change func(*corev1.Pod)) *corev1.Pod {
		return livePod(func(pod *corev1.Pod) { pod.Spec.NodeName = "node-1"; change(pod) })
	}
	deleted := func(pod *corev1.Pod) {
		pod.DeletionTimestamp = &metav1.Time{Time: ranAt.Add(30 * time.Second)}
	}
	for name, c := range map[string]struct {
		pod  *corev1.Pod
		what string
		why  string
	}{
		"on no node": {of(func(pod *corev1.Pod) {
			pod.Spec.NodeName = ""
			pod.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable",
				Message: "0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available."}}}
		}), "3 probes of pod/web", "the pod is on no node yet (Unschedulable: 0/2 nodes are available: 2 Insufficient cpu); kubectl msa inspect pod/web -n shop says why"},
		"gated": {of(func(pod *corev1.Pod) {
			pod.Spec.NodeName = ""
			pod.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "SchedulingGated"}}}
		}), "3 probes of pod/web", "the pod is on no node yet (SchedulingGated); kubectl msa inspect pod/web -n shop says why"},
		"crash loop": {of(func(pod *corev1.Pod) {
			container(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}})(pod)
			s := &pod.Status.ContainerStatuses[0]
			s.RestartCount, s.LastTerminationState.Terminated = 7, &corev1.ContainerStateTerminated{ExitCode: 3}
		}), "the startup, readiness, liveness probes of container app of pod/web",
			"container app does not run (CrashLoopBackOff, restarts 7, last exit code 3), so the kubelet does not ask it either; kubectl msa inspect pod/web -n shop says why"},
		"no image": {of(container(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}})),
			"the startup, readiness, liveness probes of container app of pod/web",
			"container app does not run (ImagePullBackOff), so the kubelet does not ask it either; kubectl msa inspect pod/web -n shop says why"},
		"finished": {of(func(pod *corev1.Pod) { pod.Status.Phase = corev1.PodSucceeded }),
			"pod/web", "ended (Succeeded), so nothing runs that could be asked; what is written of its probes: kubectl msa probe check pod/web -n shop"},
		"evicted": {of(func(pod *corev1.Pod) { pod.Status.Phase, pod.Status.Reason = corev1.PodFailed, "Evicted" }),
			"pod/web", "ended (Failed, Evicted), so nothing runs that could be asked; what is written of its probes: kubectl msa probe check pod/web -n shop"},
		"leaving, by itself": {of(deleted),
			"pod/web", "being deleted, to be gone at 12:00:30 UTC: its startup and liveness probes are not asked any more, and no new traffic comes to it; what is written of its probes: kubectl msa probe check pod/web -n shop"},
		"leaving, of a StatefulSet": {of(func(pod *corev1.Pod) {
			deleted(pod)
			pod.OwnerReferences = []metav1.OwnerReference{{Kind: "StatefulSet", Name: "db", Controller: &yes}}
		}), "pod/web", "being deleted, to be gone at 12:00:30 UTC: its startup and liveness probes are not asked any more, and no new traffic comes to it; what takes its place: kubectl msa probe run statefulset/db -n shop"},
	} {
		r := nobodyAsked(t, finding.Ref{Kind: "Pod", Namespace: "shop", Name: "web"}, c.pod)
		if len(r.NotChecked) != 1 || r.NotChecked[0].What != c.what || r.NotChecked[0].Why != c.why || len(r.Findings) > 0 {
			t.Errorf("%s: %+v, findings %+v\nwant %q: %q", name, r.NotChecked, r.Findings, c.what, c.why)
		}
	}
}

// A pod that lives and has no probe is no gap.
func TestWithoutProbesNothingIsMissing(t *testing.T) {
	r := nobodyAsked(t, finding.Ref{Kind: "Pod", Namespace: "shop", Name: "web"}, livePod(func(pod *corev1.Pod) {
		c := &pod.Spec.Containers[0]
		c.StartupProbe, c.ReadinessProbe, c.LivenessProbe = nil, nil, nil
	}))
	if len(r.NotChecked) > 0 || len(r.Bare) != 1 {
		t.Errorf("%+v, without probes %+v", r.NotChecked, r.Bare)
	}
}

// A workload that has no pods says so, where that is known.
func TestWorkloadsWithoutPods(t *testing.T) {
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}}, Spec: livePod(nil).Spec}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: template.Labels}, Template: template,
	}}
	r := nobodyAsked(t, finding.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}, d)
	want := finding.NotChecked{What: "deployment/web", Why: "it has no pods now; kubectl msa inspect deployment/web -n shop says why"}
	if len(r.NotChecked) != 1 || r.NotChecked[0] != want {
		t.Errorf("%+v, want %+v", r.NotChecked, want)
	}
	cron := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	cron.Spec.JobTemplate.Spec.Template = template
	r = nobodyAsked(t, finding.Ref{Kind: "CronJob", Namespace: "shop", Name: "web"}, cron)
	if len(r.NotChecked) != 1 || !strings.Contains(r.NotChecked[0].Why, "kubectl get jobs") {
		t.Errorf("%+v", r.NotChecked)
	}
}
