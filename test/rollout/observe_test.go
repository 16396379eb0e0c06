package rollout_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/cluster"
	sandbox "github.com/kubectl-msa/kubectl-msa/test/cluster"
)

// besides are a budget over the Pods, one over others, and a Pod that has the labels and belongs to nobody.
const besides = `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: mine}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: others}
spec: {minAvailable: 1, selector: {matchLabels: {app: db}}}
---
apiVersion: v1
kind: Pod
metadata: {name: stray, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: "127.0.0.1:5000/ok/idle:1"}]
`

// observeUntil looks until the world is as a test wants it.
func observeUntil(t *testing.T, k *sandbox.Cluster, c *cluster.Client, s *rollout.State, what string, done func(*rollout.World) bool) *rollout.World {
	t.Helper()
	var w *rollout.World
	k.WaitFor(t, what, 2*time.Minute, func(ctx context.Context) (bool, string, error) {
		var err error
		if w, err = c.Observe(ctx, s); err != nil {
			return false, "", err
		}
		return done(w), fmt.Sprintf("%+v old %+v new %+v services %+v", w.Workload, w.Old, w.New, w.Services), nil
	})
	return w
}

// versionOf is a version without what depends on when it was looked at.
func versionOf(v rollout.Version) rollout.Version {
	v.Available, v.Youngest = 0, time.Time{}
	return v
}

// newTemplate is the live template with another image.
func newTemplate(t *testing.T, c *cluster.Client, r rollout.Ref) json.RawMessage {
	t.Helper()
	raw := string(liveOf(t, c, r).Spec["template"])
	return json.RawMessage(strings.Replace(raw, "idle:1", "idle:2", 1))
}

// begin gives the state of a rollout to the image idle:2, with every object claimed.
func begin(t *testing.T, k *sandbox.Cluster, c *cluster.Client, spec rollout.Spec, managed ...rollout.Managed) *rollout.State {
	t.Helper()
	var s *rollout.State
	template := newTemplate(t, c, spec.Workload)
	k.WaitFor(t, "the workload to be named", time.Minute, func(ctx context.Context) (bool, string, error) {
		var err error
		s, err = c.Begin(ctx, spec, managed, template)
		if sortOf(err) == "conflict" {
			return false, err.Error(), nil
		}
		return err == nil, "", err
	})
	for _, m := range s.Managed {
		claimed(t, c, m, "token", nil)
	}
	return s
}

// write makes a write as the machine would: from what is written down, at the generation seen.
func write(t *testing.T, c *cluster.Client, s *rollout.State, to rollout.Fields) {
	t.Helper()
	m := s.Workload()
	w := rollout.Write{Object: m.Ref, UID: m.UID, Generation: liveOf(t, c, m.Ref).Metadata.Generation}
	for path, value := range to {
		w.Changes = append(w.Changes, rollout.Change{Path: path, From: m.Current[path], To: value})
	}
	if err := c.Apply(t.Context(), w, "token"); err != nil {
		t.Fatal(err)
	}
}

func TestADeploymentThatIsHeldIsSeenAsItIs(t *testing.T) {
	t.Parallel()
	k := sandbox.Get(t)
	ns := k.Namespace(t)
	k.Apply(t, ns, fmt.Sprintf(idle, 3)+"---"+besides)
	c := clientOf(t, k.Config())
	web, svc := refTo("Deployment", ns, "web"), refTo("Service", ns, "web")
	paths := []rollout.Pointer{rollout.TemplateField, rollout.MinReadyField, rollout.DeadlineField, rollout.StrategyField}
	spec := rollout.Spec{Workload: web, Services: []string{"web"}, Preview: "absent"}
	s := begin(t, k, c, spec, rollout.Managed{Ref: web, Paths: paths}, rollout.Managed{Ref: svc, Paths: []rollout.Pointer{rollout.SelectorField}})

	if s.ID == "" || s.Phase != rollout.Starting || s.Replicas != 3 || s.Started.IsZero() || s.NewHash != "" {
		t.Errorf("the state begins as %+v", s)
	}
	if diff := cmp.Diff([][]string{{"127.0.0.1:5000/ok/idle:1"}, {"127.0.0.1:5000/ok/idle:2"}}, [][]string{s.OldImages, s.NewImages}); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
	original := s.Managed[0].Original
	if string(original[rollout.DeadlineField]) != "600" || original[rollout.MinReadyField] != nil || len(original) != 3 {
		t.Errorf("originals: %s", original)
	}
	if live := liveOf(t, c, web); string(original[rollout.TemplateField]) != string(live.Spec["template"]) {
		t.Errorf("the original template is not the live one: %s", original[rollout.TemplateField])
	}
	if !strings.Contains(string(s.Template), "idle:2") || !strings.Contains(string(s.Template), `"imagePullPolicy"`) {
		t.Errorf("the new template is not as the server would store it: %s", s.Template)
	}

	observeUntil(t, k, c, s, "three Pods and a stray one behind the Service", func(w *rollout.World) bool {
		return w.Old.Ready == 3 && len(w.Services) == 1 && w.Services[0].Ready[s.OldHash] == 3 && w.Services[0].Ready[""] == 1
	})
	write(t, c, s, rollout.Fields{rollout.TemplateField: s.Template, rollout.MinReadyField: json.RawMessage("2147483646"),
		rollout.DeadlineField: json.RawMessage("2147483647"), rollout.StrategyField: json.RawMessage(`{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1,"maxUnavailable":0}}`)})
	w := observeUntil(t, k, c, s, "the hold at 3 and 1", func(w *rollout.World) bool {
		return w.New.Ready == 1 && w.New.Available == 0 && w.Services[0].Ready[w.New.Hash] == 1 && w.Old.Wanted == 3
	})
	if w.Workload.UpdateHash != w.New.Hash || w.New.Hash == w.Old.Hash || w.Old.Hash != s.OldHash || w.Old.Available != 3 || len(w.Others) > 0 {
		t.Errorf("the update is to %s; old %+v, new %+v, others %+v", w.Workload.UpdateHash, w.Old, w.New, w.Others)
	}
	if w.New.Youngest.IsZero() || w.New.Youngest.After(w.At) {
		t.Errorf("at %s its last Pod became ready at %s", w.At, w.New.Youngest)
	}
	want := rollout.Version{Hash: w.New.Hash, Revision: 2, Images: []string{"127.0.0.1:5000/ok/idle:2"}, Wanted: 1, Replicas: 1, Ready: 1}
	if diff := cmp.Diff(want, versionOf(w.New)); diff != "" {
		t.Errorf("the new version (-want +got):\n%s", diff)
	}
	if len(w.Workload.Pods) != 4 || w.Workload.Replicas != 3 || w.Workload.Generation != 2 {
		t.Errorf("the workload: %+v", w.Workload)
	}
	if diff := cmp.Diff(map[string]string{"app": "web"}, w.Services[0].Selects); diff != "" {
		t.Errorf("the Service's selector (-want +got):\n%s", diff)
	}
	if len(w.Budgets) != 1 || w.Budgets[0].Name != "mine" || w.Budgets[0].DesiredHealthy != 1 {
		t.Errorf("budgets: %+v", w.Budgets)
	}
	if live := w.Live[web]; live.Token != "token" || string(live.Fields[rollout.MinReadyField]) != "2147483646" || !rollout.Same(live.Fields[rollout.TemplateField], s.Template) {
		t.Errorf("live: %+v", live)
	}
	if skew := time.Since(w.At); skew < -3*time.Second || skew > 3*time.Second {
		t.Errorf("it was seen at %v, which is %v ago by this machine's clock, which is the server's", w.At, skew)
	}
	templates, err := c.Revisions(t.Context(), web)
	if err != nil || len(templates) != 2 || !rollout.Same(templates[1], original[rollout.TemplateField]) || !rollout.Same(templates[2], s.Template) {
		t.Errorf("revisions: %v, %v", templates, err)
	}

	// Back to the old template: its ReplicaSet gets a new number, and is the version in force again.
	write(t, c, &rollout.State{Spec: spec, Managed: []rollout.Managed{{Ref: web, UID: s.Managed[0].UID, Current: w.Live[web].Fields}}},
		rollout.Fields{rollout.TemplateField: original[rollout.TemplateField], rollout.MinReadyField: nil})
	w = observeUntil(t, k, c, s, "the way back", func(w *rollout.World) bool {
		return w.Workload.UpdateHash == s.OldHash && w.Old.Ready == 3 && len(w.Workload.Pods) == 3
	})
	if w.New.Hash != "" || w.Old.Revision != 3 {
		t.Errorf("back again, old is %+v, new %+v", w.Old, w.New)
	}
}

func TestAStatefulSetThatIsHeldIsSeenAsItIs(t *testing.T) {
	t.Parallel()
	k := sandbox.Get(t)
	ns := k.Namespace(t)
	k.Apply(t, ns, `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 3
  ordinals: {start: 5}
  serviceName: db
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: app, image: "127.0.0.1:5000/ok/idle:1"}]
`)
	c := clientOf(t, k.Config())
	db := refTo("StatefulSet", ns, "db")
	s := begin(t, k, c, rollout.Spec{Workload: db}, rollout.Managed{Ref: db, Paths: []rollout.Pointer{rollout.TemplateField, rollout.UpdateStrategyField}})
	w := observeUntil(t, k, c, s, "three Pods", func(w *rollout.World) bool { return w.Old.Ready == 3 })
	if w.Old.Wanted != 3 || w.Workload.UpdateHash != s.OldHash || w.New.Hash != "" || w.Workload.Start != 5 {
		t.Errorf("before: %+v, old %+v, new %+v", w.Workload, w.Old, w.New)
	}
	write(t, c, s, rollout.Fields{rollout.TemplateField: s.Template,
		rollout.UpdateStrategyField: json.RawMessage(`{"type":"RollingUpdate","rollingUpdate":{"partition":2}}`)})
	w = observeUntil(t, k, c, s, "the hold at the third Pod", func(w *rollout.World) bool { return w.New.Ready == 1 && w.Old.Ready == 2 })
	if w.Old.Wanted != 2 || w.New.Wanted != 1 || w.New.Images[0] != "127.0.0.1:5000/ok/idle:2" || w.New.Revision != 2 {
		t.Errorf("held: old %+v, new %+v", w.Old, w.New)
	}
	var ordinals []string
	for _, p := range w.Workload.Pods {
		ordinals = append(ordinals, fmt.Sprint(p.Ordinal, " ", p.Hash == w.New.Hash, " ", p.Ready))
	}
	if diff := cmp.Diff([]string{"5 false true", "6 false true", "7 true true"}, ordinals); diff != "" {
		t.Errorf("Pods (-want +got):\n%s", diff)
	}
	templates, err := c.Revisions(t.Context(), db)
	if err != nil || len(templates) != 2 || !rollout.Same(templates[2], s.Template) {
		t.Errorf("revisions: %v, %v", templates, err)
	}
}

func TestADaemonSetThatIsHeldIsSeenAsItIs(t *testing.T) {
	t.Parallel()
	k := sandbox.Get(t)
	ns := k.Namespace(t)
	k.Apply(t, ns, `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  updateStrategy: {type: OnDelete}
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: app, image: "127.0.0.1:5000/ok/idle:1"}]
`)
	c, err := cluster.New(k.Config(), cluster.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	agent := refTo("DaemonSet", ns, "agent")
	s := begin(t, k, c, rollout.Spec{Workload: agent, GroupBy: "kubernetes.io/os"},
		rollout.Managed{Ref: agent, Paths: []rollout.Pointer{rollout.TemplateField, rollout.UpdateStrategyField}})
	w := observeUntil(t, k, c, s, "a Pod on the node", func(w *rollout.World) bool { return w.Old.Ready == 1 })
	pod := w.Workload.Pods[0]
	if w.Old.Wanted != 1 || pod.Group != "linux" || pod.Node == "" || pod.Hash != s.OldHash {
		t.Errorf("before: old %+v, pod %+v", w.Old, pod)
	}
	write(t, c, s, rollout.Fields{rollout.TemplateField: s.Template})
	w = observeUntil(t, k, c, s, "the new revision", func(w *rollout.World) bool { return w.New.Hash != "" })
	if w.Old.Wanted != 1 || w.New.Wanted != 0 || w.New.Replicas != 0 || w.New.Images[0] != "127.0.0.1:5000/ok/idle:2" {
		t.Errorf("held: old %+v, new %+v", w.Old, w.New)
	}
	replace := rollout.Write{Object: refTo("Pod", ns, pod.Name), UID: "other", Delete: true}
	if err := c.Apply(t.Context(), replace, "token"); sortOf(err) != "conflict" {
		t.Errorf("another Pod of the name was deleted: %v", err)
	}
	replace.UID = pod.UID
	if err := c.Apply(t.Context(), replace, "token"); err != nil {
		t.Fatal(err)
	}
	w = observeUntil(t, k, c, s, "the new Pod", func(w *rollout.World) bool { return w.New.Ready == 1 && w.Old.Replicas == 0 })
	if w.New.Wanted != 1 || w.Old.Wanted != 0 {
		t.Errorf("replaced: old %+v, new %+v", w.Old, w.New)
	}
	templates, err := c.Revisions(t.Context(), agent)
	if err != nil || len(templates) != 2 || !rollout.Same(templates[2], s.Template) {
		t.Errorf("revisions: %v, %v", templates, err)
	}
}
