package inspect

import (
	"strings"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule/ruletest"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const entrance = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: envoy}
spec: {controllerName: example.com/gateway}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec: {gatewayClassName: envoy, listeners: [{name: http, port: 80, protocol: HTTP}, {name: https, port: 443, protocol: HTTPS}]}
status: {conditions: [{type: Accepted, status: "True", reason: Accepted}, {type: Programmed, status: "True", reason: Programmed}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec: {parentRefs: [{name: edge, sectionName: https}], rules: [{backendRefs: [{name: web, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: broken}
spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [{name: gone, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: elsewhere}
spec: {parentRefs: [{name: other}], rules: [{backendRefs: [{name: web, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: orders, namespace: orders}
spec: {parentRefs: [{name: edge, namespace: shop}], rules: [{backendRefs: [{name: orders, port: 80}]}]}
---
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
kind: Service
metadata: {name: orders, namespace: orders}
spec: {selector: {app: orders}, ports: [{port: 80}]}
---
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.1], conditions: {ready: true}}]
---
kind: Deployment
metadata: {name: web, uid: d}
spec: {replicas: 1, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app}]}}}
status: {replicas: 1, readyReplicas: 1, updatedReplicas: 1, availableReplicas: 1}
---
kind: Node
metadata: {name: node-1}
status: {conditions: [{type: Ready, status: "True"}]}
---
kind: Pod
metadata: {name: web-1-a, uid: p, labels: {app: web}}
spec: {nodeName: node-1, containers: [{name: app}]}
status: {phase: Running, conditions: [{type: Ready, status: "True"}], containerStatuses: [{name: app, ready: true, state: {running: {}}}]}
---
kind: Pod
metadata: {name: web-1-b, namespace: orders, uid: q, labels: {app: orders}}
spec: {nodeName: node-1, containers: [{name: app}]}
status: {phase: Running, conditions: [{type: Ready, status: "True"}], containerStatuses: [{name: app, ready: true, state: {running: {}}}]}
`

// outline writes a tree as one line for each node, "relation kind/name", indented.
func outline(nodes []TreeNode, depth int) string {
	var b strings.Builder
	for _, n := range nodes {
		b.WriteString(strings.Repeat(" ", depth) + strings.TrimSpace(string(n.Relation)+" "+n.Object.String()))
		if n.Health != Healthy {
			b.WriteString(" " + string(n.Health))
		}
		b.WriteString("\n" + outline(n.Children, depth+1))
	}
	return b.String()
}

func entranceObjects(t *testing.T) []snapshot.Object {
	t.Helper()
	var objects []snapshot.Object
	for _, d := range ruletest.Split(t, []byte(entrance)) {
		objects = append(objects, ruletest.Object(t, d))
	}
	return objects
}

func treeOf(t *testing.T, target finding.Ref, why bool) TreeReport {
	t.Helper()
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	objects := entranceObjects(t)
	q := Query{Namespace: "shop", Targets: []finding.Ref{target}}
	s, _ := play(t, objects, func(s *snapshot.Snapshot) snapshot.Needs { return TreePlan(s, q) })
	r, err := Tree(s, q, TreeOptions{Options: Options{Lang: lang.English, Catalogue: catalogue}, Why: why})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A tree leads from an entrance to what lies behind it, and from a node to its pods.
func TestTreeOfWhatLeadsElsewhere(t *testing.T) {
	gateway := finding.Ref{Kind: "Gateway", Namespace: "shop", Name: "edge"}
	for name, c := range map[string]struct {
		target finding.Ref
		why    bool
		want   string
	}{
		"gateway": {target: gateway, want: `
gateway/edge unwell
 controls httproute/broken unwell
  refers-to service/gone unwell
 controls httproute/web unknown
  controls service/web
   selects deployment/web
   selects pod/web-1-a
   routed-by httproute/elsewhere unknown
 controls grpcroute/orders unknown
  controls service/orders unknown
   selects pod/web-1-b
 refers-to gatewayclass/envoy unknown
`},
		"gateway, why": {target: gateway, why: true, want: `
gateway/edge unwell
 controls httproute/broken unwell
  refers-to service/gone unwell
`},
		"route": {target: finding.Ref{Kind: "HTTPRoute", Namespace: "shop", Name: "broken"}, want: `
httproute/broken unwell
 refers-to gateway/edge
 refers-to service/gone unwell
`},
		"node": {target: finding.Ref{Kind: "Node", Name: "node-1"}, want: `
node/node-1
 controls pod/web-1-b
 controls pod/web-1-a
`},
	} {
		t.Run(name, func(t *testing.T) {
			r := treeOf(t, c.target, c.why)
			if got := outline(r.Tree, 0); got != strings.TrimLeft(c.want, "\n") {
				t.Errorf("got:\n%s", got)
			}
			if len(r.NotChecked) > 0 {
				t.Errorf("not checked: %v", r.NotChecked)
			}
		})
	}
	for _, route := range treeOf(t, gateway, false).Tree[0].Children {
		if named := strings.Contains(route.Status, "listener https"); named != (route.Object.Name == "web") {
			t.Errorf("%s: %q", route.Object, route.Status)
		}
	}
}
