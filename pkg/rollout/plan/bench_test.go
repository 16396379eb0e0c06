package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// BenchmarkMake plans blue-green for 250 replicas on 100 nodes with 5,000 Pods.
func BenchmarkMake(b *testing.B) {
	var documents strings.Builder
	documents.WriteString(strings.Replace(shop, "replicas: 10", "replicas: 250", 1))
	for i := range 100 {
		fmt.Fprintf(&documents, "\n---\nkind: Node\nmetadata: {name: n%d}\nstatus: {allocatable: {cpu: \"64\", memory: 256Gi, pods: \"200\"}}", i)
	}
	for i := range 5000 {
		fmt.Fprintf(&documents, "\n---\nkind: Pod\nmetadata: {name: p%d, namespace: other, labels: {app: p}}\nspec: {nodeName: n%d, containers: [{name: app, resources: {requests: {cpu: 100m}}}]}", i, i%100)
	}
	documents.WriteString("\n---\nkind: ResourceQuota\nmetadata: {name: q}\nspec: {hard: {pods: \"1000\"}}\nstatus: {hard: {pods: \"1000\"}, used: {pods: \"250\"}}\n")
	s := cluster(b, documents.String())
	spec := web()
	spec.Strategy = rollout.BlueGreen
	spec, err := Complete(s, spec)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Make(s, Input{State: &rollout.State{Spec: spec}}, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
