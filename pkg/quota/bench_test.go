package quota

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule/ruletest"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/file"
)

// bigState is a namespace with 10,000 pods of 500 Deployments on 1,000 nodes.
func bigState(b *testing.B) *snapshot.Snapshot {
	b.Helper()
	var text strings.Builder
	text.WriteString("{kind: Namespace, metadata: {name: shop}}\n---\n")
	text.WriteString(`{kind: ResourceQuota, metadata: {name: compute}, spec: {hard: {requests.cpu: "2000", pods: "12000"}}, status: {hard: {requests.cpu: "2000", pods: "12000"}, used: {requests.cpu: "1000", pods: "10000"}}}`)
	for i := range 1000 {
		fmt.Fprintf(&text, "\n---\n{kind: Node, metadata: {name: node-%d, labels: {kubernetes.io/hostname: node-%d}}, status: {allocatable: {cpu: \"8\", memory: 32Gi, pods: \"110\"}}}", i, i)
	}
	const template = "{metadata: {labels: {app: web-%d}}, spec: {containers: [{name: app, image: web, resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 128Mi}}}]}}"
	for i := range 500 {
		fmt.Fprintf(&text, "\n---\n{kind: Deployment, metadata: {name: web-%d, uid: d-%d}, spec: {replicas: 20, selector: {matchLabels: {app: web-%d}}, template: "+template+"}, status: {replicas: 20}}", i, i, i, i)
		fmt.Fprintf(&text, "\n---\n{kind: ReplicaSet, metadata: {name: web-%d, uid: r-%d, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web-%d, uid: d-%d, controller: true}]}, spec: {replicas: 20, selector: {matchLabels: {app: web-%d}}, template: "+template+"}, status: {replicas: 20}}", i, i, i, i, i, i)
	}
	s, err := ruletest.Snapshot(snapshot.FromCluster, noon, ruletest.Split(b, []byte(text.String())))
	if err != nil {
		b.Fatal(err)
	}
	for i := range 10000 {
		p := podOf(b, "{name: app, image: web, resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 128Mi}}}")
		p.Name, p.Labels = fmt.Sprintf("web-%d-%d", i%500, i), map[string]string{"app": fmt.Sprintf("web-%d", i%500)}
		p.OwnerReferences = parse[corev1.Pod](b, fmt.Sprintf("{metadata: {ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-%d, uid: r-%d, controller: true}]}}", i%500, i%500)).OwnerReferences
		p.Spec.NodeName, p.Status.Phase = fmt.Sprintf("node-%d", i%1000), corev1.PodRunning
		s.Add(p)
	}
	for _, i := range snapshot.Kinds() {
		s.Record(snapshot.Reading{Need: snapshot.Need{Kind: i.Kind}})
	}
	return s
}

func BenchmarkAudit(b *testing.B) {
	s, c := bigState(b), ruletest.Catalogue(b)
	for b.Loop() {
		if _, err := AuditOf(s, Query{Namespace: "shop"}, SoftLimits{}, View{}, c, lang.English); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHeadroom(b *testing.B) {
	s, c := bigState(b), ruletest.Catalogue(b)
	for b.Loop() {
		if _, err := HeadroomOf(s, Query{Namespace: "shop"}, c, lang.English); err != nil {
			b.Fatal(err)
		}
	}
}

// The pods are spread over the nodes, so that each looks at all others.
func BenchmarkCheck(b *testing.B) {
	s, c := bigState(b), ruletest.Catalogue(b)
	sent, err := file.Load([]string{"-"}, strings.NewReader(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: new}, spec: {replicas: 50, selector: {matchLabels: {app: new}}, template: {metadata: {labels: {app: new}}, spec: {
  topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: new}}}],
  containers: [{name: app, image: web, resources: {requests: {cpu: 100m, memory: 128Mi}}}]}}}}`), file.Options{Namespace: "shop", Now: noon})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Check(CheckInput{State: s, Manifests: sent}, c, lang.English); err != nil {
			b.Fatal(err)
		}
	}
}
