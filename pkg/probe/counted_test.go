package probe

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// spread puts the pods of a scene on nodes.
func spread(s *snapshot.Snapshot, nodes int) {
	pods, _ := snapshot.List[*corev1.Pod](s, "shop", nil)
	for i, pod := range pods {
		pod.Spec.NodeName = fmt.Sprintf("node-%d", i%nodes)
	}
}

// on lets the kubelet of a node tell so of pods of a scene.
func (c *Counted) on(s *snapshot.Snapshot, node string, names ...string) {
	n := &snapshot.NodeProbes{ObjectMeta: metav1.ObjectMeta{Name: node}}
	for _, name := range names {
		n.Counts = append(n.Counts, snapshot.ProbeCount{Namespace: "shop", Pod: name, Container: "app", Probe: "readiness", Successes: int64(c.Successes), Failures: int64(c.Failures), Within: c.within})
	}
	s.Add(n)
	s.Record(snapshot.Reading{Need: snapshot.ProbesOf(node, "shop")})
}

func kubeletsAsked(n snapshot.Needs) []string {
	var out []string
	for _, need := range n.Objects {
		if need.Kind == snapshot.NodeProbesKind {
			out = append(out, need.Name+" "+need.Fields)
		}
	}
	return out
}

// One kubelet is asked first, those with pods that are not ready before others,
// and the rest up to the bound only where that one may be asked.
func TestKubeletsAsked(t *testing.T) {
	s := scene(corev1.Container{ReadinessProbe: get("/ready", nil)}, 1, 1, 1, 1, 1, 1)
	spread(s, 6)
	pods, _ := snapshot.List[*corev1.Pod](s, "shop", nil)
	for _, pod := range pods {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue})
	}
	pods[5].Status.Conditions[1].Status = corev1.ConditionFalse
	if got := kubeletsAsked(CheckPlan(s, web)); !slices.Equal(got, []string{"node-5 pod.namespace=shop"}) {
		t.Fatalf("first asked %v", got)
	}
	may, mayNot := snapshot.New(snapshot.FromCluster, noon), snapshot.New(snapshot.FromCluster, noon)
	for _, o := range s.Objects() {
		may.Add(o)
		mayNot.Add(o)
	}
	for _, r := range s.Readings() {
		may.Record(r)
		mayNot.Record(r)
	}
	(&Counted{}).on(may, "node-5")
	if got := strings.Join(kubeletsAsked(CheckPlan(may, web)), ", "); got != "node-0 pod.namespace=shop, node-1 pod.namespace=shop, node-2 pod.namespace=shop" {
		t.Errorf("then asked %v", got)
	}
	mayNot.Record(snapshot.Reading{Need: snapshot.ProbesOf("node-5", "shop"), Why: `forbidden: get nodes/proxy "node-5"`})
	if got := kubeletsAsked(CheckPlan(mayNot, web)); len(got) != 0 {
		t.Errorf("who may not is asked for %v", got)
	}
	report, err := Check(mayNot, web, english(t))
	if err != nil || len(report.NotChecked) != 1 || report.NotChecked[0].Why != `forbidden: get nodes/proxy "node-5"` {
		t.Errorf("not checked: %+v, %v", report.NotChecked, err)
	}
	if got := kubeletsAsked(Plan(may, web)); len(got) != 0 {
		t.Errorf("a run of probes asks kubelets: %v", got)
	}
}

// Counts of several pods add up; a pod of which a kubelet has counted nothing counts as one.
func TestCounted(t *testing.T) {
	s := scene(corev1.Container{ReadinessProbe: get("/ready", nil)}, 1, 1, 1)
	spread(s, 1)
	c := &Counted{Successes: 30, Failures: 2, within: []snapshot.ProbeBucket{{Seconds: 0.005, Count: 15}, {Seconds: 0.5, Count: 29}, {Seconds: 1, Count: 29}}}
	c.on(s, "node-0", "web-5d9-0", "web-5d9-1")
	report, err := Check(s, web, english(t))
	if err != nil {
		t.Fatal(err)
	}
	got := report.Probes[0].Counted
	if got == nil || got.Pods != 3 || got.Successes != 60 || got.Failures != 4 || got.P50AtMostMs == nil || *got.P50AtMostMs != 5 || *got.P95AtMostMs != 500 || got.P99AtMostMs != nil {
		t.Fatalf("%+v", got)
	}
	if report.KubeletsNotAsked != 0 {
		t.Errorf("%d kubelets were not asked", report.KubeletsNotAsked)
	}
	if got := slowOf(t, s); got != nil {
		t.Errorf("one slow answer in thirty is %+v", got)
	}
}

func slowOf(t *testing.T, s *snapshot.Snapshot) *finding.Finding {
	t.Helper()
	report, err := Check(s, web, english(t))
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range report.Findings {
		if f.Rule == "probe/timeout-too-tight" {
			return &report.Findings[i]
		}
	}
	return nil
}

// Answers that need most of their time are given more; how long they all took is told.
func TestSuggestFromCounts(t *testing.T) {
	s := scene(corev1.Container{ReadinessProbe: get("/ready", nil)}, 1, 1, 1)
	spread(s, 1)
	if r, err := Suggest(s, web, english(t)); err != nil || !r.AnswersUnknown || len(r.Answers) != 0 {
		t.Errorf("nobody told: %+v, %v", r, err)
	}
	(&Counted{Successes: 100, within: []snapshot.ProbeBucket{{Seconds: 0.25, Count: 60}, {Seconds: 0.5, Count: 80}, {Seconds: 1, Count: 100}}}).on(s, "node-0", "web-5d9-0")
	r, err := Suggest(s, web, english(t))
	if err != nil {
		t.Fatal(err)
	}
	if r.AnswersUnknown || len(r.Answers) != 1 || r.Answers[0].Type != Readiness || *r.Answers[0].P95AtMostMs != 1000 || r.Answers[0].TimeoutSeconds != 1 {
		t.Errorf("answers %+v", r.Answers)
	}
	if len(r.Suggestions) != 1 || !strings.Contains(r.Suggestions[0].Patch, "timeoutSeconds: 5") || !strings.Contains(r.Suggestions[0].Reasons[0], "20 of them took more than 500 ms of the 1 s") {
		t.Errorf("suggestions %+v", r.Suggestions)
	}
}

// A pod that is being deleted is judged as it is written, and says so; once another has its place it is not asked about.
func TestDeleting(t *testing.T) {
	s := scene(corev1.Container{ReadinessProbe: get("/ready", nil), LivenessProbe: get("/live", nil)}, 1)
	pod, _ := snapshot.Get[*corev1.Pod](s, "shop", "web-5d9-0")
	now := metav1.NewTime(noon)
	pod.DeletionTimestamp = &now
	q := Query{Namespace: "shop", Targets: []finding.Ref{{Kind: "Pod", Namespace: "shop", Name: "web-5d9-0"}}}
	report, err := Check(s, q, english(t))
	if err != nil || len(report.Probes) != 2 || !report.Probes[0].Deleting || !report.Probes[1].Deleting || report.Probes[0].Pods != 0 {
		t.Errorf("%+v, %v", report.Probes, err)
	}
	if report, err = Check(s, web, english(t)); err != nil || report.Probes[0].Deleting {
		t.Errorf("of its Deployment: %+v, %v", report.Probes, err)
	}
}

// Manifests without anything that has a pod template say what they hold instead.
func TestWithout(t *testing.T) {
	s := snapshot.New(snapshot.FromManifests, noon)
	s.Add(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "settings"}})
	s.Add(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}})
	report, err := Check(s, Query{}, english(t))
	if err != nil || report.Without == nil || !slices.Equal(report.Without.Kinds, []string{"ConfigMap", "Service"}) {
		t.Errorf("%+v, %v", report.Without, err)
	}
	s.Add(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}})
	if report, err = Check(s, Query{}, english(t)); err != nil || report.Without != nil {
		t.Errorf("with a pod: %+v, %v", report.Without, err)
	}
}
