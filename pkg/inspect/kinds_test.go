package inspect

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule/ruletest"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

var kindsNoon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// seenAll is a cluster of these objects, of which every list was read.
func seenAll(objects ...snapshot.Object) *snapshot.Snapshot {
	s := snapshot.New(snapshot.FromCluster, kindsNoon)
	s.Namespace = "shop"
	for _, o := range objects {
		s.Add(o)
	}
	for _, i := range snapshot.Kinds() {
		s.Record(snapshot.Reading{Need: snapshot.Need{Kind: i.Kind}})
	}
	return s
}

func explainOne(t testing.TB, s *snapshot.Snapshot, o snapshot.Object, l lang.Lang) Report {
	t.Helper()
	c, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	report, err := Inspect(s, Query{Namespace: "shop", Targets: []finding.Ref{rule.RefTo(o)}}, Options{Lang: l, Catalogue: c})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// Nothing of an object but its name may be needed to explain it, and every kind has its words in both languages.
func TestEveryKindIsExplained(t *testing.T) {
	for _, i := range snapshot.Kinds() {
		o := i.New()
		o.SetName("x")
		if i.Namespaced {
			o.SetNamespace("shop")
		}
		for _, l := range []lang.Lang{lang.English, lang.Korean} {
			object := explainOne(t, seenAll(o), o, l).Objects[0]
			all := object.Summary + object.Status
			for _, row := range object.Compare {
				all += row.What + row.Desired + row.Observed
			}
			if object.Summary == "" || strings.Contains(all, "render text:") || strings.Contains(all, "parse text:") || strings.Contains(all, "<no value>") {
				t.Errorf("%s in %s: %q", i.Kind, l, all)
			}
		}
	}
}

// decoded is an object as JSON has it.
func decoded(t *testing.T, kind snapshot.Kind, text string) snapshot.Object {
	t.Helper()
	info, ok := snapshot.Lookup(kind)
	if !ok {
		t.Fatalf("kind %s", kind)
	}
	if info.Custom {
		u, err := snapshot.NewCustom(info, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	o := info.New()
	if err := json.Unmarshal([]byte(text), o); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestKinds(t *testing.T) {
	web := decoded(t, "Deployment", `{"metadata":{"name":"web","namespace":"shop"},"spec":{"replicas":0,"template":{"spec":{"serviceAccountName":"web","containers":[{"name":"app","envFrom":[{"configMapRef":{"name":"settings"}}]}]}}}}`)
	svc := decoded(t, "Service", `{"metadata":{"name":"web","namespace":"shop"},"spec":{"ports":[{"name":"http","port":80}]}}`)
	cases := []struct {
		name   string
		kind   snapshot.Kind
		text   string
		health Health
		// rows are "what | desired | observed | ok", refs "relation object".
		rows, refs []string
	}{
		{"a ConfigMap knows who uses it", "ConfigMap", `{"metadata":{"name":"settings","namespace":"shop"},"data":{"LOG":"x"}}`, Healthy,
			[]string{"used by |  | 1 | -"}, []string{"used-by deployment/web"}},
		{"a ConfigMap that nobody uses", "ConfigMap", `{"metadata":{"name":"other","namespace":"shop"}}`, Healthy, []string{"used by |  | 0 | -"}, nil},
		{"each way through an Ingress", "Ingress", `{"metadata":{"name":"front","namespace":"shop"},"spec":{"ingressClassName":"nginx","rules":[{"host":"a.example","http":{"paths":[
			{"path":"/","backend":{"service":{"name":"web","port":{"name":"http"}}}},{"path":"/x","backend":{"service":{"name":"web","port":{"number":81}}}},{"path":"/pay","backend":{"service":{"name":"pay","port":{"number":80}}}}]}}]}}`, Unwell,
			[]string{"a.example/ | service/web:http | 0 of 0 endpoints ready | -", "a.example/x | service/web:81 | the Service has no such port | false", "a.example/pay | service/pay:80 | no such Service | false"},
			[]string{"refers-to service/web", "refers-to service/pay", "refers-to ingressclass/nginx"}},
		{"a claim that waits", "PersistentVolumeClaim", `{"metadata":{"name":"data","namespace":"shop"},"spec":{"storageClassName":"fast","resources":{"requests":{"storage":"1Gi"}}},"status":{"phase":"Pending"}}`, Unwell,
			[]string{"volume | bound | none yet | false", "used by |  | 0 | -"}, []string{"refers-to storageclass/fast"}},
		{"a Service to which nobody gave endpoints", "Service", `{"metadata":{"name":"alone","namespace":"shop"},"spec":{"ports":[{"port":80}]}}`, Unknown,
			[]string{"ready endpoints | at least 1 | 0 | -"}, nil},
		{"an autoscaler that has computed nothing", "HorizontalPodAutoscaler", `{"metadata":{"name":"h","namespace":"shop"},"spec":{"maxReplicas":3,"scaleTargetRef":{"kind":"Deployment","name":"web"}},"status":{"currentReplicas":1}}`, Progressing,
			[]string{"pods | no value yet | 1 | -"}, []string{"controls deployment/web"}},
		{"an autoscaler that wants none", "HorizontalPodAutoscaler", `{"metadata":{"name":"h","namespace":"shop"},"spec":{"minReplicas":0,"maxReplicas":3,"scaleTargetRef":{"kind":"Deployment","name":"web"}},"status":{"currentReplicas":1}}`, Progressing,
			[]string{"pods | 0 | 1 | false"}, []string{"controls deployment/web"}},
		{"an autoscaler whose metrics may yet come", "HorizontalPodAutoscaler", `{"metadata":{"name":"h","namespace":"shop","creationTimestamp":"2026-01-02T11:59:30Z"},"spec":{"maxReplicas":3,"scaleTargetRef":{"kind":"Deployment","name":"web"}},"status":{"currentReplicas":1,"conditions":[{"type":"ScalingActive","status":"False","reason":"FailedGetResourceMetric","message":"unable to get metrics for resource cpu: no metrics returned from resource metrics API"}]}}`, Progressing,
			[]string{"pods | no value yet | 1 | -"}, []string{"controls deployment/web"}},
		{"a pod that failed on its way out", "Pod", `{"metadata":{"name":"p","namespace":"shop","deletionTimestamp":"2026-01-02T11:59:59Z"},"spec":{"nodeName":"n","containers":[{"name":"app"}]},"status":{"phase":"Failed","containerStatuses":[{"name":"app","state":{"terminated":{"exitCode":143,"reason":"Error"}}}]}}`, Progressing,
			[]string{"node | any that fits | n | true", "container app | running, ready | ended with 143 (Error) | false"}, nil},
		{"a quota that is full", "ResourceQuota", `{"metadata":{"name":"q","namespace":"shop"},"status":{"hard":{"pods":"2","requests.cpu":"1"},"used":{"pods":"2","requests.cpu":"1500m"}}}`, Healthy,
			[]string{"pods | at most 2 | 2 | true", "requests.cpu | at most 1 | 1500m | false"}, nil},
		{"a binding to a role that is not there", "RoleBinding", `{"metadata":{"name":"b","namespace":"shop"},"roleRef":{"kind":"Role","name":"gone"},"subjects":[{"kind":"User","name":"kim"}]}`, Unwell,
			[]string{"subject 1 | User kim |  | -"}, []string{"refers-to role/gone"}},
		{"a Lease that lapsed", "Lease", `{"metadata":{"name":"l","namespace":"shop"},"spec":{"holderIdentity":"me","leaseDurationSeconds":15,"renewTime":"2026-01-02T11:58:00.000000Z"}}`, Unknown,
			[]string{"renewed | within 15 s | 2m ago | false"}, nil},
		{"a Lease that is held", "Lease", `{"metadata":{"name":"l","namespace":"shop"},"spec":{"holderIdentity":"me","leaseDurationSeconds":15,"renewTime":"2026-01-02T11:59:50.000000Z"}}`, Healthy,
			[]string{"renewed | within 15 s | 10s ago | true"}, nil},
		{"an APIService that does not answer", "APIService", `{"metadata":{"name":"v1.x"},"spec":{"group":"x","version":"v1","service":{"namespace":"shop","name":"web"}},"status":{"conditions":[{"type":"Available","status":"False","reason":"MissingEndpoints","message":"no addresses"}]}}`, Unwell,
			[]string{"Available | True | False (MissingEndpoints): no addresses | false"}, []string{"refers-to service/web"}},
		{"a route with shares", "HTTPRoute", `{"apiVersion":"gateway.networking.k8s.io/v1","kind":"HTTPRoute","metadata":{"name":"r","namespace":"shop"},"spec":{"parentRefs":[{"name":"gw"}],"rules":[{"backendRefs":[{"name":"web","port":80,"weight":90},{"name":"web2","port":80,"weight":10}]}]},
			"status":{"parents":[{"parentRef":{"name":"gw"},"conditions":[{"type":"Accepted","status":"True","reason":"Accepted"}]}]}}`, Unwell,
			[]string{"gw Accepted | True | True (Accepted) | true", "rule 1, weight 90 | service/web:80 | 0 of 0 endpoints ready | -", "rule 1, weight 10 | service/web2:80 | no such Service | false"},
			[]string{"refers-to gateway/gw", "refers-to service/web", "refers-to service/web2"}},
		{"Ready is False for a day", "Kustomization", `{"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization","metadata":{"name":"k","namespace":"shop","generation":2},"status":{"observedGeneration":2,"conditions":[{"type":"Ready","status":"False","reason":"BuildFailed","message":"no file","lastTransitionTime":"2026-01-01T12:00:00Z"}]}}`, Unwell,
			[]string{"spec generation seen by its controller | 2 | 2 | true", "Ready | True | False (BuildFailed): no file | false"}, nil},
		{"Ready is False since just now", "Kustomization", `{"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization","metadata":{"name":"k","namespace":"shop"},"status":{"conditions":[{"type":"Ready","status":"False","reason":"Progressing","lastTransitionTime":"2026-01-02T11:59:00Z"}]}}`, Progressing,
			[]string{"Ready | True | False (Progressing) | false"}, nil},
		{"the controller is behind", "Kustomization", `{"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization","metadata":{"name":"k","namespace":"shop","generation":3},"status":{"observedGeneration":2,"conditions":[{"type":"Ready","status":"True"}]}}`, Progressing,
			[]string{"spec generation seen by its controller | 3 | 2 | false", "Ready | True | True | true"}, nil},
		{"a condition that is about an older form", "HTTPRoute", `{"apiVersion":"gateway.networking.k8s.io/v1","kind":"HTTPRoute","metadata":{"name":"r","namespace":"shop","generation":2},"spec":{},
			"status":{"parents":[{"parentRef":{"name":"gw"},"conditions":[{"type":"Accepted","status":"False","reason":"NoMatchingParent","observedGeneration":1,"lastTransitionTime":"2026-01-01T12:00:00Z"}]}]}}`, Progressing,
			[]string{"gw Accepted | True | False (NoMatchingParent) | -"}, nil},
		{"conditions whose names do not tell what they should be", "Kustomization", `{"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization","metadata":{"name":"k","namespace":"shop"},"status":{"conditions":[{"type":"Ready","status":"True"},{"type":"Paused","status":"False"},{"type":"DiskPressure","status":"False"}]}}`, Healthy,
			[]string{"Ready | True | True | true", "Paused |  | False | -", "DiskPressure | False | False | true"}, nil},
		{"a condition whose name says that it is bad", "Kustomization", `{"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization","metadata":{"name":"k","namespace":"shop"},"status":{"conditions":[{"type":"ReconcileError","status":"True","reason":"Boom","message":"no way"}]}}`, Unwell,
			[]string{"ReconcileError | False | True (Boom): no way | false"}, nil},
		{"a phase in place of conditions", "Kustomization", `{"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization","metadata":{"name":"k","namespace":"shop"},"status":{"phase":"Failed","message":"no room","conditions":"none"}}`, Unwell,
			[]string{"status.phase |  | Failed: no room | -"}, nil},
		{"a rule that redirects, and one that leads nowhere", "HTTPRoute", `{"apiVersion":"gateway.networking.k8s.io/v1","kind":"HTTPRoute","metadata":{"name":"r","namespace":"shop"},"spec":{"rules":[{"filters":[{"type":"RequestRedirect","requestRedirect":{"scheme":"https","statusCode":301}}]},{}]}}`, Unknown,
			[]string{"rule 1 | redirects to https, 301 |  | -", "rule 2 | no backend, requests are answered with 500 |  | false"}, nil},
		{"a partition keeps pods on the older template", "StatefulSet", `{"metadata":{"name":"s","namespace":"shop"},"spec":{"replicas":3,"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"partition":2}}},"status":{"replicas":3,"readyReplicas":3,"updatedReplicas":1}}`, Healthy,
			[]string{"pods | 3 | 3 | true", "of the new template | 1 | 1 | true", "ready | 3 | 3 | true"}, nil},
		{"a new template waits for pods to be deleted", "StatefulSet", `{"metadata":{"name":"s","namespace":"shop"},"spec":{"replicas":2,"updateStrategy":{"type":"OnDelete"}},"status":{"replicas":2,"readyReplicas":2,"updatedReplicas":0}}`, Healthy,
			[]string{"pods | 2 | 2 | true", "of the new template |  | 0 | -", "ready | 2 | 2 | true"}, nil},
		{"pods that are not available yet", "Deployment", `{"metadata":{"name":"d","namespace":"shop"},"spec":{"replicas":1,"minReadySeconds":300},"status":{"replicas":1,"readyReplicas":1,"updatedReplicas":1}}`, Progressing,
			[]string{"pods | 1 | 1 | true", "of the new template | 1 | 1 | true", "ready | 1 | 1 | true", "available | 1 | 0 | false", "spec generation seen by its controller | 0 | 0 | true"}, nil},
		{"an object that says nothing is not called healthy", "TrafficSplit", `{"apiVersion":"split.smi-spec.io/v1alpha2","kind":"TrafficSplit","metadata":{"name":"t","namespace":"shop"}}`, Unknown, nil, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := decoded(t, c.kind, c.text)
			got := explainOne(t, seenAll(web, svc, o), o, lang.English).Objects[0]
			var rows, refs []string
			for _, r := range got.Compare {
				ok := "-"
				if r.OK != nil {
					ok = map[bool]string{true: "true", false: "false"}[*r.OK]
				}
				rows = append(rows, r.What+" | "+r.Desired+" | "+r.Observed+" | "+ok)
			}
			for _, l := range got.Related {
				refs = append(refs, string(l.Relation)+" "+l.Object.String())
			}
			if got.Health != c.health || !slices.Equal(rows, c.rows) || !slices.Equal(refs, c.refs) {
				t.Errorf("%s (%s)\nrows %q\nwant %q\nrefs %q\nwant %q", got.Health, got.Status, rows, c.rows, refs, c.refs)
			}
		})
	}
}

func TestWhoManagesAnObject(t *testing.T) {
	flux := func(kind, text string) snapshot.Object {
		return decoded(t, snapshot.Kind(kind), text)
	}
	cases := map[string]struct {
		labels, annotations map[string]string
		also                snapshot.Object
		by                  string
		putBack             PutBack
	}{
		"nobody": {},
		"Helm": {labels: map[string]string{"app.kubernetes.io/managed-by": "Helm"}, annotations: map[string]string{"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "shop"},
			by: "Helm", putBack: PutBackAtChange},
		"the label alone is not enough": {labels: map[string]string{"app.kubernetes.io/managed-by": "Helm"}},
		"Flux": {labels: map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"},
			also: flux("Kustomization", `{"metadata":{"name":"apps","namespace":"flux-system"},"spec":{"interval":"1m"}}`), by: "Flux", putBack: PutBackAtOnce},
		"Flux, suspended": {labels: map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"},
			also: flux("Kustomization", `{"metadata":{"name":"apps","namespace":"flux-system"},"spec":{"suspend":true}}`), by: "Flux", putBack: PutBackNever},
		"Argo CD that heals": {annotations: map[string]string{"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"},
			also: flux("Application", `{"metadata":{"name":"shop","namespace":"argocd"},"spec":{"syncPolicy":{"automated":{"selfHeal":true}}}}`), by: "Argo CD", putBack: PutBackAtOnce},
		"Argo CD that does not": {annotations: map[string]string{"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"},
			also: flux("Application", `{"metadata":{"name":"shop","namespace":"argocd"},"spec":{"syncPolicy":{"automated":{}}}}`), by: "Argo CD", putBack: PutBackAtChange},
		"Argo CD, unread": {labels: map[string]string{"argocd.argoproj.io/instance": "team_shop"}, by: "Argo CD", putBack: PutBackUnknown},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "c", Namespace: "shop", Labels: c.labels, Annotations: c.annotations}}
			s := seenAll(o)
			if c.also != nil {
				s.Add(c.also)
			}
			got := explainOne(t, s, o, lang.Korean).Objects[0].Managed
			switch {
			case (got == nil) != (c.by == ""):
				t.Errorf("%+v", got)
			case got != nil && (got.By != c.by || got.PutBack != c.putBack || got.Text == ""):
				t.Errorf("%+v", got)
			}
		})
	}
}

// Whatever an object holds, it is explained without a panic, and nothing is claimed of it without evidence.
func FuzzObject(f *testing.F) {
	for i, seed := range []string{
		`{"metadata":{"name":"x"},"spec":{"rules":[{"http":{"paths":[{"backend":{}}]}}]}}`,
		`{"metadata":{"name":"x","deletionTimestamp":"2026-01-01T00:00:00Z","finalizers":["a"]},"status":{"conditions":[{"type":"Ready","status":"False"}]}}`,
		`{"metadata":{"name":"x"},"spec":{"containers":[{}],"selector":{"matchExpressions":[{"operator":"In"}]}}}`,
		`{"metadata":{"name":"x"},"spec":null,"status":{"parents":[null,{"parentRef":3}],"listeners":"no"}}`,
	} {
		f.Add(uint8(i*7), seed)
	}
	c, err := finding.LoadCatalogue()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		info := snapshot.Kinds()[int(which)%len(snapshot.Kinds())]
		var o snapshot.Object
		if info.Custom {
			u, err := snapshot.NewCustom(info, []byte(text))
			if err != nil {
				return
			}
			o = u
		} else {
			o = info.New()
			if json.Unmarshal([]byte(text), o) != nil {
				return
			}
		}
		o.SetName("x")
		o.SetNamespace("")
		if info.Namespaced {
			o.SetNamespace("shop")
		}
		q := Query{Namespace: "shop", Targets: []finding.Ref{rule.RefTo(o)}}
		s := seenAll(o)
		Plan(s, q)
		report, err := Inspect(s, q, Options{Lang: lang.English, Catalogue: c})
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range report.Findings {
			if len(found.Evidence) == 0 || len(found.Fix) == 0 || found.Title == "" {
				t.Errorf("%s has no evidence or no next step: %+v", found.Rule, found)
			}
		}
	})
}

// A user is nothing that could be read, and is not said to be unread.
func TestSubjectsThatAreNoObjects(t *testing.T) {
	var objects []snapshot.Object
	for _, d := range ruletest.Split(t, []byte(`
kind: Role
metadata: {name: viewer}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
kind: RoleBinding
metadata: {name: viewers}
roleRef: {kind: Role, name: viewer}
subjects: [{kind: User, name: kim}]
`)) {
		objects = append(objects, ruletest.Object(t, d))
	}
	q := Query{Namespace: "shop", Targets: []finding.Ref{{Kind: "Role", Namespace: "shop", Name: "viewer"}}}
	s, _ := play(t, objects, func(s *snapshot.Snapshot) snapshot.Needs { return Plan(s, q) })
	r, err := Inspect(s, q, Options{Lang: lang.English, Catalogue: ruletest.Catalogue(t)})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range r.Objects[0].Related {
		if l.Object.Kind == "User" && l.Note == "known by name only" {
			return
		}
	}
	t.Errorf("%+v", r.Objects[0].Related)
}
