package rollout_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	apiwatch "k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/test/cluster"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/driver"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/load"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/stage"
	"github.com/kubectl-msa/kubectl-msa/test/workshop"
)

// Whatever the number of replicas, there are never fewer ready Pods than that,
// nor more than the surge allows, and the end is kubectl's.
//
// In a blue-green rollout the Service serves one version only, so its endpoints
// are the capacity that matters.
func TestSizes(t *testing.T) {
	for _, n := range []int{1, 2, 3, 10} {
		for name, command := range commands() {
			t.Run(fmt.Sprintf("%s, %d replicas", name, n), func(t *testing.T) {
				t.Parallel()
				c := open(t, light)
				s := stage.New(t, c, stage.Options{Replicas: n})
				want := promoted(t, s)
				run := load.Start(t, c, s.URL(), load.Options{Rate: 50})
				most := n + 1
				if name == "bluegreen" {
					most = 2 * n
				}
				w := watch(t, s)
				wantCode(t, name, do(t, s, command(s)...), codeDone)
				fewest, peak := w.stop()
				if fewest < n || peak > most {
					t.Errorf("between %d and %d Pods were ready, want %d to %d", fewest, peak, n, most)
				}
				wantObjects(t, s, name, want)
				wantNoLoss(t, run)
			})
		}
	}
}

func commands() map[string]func(*stage.Stage) []string {
	return map[string]func(*stage.Stage) []string{
		"canary":    func(s *stage.Stage) []string { return canary(s, "10,50,100") },
		"bluegreen": func(s *stage.Stage) []string { return bluegreen(s, "--keep", "1s") },
	}
}

// 250 replicas, on nodes where Pods get ready and nothing runs.
func TestManyReplicas(t *testing.T) {
	c := cluster.GetFakeNodes(t, 10)
	for name, command := range commands() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stage.New(t, c, stage.Options{Replicas: 250, Bare: true}) // with Kubernetes' own surge of 25 %
			before, want := s.Snapshot(t), promoted(t, s)
			wantCode(t, name, do(t, s, command(s)...), codeDone)
			wantObjects(t, s, name, want)
			wantCode(t, "undo", do(t, s, "undo", s.Target()), codeDone)
			wantObjects(t, s, "undone", before)
		})
	}
}

// A StatefulSet goes by its partition, a DaemonSet by its nodes.
func TestOtherKinds(t *testing.T) {
	t.Run("StatefulSet", func(t *testing.T) {
		t.Parallel()
		otherKind(t, open(t, light), stage.Options{Kind: "StatefulSet", Replicas: 3})
	})
	t.Run("DaemonSet", func(t *testing.T) {
		t.Parallel()
		otherKind(t, cluster.GetFakeNodes(t, 3), stage.Options{Kind: "DaemonSet"})
	})
}

func otherKind(t *testing.T, c *cluster.Cluster, o stage.Options) {
	s := stage.New(t, c, o)
	before, want := s.Snapshot(t), promoted(t, s)
	d := drive(t, s, canary(s, "34,67,100", "--gate", "time=2s"))
	d.Until(t, "the second step", patience, at(rollout.Judging, 2))
	wantCode(t, "abort", do(t, s, "abort", s.Target()), codeDone)
	wantCode(t, "the driver that did not promote", d.Wait(t, patience), codeRolledBack)
	s.WaitSettled(t)
	wantObjects(t, s, "aborted", before)
	r := do(t, s, canary(s, "34,67,100")...)
	wantCode(t, "promote", r, codeDone)
	wantObjects(t, s, "promoted", want)
	wantCode(t, "undo", do(t, s, "undo", s.Target()), codeDone)
	wantObjects(t, s, "undone", before)
	for i, e := range r.Events {
		if i > 0 && e.Step < r.Events[i-1].Step {
			t.Errorf("step %d after step %d", e.Step, r.Events[i-1].Step)
		}
	}
}

// An autoscaler, or a person, changes the number of replicas in the middle: the
// share stays, and so does the new number.
func TestScaledMeanwhile(t *testing.T) {
	t.Parallel()
	c := open(t, light)
	s := stage.New(t, c, stage.Options{Replicas: 2})
	run := load.Start(t, c, s.URL(), load.Options{Rate: 50})
	d := drive(t, s, canary(s, "50,100", "--pause", "manual"))
	d.Until(t, "the first pause", patience, at(rollout.Paused, 1))
	for _, n := range []int{4, 6, 2} {
		scale(t, s, n)
		c.WaitFor(t, fmt.Sprintf("half of %d to be new", n), patience, func(ctx context.Context) (bool, string, error) {
			by := s.Versions(ctx, t)
			return by[stage.Image("v1")] == n/2 && by[stage.Image("v2")] == n/2, fmt.Sprint(by), nil
		})
	}
	scale(t, s, 3)
	want := promoted(t, s)
	wantCode(t, "promote", do(t, s, "promote", s.Target(), "--full"), codeDone)
	wantCode(t, "the driver", d.Wait(t, patience), codeDone)
	got := s.Snapshot(t)
	for name, text := range want {
		if strings.Contains(text, `"replicas"`) && !strings.Contains(got[name], `"replicas": 3`) {
			t.Errorf("the number of replicas was not kept: %s", got[name])
		}
	}
	wantNoLoss(t, run)
}

func scale(t *testing.T, s *stage.Stage, n int) {
	t.Helper()
	patch := fmt.Sprintf(`{"spec":{"replicas":%d}}`, n)
	if _, err := s.C.Typed().AppsV1().Deployments(s.NS).Patch(t.Context(), stage.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, "scale"); err != nil {
		t.Fatal(err)
	}
}

// An autoscaler goes on with its work while a rollout stands: the HPA's own
// controller changes the number, and both versions follow in their ratio.
func TestAutoscaledMeanwhile(t *testing.T) {
	for name, command := range map[string]func(*stage.Stage) []string{
		"canary":    func(s *stage.Stage) []string { return canary(s, "50,100", "--pause", "manual") },
		"bluegreen": func(s *stage.Stage) []string { return bluegreen(s, "--pause", "manual") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := open(t, light)
			s := stage.New(t, c, stage.Options{Replicas: 2})
			autoscale(t, s, 2, 10)
			end := promoted(t, s) // and of as many replicas as it begins with
			run := load.Start(t, c, s.URL(), load.Options{Rate: 50})
			d := drive(t, s, command(s))
			d.Until(t, "the first pause", patience, func(e driver.Seen) bool { return e.Phase == rollout.Paused })
			for _, within := range [][2]int32{{4, 10}, {6, 10}, {1, 2}} {
				autoscale(t, s, within[0], within[1])
				n := int(within[0]) // it wants at least so many, or at most
				if within[1] < 10 {
					n = int(within[1])
				}
				c.WaitFor(t, fmt.Sprintf("the versions to be %d Pods in their ratio", n), patience, func(ctx context.Context) (bool, string, error) {
					by := s.Versions(ctx, t)
					old, young := by[stage.Image("v1")], by[stage.Image("v2")]
					if name == "canary" {
						return old == n/2 && young == n/2, fmt.Sprint(by), nil
					}
					return old == n && young == n, fmt.Sprint(by), nil
				})
			}
			wantCode(t, "promote", do(t, s, "promote", s.Target(), "--full"), codeDone)
			wantCode(t, "the driver", d.Wait(t, patience), codeDone)
			wantObjects(t, s, "promoted", end)
			wantNoLoss(t, run)
		})
	}
}

// autoscale makes the stage's HPA, or gives it other bounds. Without metrics it scales to its bounds alone.
func autoscale(t *testing.T, s *stage.Stage, least, most int32) {
	t.Helper()
	hpa := &autoscalingv2.HorizontalPodAutoscaler{
		TypeMeta:   metav1.TypeMeta{APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscaler"},
		ObjectMeta: metav1.ObjectMeta{Name: stage.Name, Namespace: s.NS},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: s.Kind, Name: stage.Name},
			MinReplicas:    &least, MaxReplicas: most,
			Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
				Name: corev1.ResourceCPU, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: new(int32(80))},
			}}},
		},
	}
	text, err := json.Marshal(hpa)
	if err != nil {
		t.Fatal(err)
	}
	api := s.C.Typed().AutoscalingV2().HorizontalPodAutoscalers(s.NS)
	if _, err := api.Patch(t.Context(), stage.Name, types.ApplyPatchType, text, metav1.PatchOptions{FieldManager: "test", Force: new(true)}); err != nil {
		t.Fatal(err)
	}
}

// What cannot be safe is refused before anything is written.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		stage stage.Options
		also  string
		// patch is made of the Service; HASH in it is the running version's.
		patch string
		rule  string
	}{
		{"quota too small", stage.Options{}, `
apiVersion: v1
kind: ResourceQuota
metadata: {name: small}
spec: {hard: {pods: "3"}}
`, "", "rollout/quota-short"},
		{"Recreate", stage.Options{Bare: true, Spec: "strategy: {type: Recreate}"}, "", "", "rollout/recreate-strategy"},
		{"no readiness probe", stage.Options{NoReadiness: true}, "", "", "rollout/no-readiness-gate"},
		{"a Service pinned to one version", stage.Options{}, "", `{"spec":{"selector":{"pod-template-hash":"HASH"}}}`, "rollout/selector-mismatch"},
	} {
		for name, command := range commands() {
			t.Run(name+", "+c.name, func(t *testing.T) {
				t.Parallel()
				cluster := open(t, light)
				s := stage.New(t, cluster, c.stage)
				if c.also != "" {
					cluster.Apply(t, s.NS, c.also)
				}
				if c.patch != "" {
					patch := strings.ReplaceAll(c.patch, "HASH", s.Pods(t.Context(), t)[0].Labels["pod-template-hash"])
					if _, err := cluster.Typed().CoreV1().Services(s.NS).Patch(t.Context(), stage.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
						t.Fatal(err)
					}
				}
				before := s.Snapshot(t)
				args := append(append([]string{"rollout"}, command(s)...), "-n", s.NS, "-o", "json")
				got := workshop.Run(t, cluster.Kubeconfig(), args...)
				var report finding.Report
				if err := json.Unmarshal([]byte(got.Stdout), &report); err != nil || got.Code != codeRefused {
					t.Fatalf("exit code %d, want %d: %v: %s%s", got.Code, codeRefused, err, got.Stdout, got.Stderr)
				}
				if !slices.ContainsFunc(report.Findings, func(f finding.Finding) bool { return f.Rule == c.rule && f.Severity == finding.Error }) {
					t.Errorf("the refusal does not name %s: %+v", c.rule, report.Findings)
				}
				wantObjects(t, s, c.name, before)
				if _, ok := statusOf(t, s); ok {
					t.Error("a refused rollout left a journal")
				}
			})
		}
	}
}

// told is all that a driver said.
func told(r driver.Result) string {
	var b strings.Builder
	for _, e := range r.Events {
		b.WriteString(e.Line + "\n")
	}
	return b.String() + r.Stderr
}

// watcher counts ready Pods of a Service's endpoints while something happens.
type watcher struct {
	cancel  context.CancelFunc
	done    chan struct{}
	low, hi int
}

// watch follows the ready endpoints of the stage's Service.
func watch(t *testing.T, s *stage.Stage) *watcher {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &watcher{cancel: cancel, done: make(chan struct{}), low: 1 << 30}
	events, err := s.C.Typed().DiscoveryV1().EndpointSlices(s.NS).Watch(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + stage.Name})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(w.done)
		ready := map[string]int{}
		for e := range events.ResultChan() {
			name, n, ok := readyIn(e)
			if !ok {
				continue
			}
			ready[name] = n
			sum := 0
			for _, n := range ready {
				sum += n
			}
			w.low, w.hi = min(w.low, sum), max(w.hi, sum)
		}
	}()
	return w
}

// stop gives the fewest and the most endpoints that were ready.
func (w *watcher) stop() (low, high int) {
	w.cancel()
	<-w.done
	return w.low, w.hi
}

// readyIn counts the ready endpoints of a slice that was added or changed.
func readyIn(e apiwatch.Event) (name string, n int, ok bool) {
	slice, ok := e.Object.(*discoveryv1.EndpointSlice)
	if !ok || e.Type == apiwatch.Deleted {
		return "", 0, false
	}
	for _, one := range slice.Endpoints {
		if one.Conditions.Ready != nil && *one.Conditions.Ready {
			n++
		}
	}
	return slice.Name, n, true
}
