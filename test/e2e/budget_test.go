package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-msa/kubectl-msa/test/workshop"
)

// manyKinds is one of each, as far as they are asked about below.
const manyKinds = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: app, image: "shop/tools:v1", args: [sleep, forever]}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: app, image: "shop/tools:v1", args: [sleep, forever]}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  backoffLimit: 0
  template:
    spec: {restartPolicy: Never, containers: [{name: app, image: "shop/tools:v1", args: [exit, "3"]}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 3 * * *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: app, image: "shop/tools:v1", args: [exit, "0"]}]}}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop}
spec:
  ingressClassName: none
  rules: [{host: shop.example.com, http: {paths: [
    {path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}},
    {path: /db, pathType: Prefix, backend: {service: {name: db, port: {number: 80}}}}]}}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, maxReplicas: 3, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], storageClassName: none, resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: "1"}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {}, policyTypes: [Ingress]}
`

// What each kind costs, as the API server counted it: some are well here and
// some are not, so that what a diagnosis asks for beside is in it.
func TestRequestBudgets(t *testing.T) {
	t.Parallel()
	c := workshop.Open(t)
	ns := c.Namespace(t)
	c.Apply(t, ns, fmt.Sprintf(workload, 2, missingKey)+"---"+manyKinds)
	c.Kubectl(t, "-n", ns, "rollout", "status", "statefulset/db", "--timeout=3m")
	// Its own user tells its requests from those of other tests.
	user := "budget-" + ns
	kubeconfig := c.KubeconfigFor(t, user, []rbacv1.PolicyRule{
		{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"get", "list", "watch"}},
		{NonResourceURLs: []string{"*"}, Verbs: []string{"get"}},
	})
	node := strings.TrimSpace(strings.SplitN(c.Kubectl(t, "get", "nodes", "-o", "name"), "\n", 2)[0])
	type look struct {
		args     []string
		budget   int
		began    time.Time
		reported int
	}
	var looks []look
	for target, budget := range map[string]int{
		"pod/db-0": 8, "deployment/web": 10, "statefulset/db": 10, "daemonset/agent": 10, "job/once": 10, "cronjob/nightly": 10, "service/web": 10, "ingress/shop": 12, // what lies behind two Services is in it
		"hpa/web": 10, "pdb/web": 10, "pvc/data": 10, "configmap/settings": 10, "networkpolicy/deny": 10, node: 10, "namespace/" + ns: 10,
		"": 20, "cluster": 20, "networkpolicy --from deployment/web --to service/web": 10,
	} {
		looks = append(looks, look{args: strings.Fields(target), budget: budget})
	}
	for i := range looks {
		looks[i].began = time.Now()
		args := append([]string{"inspect", "-n", ns, "-o", "json"}, looks[i].args...)
		got := workshop.Run(t, kubeconfig, args...)
		var r struct{ Requests int }
		if err := json.Unmarshal([]byte(got.Stdout), &r); err != nil || got.Code != 0 {
			t.Fatalf("%v: exit code %d, %v: %s", args, got.Code, err, got.Stderr)
		}
		looks[i].reported = r.Requests
	}
	all := c.Audit(t, "kubectl-msa/", looks[0].began)
	for i, l := range looks {
		var seen []string
		for _, r := range all {
			after := i+1 < len(looks) && !r.Received.Before(looks[i+1].began)
			if r.User == user && !r.Received.Before(l.began) && !after {
				seen = append(seen, r.URI)
			}
		}
		if len(seen) == 0 || len(seen) > l.budget {
			t.Errorf("inspect %v: %d requests, want at most %d:\n%s", l.args, len(seen), l.budget, strings.Join(seen, "\n"))
		}
		if len(seen) != l.reported {
			t.Errorf("inspect %v: the report says %d requests, the API server saw %d", l.args, l.reported, len(seen))
		}
	}
}
