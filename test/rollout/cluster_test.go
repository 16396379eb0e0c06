package rollout_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/cluster"
	sandbox "github.com/kubectl-msa/kubectl-msa/test/cluster"
)

// idle is a Deployment with no labels of its own, and a Service before it.
const idle = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: %d
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: app, image: "127.0.0.1:5000/ok/idle:1", env: [{name: ODD, value: "a && b < c > d 하나 é"}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
`

func clientOf(t *testing.T, config *rest.Config) *cluster.Client {
	t.Helper()
	c, err := cluster.New(config, cluster.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func refTo(kind, ns, name string) rollout.Ref {
	return rollout.Ref{Kind: kind, Namespace: ns, Name: name}
}

// liveObject is what a test looks at of an object.
type liveObject struct {
	Metadata metav1.ObjectMeta          `json:"metadata"`
	Spec     map[string]json.RawMessage `json:"spec"`
}

func liveOf(t *testing.T, c *cluster.Client, r rollout.Ref) liveObject {
	t.Helper()
	raw, err := c.Get(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	var o liveObject
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func change(path rollout.Pointer, from, to string) rollout.Change {
	c := rollout.Change{Path: path}
	if from != "" {
		c.From = json.RawMessage(from)
	}
	if to != "" {
		c.To = json.RawMessage(to)
	}
	return c
}

// sort of an error, as a driver tells them apart.
func sortOf(err error) string {
	var conflict *rollout.ConflictError
	var refused *rollout.RefusedError
	switch {
	case err == nil:
		return "done"
	case errors.As(err, &conflict):
		return "conflict"
	case errors.As(err, &refused):
		return "refused"
	}
	return "unknown"
}

// claimed marks an object, however slow the API server is: a claim that took too
// long to be sure of the lead is made again, as a driver does.
func claimed(t *testing.T, c *cluster.Client, m rollout.Managed, token string, before []string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := c.Claim(t.Context(), m, token, before)
		if err == nil {
			return
		}
		if sortOf(err) != "unknown" || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func isGone(err error) bool {
	var drift *rollout.DriftError
	return errors.As(err, &drift) && drift.Gone
}

func TestAWriteHoldsOnlyUnderItsPreconditions(t *testing.T) {
	t.Parallel()
	k := sandbox.Get(t)
	ns := k.Namespace(t)
	k.Apply(t, ns, fmt.Sprintf(idle, 0))
	c := clientOf(t, k.Config())
	web, svc := refTo("Deployment", ns, "web"), refTo("Service", ns, "web")
	for _, r := range []rollout.Ref{web, svc} {
		claimed(t, c, rollout.Managed{Ref: r, UID: string(liveOf(t, c, r).Metadata.UID)}, "token", nil)
	}
	const min, replicas = rollout.MinReadyField, rollout.Pointer("/spec/replicas")
	tests := []struct {
		name  string
		ref   rollout.Ref
		token string
		wrong func(*rollout.Write)
		make  func(liveObject) []rollout.Change
		want  string
		words string
	}{
		{name: "as it is, an absent field set", ref: web, make: changes(change(min, "", "5")), want: "done"},
		{name: "the field is there meanwhile", ref: web, make: changes(change(min, "", "6")), want: "conflict"},
		{name: "the field has another value", ref: web, make: changes(change(min, "4", "6")), want: "conflict"},
		{name: "one of two fields has another value", ref: web, make: changes(change(replicas, "0", "1"), change(min, "4", "6")), want: "conflict"},
		{name: "taken away", ref: web, make: changes(change(min, "5", "")), want: "done"},
		{name: "taken away by someone else already", ref: web, make: changes(change(min, "5", "")), want: "conflict"},
		{name: "the token of a driver before", ref: web, token: "older", make: changes(change(min, "", "5")), want: "conflict"},
		{name: "another object of the name", ref: web, wrong: func(w *rollout.Write) { w.UID = "other" }, make: changes(change(min, "", "5")), want: "conflict"},
		{name: "changed since the look", ref: web, wrong: func(w *rollout.Write) { w.Generation-- }, make: changes(change(min, "", "5")), want: "conflict"},
		{name: "no such object", ref: refTo("Deployment", ns, "absent"), make: changes(change(min, "", "5")), want: "conflict", words: "does not exist"},
		{name: "a value that is not valid", ref: web, make: changes(change(min, "", "-1")), want: "refused", words: "must be greater than or equal to 0"},
		{name: "a value of another type", ref: web, make: changes(change(min, "", `"soon"`)), want: "refused", words: "minReadySeconds"},
		{name: "a field that there is not", ref: web, make: changes(change("/spec/minRaedySeconds", "", "5")), want: "refused", words: "minRaedySeconds"},
		{name: "text that encoders write in two ways", ref: web, want: "done", make: func(o liveObject) []rollout.Change {
			odd := strings.NewReplacer(`\u0026`, "&", `\u003c`, "<", `\u003e`, ">").Replace(string(o.Spec["template"]))
			if odd == string(o.Spec["template"]) {
				t.Fatal("the server does not write it as supposed")
			}
			return []rollout.Change{{Path: rollout.TemplateField, From: json.RawMessage(odd), To: json.RawMessage(strings.Replace(odd, "idle:1", "idle:2", 1))}}
		}},
		{name: "a Service as it was seen", ref: svc, make: changes(change(rollout.SelectorField, `{"app":"web"}`, `{"app":"web","v":"1"}`)), want: "done"},
		{name: "a Service that changed since", ref: svc, wrong: func(w *rollout.Write) { w.Version = "1" },
			make: changes(change(rollout.SelectorField, `{"app":"web","v":"1"}`, `{"app":"web"}`)), want: "conflict"},
	}
	for _, tt := range tests {
		var o liveObject
		if tt.ref.Name == "web" {
			o = liveOf(t, c, tt.ref)
		} else {
			o.Metadata.UID = "any"
		}
		w := rollout.Write{Object: tt.ref, UID: string(o.Metadata.UID), Generation: o.Metadata.Generation, Changes: tt.make(o)}
		if tt.ref.Kind == "Service" {
			w.Version = o.Metadata.ResourceVersion
		}
		if tt.wrong != nil {
			tt.wrong(&w)
		}
		token := "token"
		if tt.token != "" {
			token = tt.token
		}
		err := c.Apply(t.Context(), w, token)
		if sortOf(err) != tt.want || err != nil && !strings.Contains(err.Error(), tt.words) {
			t.Errorf("%s: %s (%v), want %s with %q", tt.name, sortOf(err), err, tt.want, tt.words)
		}
		if tt.want == "done" || tt.ref.Name != "web" {
			continue
		}
		if after := liveOf(t, c, tt.ref); after.Metadata.Generation != o.Metadata.Generation {
			t.Errorf("%s: it was written all the same", tt.name)
		}
	}
}

func changes(c ...rollout.Change) func(liveObject) []rollout.Change {
	return func(liveObject) []rollout.Change { return c }
}

// What is not allowed is refused with the server's words, by RBAC and by a policy alike.
func TestARefusalCarriesTheServersWords(t *testing.T) {
	t.Parallel()
	k := sandbox.Get(t)
	ns := k.Namespace(t)
	k.Apply(t, ns, fmt.Sprintf(idle, 0))
	path := k.KubeconfigFor(t, "looker", []rbacv1.PolicyRule{{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"get"}}}, ns)
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	c := clientOf(t, config)
	web := refTo("Deployment", ns, "web")
	err = c.Claim(t.Context(), rollout.Managed{Ref: web, UID: string(liveOf(t, c, web).Metadata.UID)}, "token", nil)
	if sortOf(err) != "refused" || !strings.Contains(err.Error(), `cannot patch resource "deployments"`) {
		t.Errorf("a claim that is not allowed ends with %v", err)
	}
	if _, err := c.Get(t.Context(), refTo("Service", ns, "web")); sortOf(err) != "unknown" || !strings.Contains(err.Error(), "forbidden") {
		t.Errorf("a read that is not allowed ends with %v", err)
	}
	answers, err := c.Access(t.Context(), []authorizationv1.ResourceAttributes{
		{Namespace: ns, Verb: "get", Group: "apps", Resource: "deployments"},
		{Namespace: ns, Verb: "patch", Group: "apps", Resource: "deployments"},
	})
	if err != nil || !answers[0].Allowed || answers[1].Allowed || answers[1].Verb != "patch" {
		t.Errorf("asked what is allowed: %+v, %v", answers, err)
	}
	state := &rollout.State{Spec: rollout.Spec{Workload: web, Services: []string{"web"}}, Managed: []rollout.Managed{{Ref: web}}}
	if w, err := c.Observe(t.Context(), state); err == nil || w != nil {
		t.Errorf("half a world was seen: %+v", w)
	}
}

// An object that was marked and given back is as it was, to the byte.
func TestAMarkLeavesNoTrace(t *testing.T) {
	t.Parallel()
	k := sandbox.Get(t)
	ns := k.Namespace(t)
	k.Apply(t, ns, fmt.Sprintf(idle, 0))
	k.Apply(t, ns, strings.ReplaceAll(fmt.Sprintf(idle, 0), "metadata: {name: web}", "metadata: {name: labelled, labels: {team: blue, empty: ''}}"))
	c := clientOf(t, k.Config())
	for _, r := range []rollout.Ref{refTo("Deployment", ns, "web"), refTo("Deployment", ns, "labelled"), refTo("Service", ns, "web"), refTo("Service", ns, "labelled")} {
		k.WaitFor(t, r.String()+" to be settled", time.Minute, func(ctx context.Context) (bool, string, error) {
			raw, err := c.Get(ctx, r)
			return r.Kind == "Service" || strings.Contains(string(raw), `"observedGeneration":1`), string(raw), err
		})
		before := stored(t, c, r)
		o := liveOf(t, c, r)
		claimed(t, c, rollout.Managed{Ref: r, UID: string(o.Metadata.UID)}, "token", nil)
		if got := liveOf(t, c, r).Metadata; got.Labels[rollout.Mark] != "token" || got.Generation != o.Metadata.Generation {
			t.Errorf("%s: marked as %v, generation %d after %d", r, got.Labels, got.Generation, o.Metadata.Generation)
		}
		if stored(t, c, r) == before {
			t.Fatalf("%s: a mark does not show in what is compared", r)
		}
		err := c.Apply(t.Context(), rollout.Write{Object: r, UID: string(o.Metadata.UID), Generation: o.Metadata.Generation,
			Changes: []rollout.Change{{Path: rollout.MarkField, From: json.RawMessage(`"token"`)}}}, "token")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, stored(t, c, r)); diff != "" {
			t.Errorf("%s is not as it was (-before +after):\n%s", r, diff)
		}
	}
}

// stored is the object as the server writes it, without what the server counts and notes by itself.
func stored(t *testing.T, c *cluster.Client, r rollout.Ref) string {
	t.Helper()
	raw, err := c.Get(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	var o, m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(o["metadata"], &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "resourceVersion")
	delete(m, "managedFields")
	if o["metadata"], err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	out, err := json.MarshalIndent(o, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestAClaimTakesOverOnlyWhatIsKnown(t *testing.T) {
	t.Parallel()
	k := sandbox.Get(t)
	ns := k.Namespace(t)
	k.Apply(t, ns, fmt.Sprintf(idle, 0))
	c := clientOf(t, k.Config())
	web := refTo("Deployment", ns, "web")
	m := rollout.Managed{Ref: web, UID: string(liveOf(t, c, web).Metadata.UID)}
	steps := []struct {
		token  string
		before []string
		want   string
		mark   string
	}{
		{"one", nil, "done", "one"},
		{"one", nil, "done", "one"}, // again
		{"two", nil, "conflict", "one"},
		{"two", []string{"zero", "one"}, "done", "two"},
		{"one", []string{"zero"}, "conflict", "two"}, // the driver before, waking up
	}
	for i, s := range steps {
		err := c.Claim(t.Context(), m, s.token, s.before)
		if sortOf(err) != s.want || s.want == "conflict" && !strings.Contains(err.Error(), s.mark) {
			t.Errorf("claim %d: %v, want %s", i, err, s.want)
		}
		if got := liveOf(t, c, web).Metadata.Labels[rollout.Mark]; got != s.mark {
			t.Errorf("claim %d left the mark %q, want %q", i, got, s.mark)
		}
	}
	if err := c.Claim(t.Context(), rollout.Managed{Ref: web, UID: "other"}, "two", []string{"two"}); !isGone(err) {
		t.Errorf("another object of the name was claimed: %v", err)
	}
	if err := c.Claim(t.Context(), rollout.Managed{Ref: refTo("Deployment", ns, "absent"), UID: "other"}, "two", nil); !isGone(err) {
		t.Errorf("an object that is not there was claimed: %v", err)
	}
}

func TestWhoWroteLast(t *testing.T) {
	t.Parallel()
	k := sandbox.Get(t)
	ns := k.Namespace(t)
	k.Apply(t, ns, fmt.Sprintf(idle, 0))
	c := clientOf(t, k.Config())
	web, svc := refTo("Deployment", ns, "web"), refTo("Service", ns, "web")
	patch := func(manager, body string) {
		t.Helper()
		_, err := k.Typed().AppsV1().Deployments(ns).Patch(t.Context(), "web", types.StrategicMergePatchType, []byte(body), metav1.PatchOptions{FieldManager: manager})
		if err != nil {
			t.Fatal(err)
		}
	}
	patch("autoscaler", `{"spec":{"replicas":3}}`)
	patch("editor", `{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"127.0.0.1:5000/ok/idle:9"}]}}}}`)
	o := liveOf(t, c, web)
	claimed(t, c, rollout.Managed{Ref: web, UID: string(o.Metadata.UID)}, "token", nil)
	tests := []struct {
		ref  rollout.Ref
		path rollout.Pointer
		want string
	}{
		{web, "/spec/replicas", "autoscaler"},
		{web, rollout.TemplateField, "editor"},
		{web, "/spec/template/spec/containers/0/image", "editor"},
		{web, rollout.MarkField, cluster.Manager},
		{web, rollout.MinReadyField, ""},
		{svc, rollout.SelectorField, sandbox.UserAgent},
		{svc, "/spec/selector/app", sandbox.UserAgent},
	}
	for _, tt := range tests {
		manager, at, err := c.Who(t.Context(), tt.ref, tt.path)
		if err != nil || manager != tt.want || at.IsZero() != (tt.want == "") {
			t.Errorf("%s of %s was written by %q at %v (%v), want %q", tt.path, tt.ref, manager, at, err, tt.want)
		}
	}
}

func TestADryRunChangesNothing(t *testing.T) {
	t.Parallel()
	k := sandbox.Get(t)
	ns := k.Namespace(t)
	k.Apply(t, ns, fmt.Sprintf(idle, 0))
	c := clientOf(t, k.Config())
	web := refTo("Deployment", ns, "web")
	before, after, err := c.DryRun(t.Context(), web, []rollout.Change{
		change(rollout.MarkField, "", `"token"`), change(rollout.MinReadyField, "", "7"), change(rollout.StrategyField, "", `{"type":"Recreate"}`)})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"minReadySeconds":7`, `"strategy":{"type":"Recreate"}`, `"kubectl-msa.dev/rollout":"token"`} {
		if strings.Contains(string(before), want) || !strings.Contains(string(after), want) {
			t.Errorf("%s: before %s\nafter %s", want, before, after)
		}
	}
	if now := liveOf(t, c, web); now.Metadata.Generation != 1 || len(now.Metadata.Labels) > 0 {
		t.Errorf("a dry run left generation %d, labels %v", now.Metadata.Generation, now.Metadata.Labels)
	}
	if _, _, err := c.DryRun(t.Context(), web, []rollout.Change{change(rollout.MinReadyField, "", "-7")}); sortOf(err) != "refused" {
		t.Errorf("what the server would not have: %v", err)
	}
}
