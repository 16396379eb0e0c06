package plan

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// shop has a Deployment behind two Services and a preview, beside other things.
const shop = `
kind: Deployment
metadata: {name: web}
spec:
  replicas: 10
  progressDeadlineSeconds: 120
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%, maxUnavailable: 0}}
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web, tier: front}}, spec: {containers: [{name: app, image: "shop/web:v1"}]}}
---
kind: StatefulSet
metadata: {name: db}
spec:
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: app, image: "shop/db:v1"}]}}
---
kind: Deployment
metadata: {name: worker}
spec:
  progressDeadlineSeconds: 2147483647
  selector: {matchLabels: {app: worker}}
  template: {metadata: {labels: {app: worker}}, spec: {containers: [{name: app, image: "shop/worker:v1"}]}}
---
kind: Deployment
metadata: {name: lone}
spec:
  selector: {matchLabels: {app: lone}}
  template: {metadata: {labels: {app: lone}}, spec: {containers: [{name: app, image: "shop/lone:v1"}]}}
---
kind: Service
metadata: {name: lone}
spec: {selector: {app: lone}}
---
kind: Service
metadata: {name: web}
spec: {selector: {app: web}}
---
kind: Service
metadata: {name: front}
spec: {selector: {tier: front}}
---
kind: Service
metadata: {name: web-preview}
spec: {selector: {app: web, tier: front}}
---
kind: Service
metadata: {name: db}
spec: {selector: {app: db}}
---
kind: Service
metadata: {name: everything}
spec: {}
---
kind: Service
metadata: {name: alias}
spec: {type: ExternalName, externalName: example.com, selector: {app: web}}
`

func web() rollout.Spec {
	return rollout.Spec{
		Workload: rollout.Ref{Kind: "deploy", Namespace: "shop", Name: "web"},
		Edit:     rollout.Edit{Images: map[string]string{"app": "shop/web:v2"}},
	}
}

func TestCompleteCanary(t *testing.T) {
	got, err := Complete(cluster(t, shop), web())
	if err != nil {
		t.Fatal(err)
	}
	want := web()
	want.Workload.Kind = "Deployment"
	want.Strategy, want.Via, want.OnFail = rollout.Canary, rollout.ViaRatio, rollout.Rollback
	want.Services = []string{"front", "web", "web-preview"}
	want.Steps = []rollout.Step{{Weight: 5}, {Weight: 25}, {Weight: 50}, {Weight: 100}}
	want.Timeout, want.MaxSurge = rollout.Duration(2*time.Minute), 3 // a quarter of 10, rounded up
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestCompleteBlueGreen(t *testing.T) {
	spec := web()
	spec.Strategy, spec.Preview = rollout.BlueGreen, "web-preview"
	spec.Steps = DefaultSteps(rollout.BlueGreen, rollout.Pause{Manual: true})
	got, err := Complete(cluster(t, shop), spec)
	if err != nil {
		t.Fatal(err)
	}
	want := spec
	want.Workload.Kind = "Deployment"
	want.Via, want.OnFail, want.Services = rollout.ViaService, rollout.Rollback, []string{"front", "web"}
	want.Steps = []rollout.Step{{Weight: 0, Pause: rollout.Pause{Manual: true}}, {Weight: 100}}
	want.Timeout, want.MaxSurge, want.Keep = rollout.Duration(2*time.Minute), 3, rollout.Duration(30*time.Second)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// What a plan file in git holds comes out of it again as it went in.
func TestCompleteIsStable(t *testing.T) {
	for _, strategy := range []rollout.Strategy{rollout.Canary, rollout.BlueGreen} {
		spec := web()
		spec.Strategy = strategy
		once, err := Complete(cluster(t, shop), spec)
		if err != nil {
			t.Fatal(err)
		}
		file, err := yaml.Marshal(once)
		if err != nil {
			t.Fatal(err)
		}
		var read rollout.Spec
		if err := yaml.UnmarshalStrict(file, &read); err != nil {
			t.Fatalf("%v\n%s", err, file)
		}
		twice, err := Complete(cluster(t, shop), read)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(once, twice); d != "" {
			t.Error(d)
		}
	}
}

func TestCompleteDetails(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*rollout.Spec)
		check  func(rollout.Spec) bool
	}{
		"100 ends it":         {func(s *rollout.Spec) { s.Steps = []rollout.Step{{Weight: 10}} }, func(s rollout.Spec) bool { return len(s.Steps) == 2 && s.Steps[1].Weight == 100 }},
		"the flip alone":      {func(s *rollout.Spec) { s.Strategy, s.Steps = rollout.BlueGreen, []rollout.Step{{Weight: 100}} }, func(s rollout.Spec) bool { return len(s.Steps) == 2 && s.Steps[0].Weight == 0 }},
		"no deadline":         {func(s *rollout.Spec) { s.Workload.Name = "worker" }, func(s rollout.Spec) bool { return s.Timeout == rollout.Duration(10*time.Minute) && s.MaxSurge == 1 }},
		"nobody calls it":     {func(s *rollout.Spec) { s.Workload.Name = "worker" }, func(s rollout.Spec) bool { return len(s.Services) == 0 && s.Via == rollout.ViaRatio }},
		"a StatefulSet":       {func(s *rollout.Spec) { s.Workload.Kind, s.Workload.Name = "sts", "db" }, func(s rollout.Spec) bool { return s.Workload.Kind == "StatefulSet" && len(s.Services) == 1 }},
		"a Service by name":   {func(s *rollout.Spec) { s.Services = []string{"web"} }, func(s rollout.Spec) bool { return len(s.Services) == 1 }},
		"the user's own":      {func(s *rollout.Spec) { s.MaxSurge, s.Timeout = 7, rollout.Duration(time.Second) }, func(s rollout.Spec) bool { return s.MaxSurge == 7 && s.Timeout == rollout.Duration(time.Second) }},
		"the usual namespace": {func(s *rollout.Spec) { s.Workload.Namespace = "" }, func(s rollout.Spec) bool { return s.Workload.Namespace == "shop" }},
	} {
		spec := web()
		c.change(&spec)
		got, err := Complete(cluster(t, shop), spec)
		if err != nil || !c.check(got) {
			t.Errorf("%s: %v %+v", name, err, got)
		}
	}
}

func TestCompleteRefuses(t *testing.T) {
	steps := func(weights ...rollout.Weight) func(*rollout.Spec) {
		return func(s *rollout.Spec) {
			for _, w := range weights {
				s.Steps = append(s.Steps, rollout.Step{Weight: w})
			}
		}
	}
	for name, c := range map[string]struct {
		change func(*rollout.Spec)
		want   Problem
		says   string
	}{
		"a Pod":            {func(s *rollout.Spec) { s.Workload.Kind = "pod" }, ProblemKind, "Deployment, StatefulSet or DaemonSet"},
		"a misspelt kind":  {func(s *rollout.Spec) { s.Workload.Kind = "dply" }, ProblemKind, "a dply"},
		"no such workload": {func(s *rollout.Spec) { s.Workload.Name = "wbe" }, ProblemNotFound, "deployment/wbe was not found in namespace shop"},
		"a strategy":       {func(s *rollout.Spec) { s.Strategy = "canari" }, ProblemStrategy, "did you mean canary?"},
		"a set, twice": {func(s *rollout.Spec) {
			s.Workload, s.Strategy = rollout.Ref{Kind: "sts", Name: "db"}, rollout.BlueGreen
		}, ProblemStrategyKind, "use canary"},
		"canary by service":   {func(s *rollout.Spec) { s.Via = rollout.ViaService }, ProblemViaCanary, "only 0 and 100 per cent"},
		"blue by ratio":       {func(s *rollout.Spec) { s.Strategy, s.Via = rollout.BlueGreen, rollout.ViaRatio }, ProblemViaBlueGreen, "--via service"},
		"a router":            {func(s *rollout.Spec) { s.Via = "istio" }, ProblemVia, "use one of ratio, service"},
		"101":                 {steps(5, 101), ProblemWeight, "101 per cent"},
		"0":                   {steps(0, 50), ProblemWeight, "0 per cent"},
		"below 0":             {steps(-5), ProblemWeight, "-5 per cent"},
		"no number":           {steps(rollout.Weight(math.NaN())), ProblemWeight, "NaN per cent"},
		"falling":             {steps(50, 25), ProblemRising, "step 25 does not rise above the step before it, 50"},
		"twice the same":      {steps(50, 50), ProblemRising, "step 50"},
		"half blue":           {func(s *rollout.Spec) { s.Strategy = rollout.BlueGreen; steps(50)(s) }, ProblemStepsBlueGreen, "no step of 50 per cent"},
		"two pauses":          {func(s *rollout.Spec) { s.Steps = DefaultSteps(rollout.Canary, rollout.Pause{Manual: true, For: 1}) }, ProblemPause, "choose one"},
		"no such Service":     {func(s *rollout.Spec) { s.Services = []string{"wb"} }, ProblemService, "did you mean db?"},
		"another's Service":   {func(s *rollout.Spec) { s.Services = []string{"db"} }, ProblemServiceOther, "service db (app=db) does not select the Pods of deployment/web (app=web,tier=front)"},
		"an alias":            {func(s *rollout.Spec) { s.Services = []string{"alias"} }, ProblemServiceOther, "alias"},
		"no Service":          {func(s *rollout.Spec) { s.Workload.Name, s.Strategy = "worker", rollout.BlueGreen }, ProblemNoService, "no Service in namespace shop selects the Pods of deployment/worker"},
		"a canary that keeps": {func(s *rollout.Spec) { s.Keep = rollout.Duration(time.Minute) }, ProblemKeep, "keep is for blue-green"},
		"groups of no nodes":  {func(s *rollout.Spec) { s.GroupBy = "zone" }, ProblemGroupBy, "leave it out for a Deployment"},
		"a canary preview":    {func(s *rollout.Spec) { s.Preview = "web-preview" }, ProblemPreview, "blue-green only"},
		"a live preview":      {func(s *rollout.Spec) { s.Strategy, s.Preview, s.Services = rollout.BlueGreen, "web", []string{"web"} }, ProblemPreviewLive, "service web"},
		"the only Service":    {func(s *rollout.Spec) { s.Workload.Name, s.Strategy, s.Preview = "lone", rollout.BlueGreen, "lone" }, ProblemPreviewLive, "service lone"},
		"no such preview":     {func(s *rollout.Spec) { s.Strategy, s.Preview = rollout.BlueGreen, "web-previw" }, ProblemService, "did you mean web-preview?"},
		"on failure":          {func(s *rollout.Spec) { s.OnFail = "stop" }, ProblemOnFail, "use one of rollback, hold"},
		"a gate":              {func(s *rollout.Spec) { s.Gates = []rollout.GateSpec{{Kind: "webhok"}} }, ProblemGate, "did you mean webhook?"},
		"fewer than none":     {func(s *rollout.Spec) { s.MaxRestarts = -1 }, ProblemNegative, "maxRestarts is below 0"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := web()
			c.change(&spec)
			_, err := Complete(cluster(t, shop), spec)
			var refused *Error
			if !errors.As(err, &refused) || refused.Problem != c.want || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v", err)
			}
			complete(t, refused)
		})
	}
}

// complete: the text exists in both languages and has all its arguments.
func complete(t *testing.T, err error) {
	t.Helper()
	for _, l := range lang.All() {
		said := Say(err, l)
		if strings.Contains(said, "render text") || strings.Contains(said, "<no value>") || !strings.Contains(said, " ") {
			t.Errorf("%s: %s", l, said)
		}
	}
}

func TestSayEdits(t *testing.T) {
	for _, p := range []rollout.EditProblem{
		rollout.EditEmpty, rollout.EditUnreadable, rollout.EditNoContainer, rollout.EditNoImage, rollout.EditNoVariable,
		rollout.EditOutside, rollout.EditOtherObject, rollout.EditCannotMerge, rollout.EditNoRevision, rollout.EditOtherRevision,
	} {
		complete(t, &rollout.EditError{Problem: p, What: "x y", Near: "x"})
	}
	complete(t, rollout.ErrNothingToDo)
	// The English of the catalogue is that of the error itself.
	for _, err := range []error{
		&rollout.EditError{Problem: rollout.EditNoContainer, What: "ap", Near: "app", Known: []string{"app", "proxy"}},
		&rollout.EditError{Problem: rollout.EditOutside, What: "spec.replicas"},
		&rollout.EditError{Problem: rollout.EditNoRevision, What: "9", Known: []string{"3"}},
		&rollout.EditError{Problem: rollout.EditCannotMerge, What: "the patch", Detail: "d"},
		rollout.ErrNothingToDo,
	} {
		if d := cmp.Diff(err.Error(), Say(err, lang.English)); d != "" {
			t.Error(d)
		}
	}
}

func TestCompleteUnread(t *testing.T) {
	s := snapshot.New(snapshot.FromCluster, time.Now())
	s.Record(snapshot.Reading{Need: snapshot.Need{Kind: "Deployment", Namespace: "shop", Name: "web"}, Why: "forbidden: get deployments.apps"})
	_, err := Complete(s, web())
	var refused *Error
	if !errors.As(err, &refused) || refused.Problem != ProblemUnread || !strings.Contains(err.Error(), "forbidden: get deployments.apps") {
		t.Error(err)
	}
}

// Needs comes to an end, and reads each thing once.
func TestNeeds(t *testing.T) {
	s := cluster(t, shop)
	fresh := snapshot.New(snapshot.FromCluster, s.TakenAt)
	seen := map[snapshot.Need]bool{}
	rounds := 0
	for ; rounds < 5; rounds++ {
		n := Needs(fresh, web())
		if n.Empty() {
			break
		}
		for _, need := range n.Objects {
			if seen[need] {
				t.Errorf("%s is read again", need)
			}
			seen[need] = true
			reading := snapshot.Reading{Need: need}
			if need == rule.UnfinishedPods() {
				reading.Why = "forbidden: list pods"
			}
			fresh.Record(reading)
			if o, a := s.Find(need.Kind, need.Namespace, need.Name); a.State == snapshot.Present {
				fresh.Add(o)
			}
		}
	}
	if rounds > 3 || len(seen) > 12 {
		t.Errorf("%d rounds, %d reads: %v", rounds, len(seen), seen)
	}
	if !seen[snapshot.Need{Kind: "Pod", Namespace: "shop"}] {
		t.Error("where the Pods of the cluster may not be read, those of the namespace are")
	}
}

// Whether nodes may be added is asked only where it matters.
func TestNeedsOfACrowdedCluster(t *testing.T) {
	pod := `
---
kind: Pod
metadata: {name: big, namespace: other}
spec: {nodeName: node-1, containers: [{name: app, resources: {requests: {cpu: CPU}}}]}
---
kind: Node
metadata: {name: node-1}
status: {allocatable: {cpu: "2", pods: "10"}}
`
	asks := strings.Replace(shop, `containers: [{name: app, image: "shop/web:v1"}]`, `containers: [{name: app, image: "shop/web:v1", resources: {requests: {cpu: 500m}}}]`, 1)
	for cpu, want := range map[string]bool{"100m": false, "1900m": true} {
		full := cluster(t, asks+strings.Replace(pod, "CPU", cpu, 1))
		s := snapshot.New(snapshot.FromCluster, full.TakenAt)
		for _, o := range full.Objects() {
			s.Add(o)
		}
		for _, n := range []snapshot.Need{{Kind: "Service", Namespace: "shop"}, {Kind: "Node"}, rule.UnfinishedPods()} {
			s.Record(snapshot.Reading{Need: n})
		}
		if got := slices.Contains(Needs(s, web()).Objects, autoscalerStatus()); got != want {
			t.Errorf("with %s in use: %v", cpu, got)
		}
	}
}
