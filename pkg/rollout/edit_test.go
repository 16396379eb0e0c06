package rollout

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// liveWeb is a Deployment as the API server stores it, with fields of a server newer than this program.
const liveWeb = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: |
      {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop","labels":{"team":"a"}},"spec":{"replicas":3,"template":{"metadata":{"labels":{"app":"web"},"annotations":{"gone":"soon"}},"spec":{"containers":[{"name":"app","image":"shop/web:v1","env":[{"name":"OLD","value":"1"},{"name":"MODE","value":"a"}]}]}}}}
  labels: {team: a}
spec:
  replicas: 3
  futureOfSpec: {x: 1}
  selector: {matchLabels: {app: web}}
  template:
    futureOfTemplate: kept
    metadata: {labels: {app: web}, annotations: {gone: soon, byHand: kept}}
    spec:
      futureOfPod: [1, 2]
      terminationGracePeriodSeconds: 30
      initContainers:
      - {name: setup, image: "shop/setup:v1"}
      containers:
      - name: app
        image: shop/web:v1
        futureOfContainer: {big: 9007199254740993}
        resources: {requests: {cpu: 500m}}
        env:
        - {name: OLD, value: "1"}
        - {name: TOKEN, valueFrom: {secretKeyRef: {name: db, key: token}}}
        - {name: MODE, value: a}
      - {name: proxy, image: "shop/proxy:v1"}
`

func asJSON(t *testing.T, text string) json.RawMessage {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// liveTemplate is liveWeb's template after replacements in its text.
func liveTemplate(t *testing.T, replace ...string) json.RawMessage {
	t.Helper()
	_, text, _ := strings.Cut(liveWeb, "\n  template:\n")
	changed := strings.NewReplacer(replace...).Replace(text)
	if len(replace) > 0 && changed == text {
		t.Fatalf("%q changes nothing", replace)
	}
	return asJSON(t, changed)
}

func TestTemplate(t *testing.T) {
	const (
		variables = `        env:
        - {name: OLD, value: "1"}
        - {name: TOKEN, valueFrom: {secretKeyRef: {name: db, key: token}}}
        - {name: MODE, value: a}
`
		proxy = `{name: proxy, image: "shop/proxy:v1"}`
	)
	for name, c := range map[string]struct {
		edit Edit
		want json.RawMessage
	}{
		"the image of one container": {
			Edit{Images: map[string]string{"app": "shop/web:v2"}}, liveTemplate(t, "shop/web:v1", "shop/web:v2"),
		},
		"the image of an init container": {
			Edit{Images: map[string]string{"setup": "shop/setup:v2"}}, liveTemplate(t, "shop/setup:v1", "shop/setup:v2"),
		},
		"every image, and one by its name": {
			Edit{Images: map[string]string{"*": "all:v2", "proxy": "own:v3"}},
			liveTemplate(t, "shop/web:v1", "all:v2", "shop/setup:v1", "all:v2", "shop/proxy:v1", "own:v3"),
		},
		"a variable keeps its place": {
			Edit{Env: []EnvEdit{{Container: "app", Name: "OLD", Value: "2"}}}, liveTemplate(t, `{name: OLD, value: "1"}`, `{name: OLD, value: "2"}`),
		},
		"a value in the place of a reference": {
			Edit{Env: []EnvEdit{{Container: "app", Name: "TOKEN", Value: "x"}}},
			liveTemplate(t, `{name: TOKEN, valueFrom: {secretKeyRef: {name: db, key: token}}}`, `{name: TOKEN, value: x}`),
		},
		"a new variable in every container": {
			Edit{Env: []EnvEdit{{Name: "NEW", Value: "1"}}},
			liveTemplate(t, "        - {name: MODE, value: a}\n", "        - {name: MODE, value: a}\n        - {name: NEW, value: \"1\"}\n",
				proxy, `{name: proxy, image: "shop/proxy:v1", env: [{name: NEW, value: "1"}]}`,
				`{name: setup, image: "shop/setup:v1"}`, `{name: setup, image: "shop/setup:v1", env: [{name: NEW, value: "1"}]}`),
		},
		"all variables removed": {
			Edit{Env: []EnvEdit{{Name: "OLD", Remove: true}, {Name: "TOKEN", Remove: true}, {Name: "MODE", Remove: true}}}, liveTemplate(t, variables, ""),
		},
		"a patch merges lists by name": {
			Edit{Patch: asJSON(t, `{spec: {template: {spec: {terminationGracePeriodSeconds: 60, containers: [{name: proxy, image: "shop/proxy:v2"}]}}}}`)},
			liveTemplate(t, "terminationGracePeriodSeconds: 30", "terminationGracePeriodSeconds: 60", "shop/proxy:v1", "shop/proxy:v2"),
		},
		"a patch may say whose it is": {
			Edit{Patch: asJSON(t, `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {metadata: {annotations: {gone: null}}}}}`)},
			liveTemplate(t, "gone: soon, ", ""),
		},
		"a patch removes a container": {
			Edit{Patch: asJSON(t, `{spec: {template: {spec: {containers: [{name: proxy, $patch: delete}]}}}}`)}, liveTemplate(t, "      - "+proxy+"\n", ""),
		},
		"parts add up, the named image last": {
			Edit{
				Patch:  asJSON(t, `{spec: {template: {spec: {containers: [{name: app, image: "by:patch"}]}}}}`),
				Images: map[string]string{"app": "by:image"},
			}, liveTemplate(t, "shop/web:v1", "by:image"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, notes, err := c.edit.Template(asJSON(t, liveWeb), nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(notes) > 0 {
				t.Errorf("notes: %+v", notes)
			}
			if d := cmp.Diff(pretty(t, c.want), pretty(t, got)); d != "" {
				t.Error(d)
			}
		})
	}
}

func pretty(t *testing.T, raw []byte) string {
	t.Helper()
	out, err := yaml.JSONToYAML(raw)
	if err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return string(out)
}

// What the manifest dropped since it was applied last goes; what others wrote stays.
func TestTemplateFromManifest(t *testing.T) {
	const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, creationTimestamp: null, labels: {team: b}}
spec:
  replicas: 5
  selector: {matchLabels: {app: web}}
  template:
    metadata: {creationTimestamp: null, labels: {app: web}, annotations: {}}
    spec:
      containers:
      - {name: app, image: "shop/web:v2", env: [{name: MODE, value: b}]}
status: {}
`
	got, notes, err := Edit{Manifest: asJSON(t, manifest)}.Template(asJSON(t, liveWeb), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := liveTemplate(t, "shop/web:v1", "shop/web:v2", "gone: soon, ", "", "        - {name: OLD, value: \"1\"}\n", "",
		"        - {name: TOKEN, valueFrom: {secretKeyRef: {name: db, key: token}}}\n        - {name: MODE, value: a}\n",
		"        - {name: TOKEN, valueFrom: {secretKeyRef: {name: db, key: token}}}\n        - {name: MODE, value: b}\n")
	if d := cmp.Diff(pretty(t, want), pretty(t, got)); d != "" {
		t.Error(d)
	}
	wantNotes := []Note{
		{Path: "metadata.labels.team", Live: json.RawMessage(`"a"`), Asked: json.RawMessage(`"b"`)},
		{Path: "spec.replicas", Live: json.RawMessage(`3`), Asked: json.RawMessage(`5`)},
	}
	if d := cmp.Diff(wantNotes, notes); d != "" {
		t.Error(d)
	}
}

// Without a last-applied manifest nothing goes.
func TestTemplateFromFirstManifest(t *testing.T) {
	live := asJSON(t, strings.Replace(liveWeb, "last-applied-configuration", "something-else", 1))
	manifest := asJSON(t, `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {spec: {containers: [{name: app, image: "shop/web:v2"}]}}}}`)
	got, notes, err := Edit{Manifest: manifest}.Template(live, nil)
	if err != nil || len(notes) > 0 {
		t.Fatal(err, notes)
	}
	if d := cmp.Diff(pretty(t, liveTemplate(t, "shop/web:v1", "shop/web:v2")), pretty(t, got)); d != "" {
		t.Error(d)
	}
}

// What kubectl keeps of a manifest without annotations are empty ones; those that
// controllers have added since are not taken for ones that the manifest took away.
func TestManifestLeavesAnnotationsOfControllers(t *testing.T) {
	const plain = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"%s},"spec":{"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"app","image":"shop/web:%s"}]}}}}`
	applied, _ := json.Marshal(fmt.Sprintf(plain, `,"annotations":{}`, "v1"))
	live := fmt.Sprintf(plain, `,"annotations":{"deployment.kubernetes.io/revision":"11","kubectl.kubernetes.io/last-applied-configuration":`+string(applied)+`}`, "v1")
	_, notes, err := Edit{Manifest: json.RawMessage(fmt.Sprintf(plain, "", "v2"))}.Template([]byte(live), nil)
	if err != nil || len(notes) > 0 {
		t.Errorf("%v, %+v", err, notes)
	}
	applied, _ = json.Marshal(fmt.Sprintf(plain, `,"annotations":{"team":"a"}`, "v1"))
	live = fmt.Sprintf(plain, `,"annotations":{"team":"a","other":"x","kubectl.kubernetes.io/last-applied-configuration":`+string(applied)+`}`, "v1")
	_, notes, err = Edit{Manifest: json.RawMessage(fmt.Sprintf(plain, "", "v2"))}.Template([]byte(live), nil)
	if want := []Note{{Path: "metadata.annotations.team", Live: json.RawMessage(`"a"`)}}; err != nil || cmp.Diff(want, notes) != "" {
		t.Errorf("%v, %+v", err, notes)
	}
}

// A value of the wrong type is told by its field, and before anything is asked of a cluster.
func TestTemplateOfWrongTypes(t *testing.T) {
	e := Edit{Patch: asJSON(t, `{spec: {template: {spec: {terminationGracePeriodSeconds: soon}}}}`)}
	_, _, err := e.Template(asJSON(t, liveWeb), nil)
	var wrong *EditError
	if !errors.As(err, &wrong) || wrong.Detail != "spec.terminationGracePeriodSeconds cannot be a text: it takes a number" {
		t.Errorf("%v", err)
	}
}

func TestTemplateOfRevision(t *testing.T) {
	revisions := map[int64]json.RawMessage{
		3: asJSON(t, `{kind: ReplicaSet, spec: {template: {metadata: {labels: {app: web, pod-template-hash: 5d9}}, spec: {containers: [{name: app, image: "shop/web:v0"}]}}}}`),
		4: asJSON(t, `{kind: ControllerRevision, data: {spec: {template: {$patch: replace, metadata: {labels: {app: web}}, spec: {containers: [{name: app, image: "shop/web:v0"}]}}}}}`),
		5: asJSON(t, `{kind: ReplicaSet}`),
	}
	want := `{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"image":"shop/web:v0","name":"app"}]}}`
	for _, r := range []int64{3, 4} {
		got, _, err := Edit{Revision: r}.Template(asJSON(t, liveWeb), revisions)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, string(got)); d != "" {
			t.Errorf("revision %d: %s", r, d)
		}
	}
	for r, says := range map[int64]string{9: "there is no revision 9 (known: 3, 4, 5)", 5: "revision 5 holds no Pod template"} {
		if _, _, err := (Edit{Revision: r}).Template(asJSON(t, liveWeb), revisions); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("revision %d: %v", r, err)
		}
	}
}

func TestTemplateNothingToDo(t *testing.T) {
	for name, e := range map[string]Edit{
		"the image that runs":      {Images: map[string]string{"app": "shop/web:v1"}},
		"no such variable":         {Env: []EnvEdit{{Name: "NONE", Remove: true}}},
		"another way to write it":  {Patch: asJSON(t, `{spec: {template: {spec: {containers: [{name: app, resources: {requests: {cpu: "0.5"}}}]}}}}`)},
		"an empty patch":           {Patch: asJSON(t, `{}`)},
		"what is empty either way": {Patch: asJSON(t, `{spec: {template: {spec: {volumes: []}}}}`)},
	} {
		if out, _, err := e.Template(asJSON(t, liveWeb), nil); !errors.Is(err, ErrNothingToDo) {
			t.Errorf("%s: %v %s", name, err, out)
		}
	}
	// A field that this program does not know is a difference, too.
	e := Edit{Patch: asJSON(t, `{spec: {template: {futureOfTemplate: changed}}}`)}
	if _, _, err := e.Template(asJSON(t, liveWeb), nil); err != nil {
		t.Errorf("an unknown field changed: %v", err)
	}
	// An empty namespaceSelector means every namespace, none means this one.
	with := func(term string) json.RawMessage {
		return asJSON(t, `{spec: {template: {spec: {affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [`+term+`]}}}}}}`)
	}
	live, _, err := Edit{Patch: with(`{topologyKey: zone}`)}.Template(asJSON(t, liveWeb), nil)
	if err != nil {
		t.Fatal(err)
	}
	again := append(append([]byte(`{"kind":"Deployment","spec":{"template":`), live...), "}}"...)
	if _, _, err := (Edit{Patch: with(`{topologyKey: zone, namespaceSelector: {}}`)}).Template(again, nil); err != nil {
		t.Errorf("an empty selector was added: %v", err)
	}
}

func TestTemplateErrors(t *testing.T) {
	manifest := func(text string) Edit { return Edit{Manifest: asJSON(t, text)} }
	for name, c := range map[string]struct {
		edit Edit
		want EditProblem
		says string
	}{
		"nothing asked":       {Edit{}, EditEmpty, "give an image"},
		"a misspelt name":     {Edit{Images: map[string]string{"ap": "x"}}, EditNoContainer, `no container is called "ap" (known: app, proxy, setup): did you mean "app"?`},
		"a variable's":        {Edit{Env: []EnvEdit{{Container: "zzz", Name: "A"}}}, EditNoContainer, `no container is called "zzz" (known: app, proxy, setup)`},
		"no image":            {Edit{Images: map[string]string{"app": ""}}, EditNoImage, "app"},
		"no variable":         {Edit{Env: []EnvEdit{{Value: "1"}}}, EditNoVariable, "NAME=VALUE"},
		"replicas":            {Edit{Patch: asJSON(t, `{spec: {template: {}, replicas: 4}}`)}, EditOutside, "spec.replicas"},
		"a label":             {Edit{Patch: asJSON(t, `{metadata: {labels: {a: b}}}`)}, EditOutside, "metadata.labels"},
		"another's":           {Edit{Patch: asJSON(t, `{metadata: {name: other}, spec: {template: {}}}`)}, EditOutside, "metadata.name"},
		"the whole spec":      {Edit{Patch: asJSON(t, `{spec: null}`)}, EditOutside, "changes spec:"},
		"the template away":   {Edit{Patch: asJSON(t, `{spec: {template: null}}`)}, EditOutside, "spec.template"},
		"not JSON":            {Edit{Patch: json.RawMessage(`{`)}, EditUnreadable, "the patch cannot be read"},
		"a list":              {Edit{Patch: json.RawMessage(`[]`)}, EditUnreadable, "the patch cannot be read"},
		"not of that form":    {Edit{Patch: asJSON(t, `{spec: {template: {spec: {containers: [{image: x}]}}}}`)}, EditCannotMerge, "name"},
		"another kind":        {manifest(`{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: web}, spec: {template: {}}}`), EditOtherObject, "its kind is StatefulSet, the workload's is Deployment"},
		"another name":        {manifest(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: wbe}, spec: {template: {}}}`), EditOtherObject, "its name is wbe"},
		"another namespace":   {manifest(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: x}, spec: {template: {}}}`), EditOtherObject, "its namespace is x"},
		"an old version":      {manifest(`{apiVersion: apps/v1beta1, kind: Deployment, metadata: {name: web}, spec: {template: {}}}`), EditOtherObject, "apps/v1beta1"},
		"manifest without it": {manifest(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 1}}`), EditUnreadable, "no spec.template"},
	} {
		t.Run(name, func(t *testing.T) {
			out, _, err := c.edit.Template(asJSON(t, liveWeb), nil)
			var wrong *EditError
			if !errors.As(err, &wrong) || wrong.Problem != c.want || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	for _, live := range []string{``, `[]`, `{}`, `{"kind":"Job","spec":{"template":{"spec":{}}}}`} {
		if _, _, err := (Edit{Patch: json.RawMessage(`{}`)}).Template([]byte(live), nil); err == nil || errors.Is(err, ErrNothingToDo) {
			t.Errorf("live %s: %v", live, err)
		}
	}
}
