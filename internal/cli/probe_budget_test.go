package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/rest"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
)

// What a namespace may cost.
const (
	budgetPods     = 2000
	budgetRequests = 20
	budgetMemory   = 100 << 20
)

// town is an API server with one namespace of many pods, of 40 Deployments.
type town struct {
	*httptest.Server
	requests atomic.Int64
	kubelets atomic.Int64
	pods     []json.RawMessage
	others   map[string][]json.RawMessage
}

func newTown(t testing.TB) *town {
	t.Helper()
	w := &town{others: map[string][]json.RawMessage{}}
	encode := func(o any) json.RawMessage {
		data, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	yes, start := true, metav1.NewTime(time.Now().Add(-time.Hour))
	get := func(path string) *corev1.Probe {
		return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromInt32(8080)}}}
	}
	for i := range 40 {
		name := fmt.Sprintf("app-%02d", i)
		labels := map[string]string{"app": name, "pod-template-hash": "5d9"}
		spec := corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "shop/" + name + ":v1", LivenessProbe: get("/health"), ReadinessProbe: get("/health"), Env: padding()}}}
		d := appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "town"}}
		d.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}
		d.Spec.Template = corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec}
		w.others["deployments"] = append(w.others["deployments"], encode(d))
		w.others["services"] = append(w.others["services"], encode(corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "town"},
			Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": name}, Ports: []corev1.ServicePort{{Port: 8080}}},
		}))
		for j := range budgetPods / 40 {
			pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-5d9-%02d", name, j), Namespace: "town", Labels: labels,
				OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: name + "-5d9", Controller: &yes}}}, Spec: spec}
			pod.Spec.NodeName = fmt.Sprintf("node-%d", j%10)
			pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.ContainersReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(start.Add(7 * time.Second))}}
			pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app", Ready: true, Started: &yes, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: start}}}}
			w.pods = append(w.pods, encode(pod))
			w.others["events"] = append(w.others["events"], encode(corev1.Event{
				ObjectMeta: metav1.ObjectMeta{Name: pod.Name + ".1", Namespace: "town"}, Reason: "Unhealthy", LastTimestamp: metav1.Now(), Count: 3,
				Message:        "Liveness probe failed: HTTP probe failed with statuscode: 503",
				InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "town", Name: pod.Name, FieldPath: "spec.containers{app}"},
			}))
		}
	}
	w.Server = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.Close)
	return w
}

// padding makes a pod as big as pods are.
func padding() []corev1.EnvVar {
	var out []corev1.EnvVar
	for i := range 40 {
		out = append(out, corev1.EnvVar{Name: fmt.Sprintf("SETTING_%d", i), Value: strings.Repeat("x", 60)})
	}
	return out
}

// serve answers lists in pages, as asked.
func (w *town) serve(out http.ResponseWriter, r *http.Request) {
	w.requests.Add(1)
	parts := strings.Split(r.URL.Path, "/")
	kind := parts[len(parts)-1]
	items := w.others[kind]
	if kind == "pods" {
		items = w.pods
	}
	if kind == "events" && !strings.Contains(r.URL.Query().Get("fieldSelector"), "reason=Unhealthy") {
		items = nil
	}
	if strings.Contains(r.URL.Path, "/proxy/") {
		w.kubelet(out, r)
		return
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	meta := map[string]any{}
	to := len(items)
	if limit > 0 && from+limit < len(items) {
		to = from + limit
		meta["continue"] = strconv.Itoa(to)
	}
	out.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(out).Encode(map[string]any{"metadata": meta, "items": append([]json.RawMessage{}, items[from:to]...)})
}

// kubelet answers for one node, of which a pod runs everything but what is on the others.
func (w *town) kubelet(out http.ResponseWriter, r *http.Request) {
	w.kubelets.Add(1)
	fmt.Fprintln(out, "# TYPE prober_probe_total counter")
	for i := range budgetPods / 40 {
		fmt.Fprintf(out, "prober_probe_total{container=\"app\",namespace=\"town\",pod=\"app-00-5d9-%02d\",pod_uid=\"\",probe_type=\"Readiness\",result=\"successful\"} 360\n", i)
	}
}

// check reads the whole namespace and judges it; the snapshot is given back so
// that what it holds can be weighed.
func (w *town) check(t testing.TB) (*snapshot.Snapshot, probe.Report) {
	t.Helper()
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	reader, err := live.New(&rest.Config{Host: w.URL}, live.Options{Version: "test", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	s := snapshot.New(snapshot.FromCluster, time.Now())
	q := inspect.Query{Namespace: "town"}
	if err := reader.Fill(context.Background(), s, func(s *snapshot.Snapshot) snapshot.Needs { return probeCheckPlan(s, q) }); err != nil {
		t.Fatal(err)
	}
	report, err := probe.Check(s, probe.Query(q), probe.Options{Lang: lang.English, Catalogue: catalogue})
	if err != nil {
		t.Fatal(err)
	}
	return s, report
}

// A namespace of 2,000 pods costs few requests and little memory, and says of
// each template once what all its pods have.
func TestNamespaceWithinBudget(t *testing.T) {
	w := newTown(t)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s, report := w.check(t)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if n := w.requests.Load(); n > budgetRequests {
		t.Errorf("%d requests, want at most %d", n, budgetRequests)
	}
	if n := w.kubelets.Load(); n != 4 || report.KubeletsNotAsked != 6 {
		t.Errorf("%d kubelets were asked and %d were not, want 4 of 10", n, report.KubeletsNotAsked)
	}
	if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > budgetMemory {
		t.Errorf("%d MiB held, want at most %d", held>>20, budgetMemory>>20)
	}
	runtime.KeepAlive(s)
	found := map[string]int{}
	for _, f := range report.Findings {
		found[f.Rule]++
		if f.Count != budgetPods/40 {
			t.Errorf("%s of %s counts %d pods", f.Rule, f.Object, f.Count)
		}
	}
	if found["probe/identical"] != 40 || found["probe/failing-now"] != 40 || len(found) != 2 || len(report.Probes) != 80 {
		t.Errorf("findings %v, %d probes", found, len(report.Probes))
	}
}

func BenchmarkProbeCheckNamespace(b *testing.B) {
	w := newTown(b)
	b.ReportAllocs()
	for b.Loop() {
		w.check(b)
	}
	b.ReportMetric(float64(w.requests.Load())/float64(b.N), "requests/op")
}
