package inspect

import (
	"strings"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule/ruletest"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Two pods take different keys of one Secret, which lacks one of them.
const sharedSecret = `
kind: Node
metadata: {name: node-1}
status: {conditions: [{type: Ready, status: "True"}]}
---
kind: Secret
metadata: {name: keys}
data: {there: eA==}
---
kind: ConfigMap
metadata: {name: settings}
data: {a: b}
---
kind: Pod
metadata: {name: well-1-a, uid: p, labels: {app: well}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: well-1, uid: r, controller: true}]}
spec:
  nodeName: node-1
  containers: [{name: app, env: [{name: A, valueFrom: {secretKeyRef: {name: keys, key: there}}}, {name: B, valueFrom: {configMapKeyRef: {name: settings, key: a}}}]}]
status: {phase: Running, conditions: [{type: Ready, status: "True"}], containerStatuses: [{name: app, ready: true, state: {running: {}}}]}
---
kind: Pod
metadata: {name: ill-1-a, uid: q, labels: {app: ill}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: ill-1, uid: s, controller: true}]}
spec:
  nodeName: node-1
  containers: [{name: app, env: [{name: A, valueFrom: {secretKeyRef: {name: keys, key: gone}}}]}]
status: {phase: Pending, containerStatuses: [{name: app, state: {waiting: {reason: CreateContainerConfigError, message: "couldn't find key gone in Secret shop/keys"}}}]}
`

// Under a Node stands what troubles its pods, and nothing else that they refer to.
func TestTreeOfANodeAndWhatItsPodsMiss(t *testing.T) {
	var objects []snapshot.Object
	for _, d := range ruletest.Split(t, []byte(sharedSecret)) {
		objects = append(objects, ruletest.Object(t, d))
	}
	q := Query{Namespace: "shop", Targets: []finding.Ref{{Kind: "Node", Name: "node-1"}}}
	s, _ := play(t, objects, func(s *snapshot.Snapshot) snapshot.Needs { return TreePlan(s, q) })
	r, err := Tree(s, q, TreeOptions{Options: Options{Lang: lang.English, Catalogue: ruletest.Catalogue(t)}})
	if err != nil {
		t.Fatal(err)
	}
	want := `
node/node-1 unwell
 controls pod/ill-1-a unwell
  refers-to secret/keys unwell
 controls pod/well-1-a
`
	if got := outline(r.Tree, 0); got != strings.TrimLeft(want, "\n") {
		t.Errorf("got:\n%s", got)
	}
}
