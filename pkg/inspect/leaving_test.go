package inspect

import (
	"strings"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule/ruletest"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const leavingPod = `
kind: Pod
metadata: {name: held, namespace: shop, deletionTimestamp: "2026-01-02T11:00:00Z", finalizers: [example.com/hold]}
spec: {nodeName: node-1, containers: [{name: app}]}
status: {phase: Succeeded}
`

const leavingNamespace = `
kind: Namespace
metadata: {name: shop, deletionTimestamp: "2026-01-02T11:00:00Z"}
status:
  phase: Terminating
  conditions: [{type: NamespaceFinalizersRemaining, status: "True", message: "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"}]
`

const stayingNamespace = `
kind: Namespace
metadata: {name: shop}
status: {phase: Active}
`

// Where something is being deleted, the overview looks whether the namespace is, and says so first.
func TestOverviewOfANamespaceThatIsLeaving(t *testing.T) {
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		namespace string
		objects   string
		rules     string
	}{
		"leaving": {leavingNamespace, "namespace/shop pod/held", "namespace/stuck-terminating pod/stuck-terminating"},
		"staying": {stayingNamespace, "pod/held", "pod/stuck-terminating"},
	} {
		t.Run(name, func(t *testing.T) {
			objects := []snapshot.Object{ruletest.Object(t, []byte(leavingPod)), ruletest.Object(t, []byte(c.namespace))}
			q := Query{Namespace: "shop"}
			s, _ := play(t, objects, func(s *snapshot.Snapshot) snapshot.Needs { return Plan(s, q) })
			r, err := Inspect(s, q, Options{Lang: lang.English, Catalogue: catalogue})
			if err != nil {
				t.Fatal(err)
			}
			var shown, rules []string
			for _, o := range r.Objects {
				shown = append(shown, o.Object.String())
				if o.Object.Kind == "Pod" && !strings.Contains(o.Status, "waits for finalizer example.com/hold") {
					t.Errorf("the pod's state does not say what holds it: %q", o.Status)
				}
			}
			for _, f := range r.Findings {
				rules = append(rules, f.Rule)
			}
			if got := strings.Join(shown, " "); got != c.objects {
				t.Errorf("objects %q, want %q", got, c.objects)
			}
			if got := strings.Join(rules, " "); got != c.rules {
				t.Errorf("findings %q, want %q", got, c.rules)
			}
		})
	}
}

// What manifests hold was seen by nobody, neither the target nor what is related to it.
func TestRelatedObjectsOfManifestsAreNotObserved(t *testing.T) {
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	s := snapshot.New(snapshot.FromManifests, time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC))
	for _, d := range []string{
		"kind: Service\nmetadata: {name: web, namespace: shop}\nspec: {selector: {app: web}, ports: [{port: 80}]}",
		"kind: Pod\nmetadata: {name: web, namespace: shop, labels: {app: web}}\nspec: {containers: [{name: app}]}",
	} {
		s.Add(ruletest.Object(t, []byte(d)))
	}
	r, err := Inspect(s, Query{Namespace: "shop", Targets: []finding.Ref{{Kind: "Service", Namespace: "shop", Name: "web"}}}, Options{Lang: lang.English, Catalogue: catalogue})
	if err != nil {
		t.Fatal(err)
	}
	related := r.Objects[0].Related
	if len(related) != 1 || related[0].Health != Unknown || related[0].Note != "as written; nothing observed" {
		t.Errorf("related: %+v", related)
	}
}
