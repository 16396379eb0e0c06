package quota

import (
	"context"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-msa/kubectl-msa/internal/cli"
	"github.com/kubectl-msa/kubectl-msa/internal/term"
	"github.com/kubectl-msa/kubectl-msa/test/cluster"
)

// until waits for the API server to know what a user may do.
func (w *world) until(kubeconfig, verb, resource string) {
	w.t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		w.t.Fatal(err)
	}
	user, err := kubernetes.NewForConfig(config)
	if err != nil {
		w.t.Fatal(err)
	}
	ask := &authorizationv1.SelfSubjectAccessReview{}
	ask.Spec.ResourceAttributes = &authorizationv1.ResourceAttributes{Namespace: w.ns, Verb: verb, Resource: resource}
	w.c.WaitFor(w.t, "the right to "+verb+" "+resource, 60*time.Second, func(ctx context.Context) (bool, string, error) {
		answer, err := user.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, ask, metav1.CreateOptions{})
		return err == nil && answer.Status.Allowed, "", err
	})
}

// TestQuotaOfARestrictedUser: who may only look into a namespace is told what
// can be told of it, and what was not seen. The API server refuses by quota, by
// LimitRange and by validation, and each is told with its exit code.
func TestQuotaOfARestrictedUser(t *testing.T) {
	c := cluster.GetFakeNodes(t, 2)
	w := &world{t: t, c: c, typed: quiet(t, c), ns: c.Namespace(t)}
	c.Apply(t, w.ns, `
{apiVersion: v1, kind: ResourceQuota, metadata: {name: compute}, spec: {hard: {requests.cpu: "1"}}}
---
{apiVersion: v1, kind: LimitRange, metadata: {name: bounds}, spec: {limits: [{type: Container, min: {cpu: 10m}}]}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 1, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app, image: x, resources: {requests: {cpu: 500m}}}]}}}}
`)
	w.load()
	everything := rbacv1.PolicyRule{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"get", "list"}}
	create := rbacv1.PolicyRule{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"create", "patch"}}
	reads := c.KubeconfigFor(t, "reads", []rbacv1.PolicyRule{everything}, w.ns)
	writes := c.KubeconfigFor(t, "writes", []rbacv1.PolicyRule{everything, create}, w.ns)
	podsOnly := c.KubeconfigFor(t, "pods-only", []rbacv1.PolicyRule{{APIGroups: []string{"", "apps"}, Resources: []string{"pods", "deployments", "replicasets"}, Verbs: []string{"get", "list"}}}, w.ns)
	w.until(reads, "list", "limitranges")
	w.until(writes, "create", "pods")
	w.until(podsOnly, "list", "pods")
	manifest := func(resources string) string {
		return `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"new"},"spec":{"replicas":2,"selector":{"matchLabels":{"app":"n"}},"template":{"metadata":{"labels":{"app":"n"}},"spec":{"containers":[{"name":"app","image":"x","resources":` + resources + `}]}}}}`
	}
	small, large := manifest(`{"requests":{"cpu":"100m"}}`), manifest(`{"requests":{"cpu":"300m"}}`)
	for name, s := range map[string]struct {
		config, in, args string
		code             int
		says             []string
	}{
		"audit":                   {reads, "", "audit", 0, []string{"deployment/web", "compute", "list nodes"}},
		"audit, strict":           {reads, "", "audit --strict", 4, []string{"deployment/web", "list nodes"}},
		"audit, no quotas":        {podsOnly, "", "audit", 0, []string{"deployment/web", "list resourcequotas", "list limitranges"}},
		"audit, everywhere":       {reads, "", "audit -A", 0, []string{"list pods in all namespaces"}},
		"headroom":                {reads, "", "headroom", 0, []string{"at most 1 more replica of deployment/web", "list nodes"}},
		"fit":                     {reads, "", "fit deployment/web", 0, []string{"is not known", "list nodes"}},
		"usage":                   {reads, "", "usage", 0, []string{"deployment/web", "list services in all namespaces"}},
		"fits":                    {reads, small, "check -f -", 0, []string{"deployment/new", "list nodes"}},
		"no dry runs":             {reads, small, "check -f - --strict", 4, []string{"create deployments.apps"}},
		"refused by quota":        {reads, large, "check -f -", 3, []string{"quota/exceeded", "resourcequota/compute"}},
		"refused by quota, asked": {writes, large, "check -f -", 3, []string{"quota/exceeded", "resourcequota/compute"}},
		"refused by LimitRange":   {writes, manifest(`{"requests":{"cpu":"5m"}}`), "check -f -", 3, []string{"quota/limitrange-violation", "minimum cpu usage per Container is 10m"}},
		"refused by validation":   {writes, manifest(`{"requests":{"cpu":"300m"},"limits":{"cpu":"200m"}}`), "check -f -", 3, []string{"quota/limit-below-request"}},
	} {
		t.Run(name, func(t *testing.T) {
			streams, out, errs := term.Test(s.in)
			env := cli.Env{Streams: streams, Getenv: func(string) string { return "" }, Now: time.Now}
			code := cli.Run(t.Context(), env, append([]string{"kubectl-msa", "quota"}, append(strings.Fields(s.args), "-n", w.ns, "--kubeconfig", s.config)...))
			text := strings.Join(strings.Fields(out.String()+errs.String()), " ")
			if code != s.code {
				t.Errorf("exit code %d, want %d", code, s.code)
			}
			for _, part := range s.says {
				if !strings.Contains(text, part) {
					t.Errorf("it does not say %q", part)
				}
			}
			if t.Failed() {
				t.Logf("%s%s", out, errs)
			}
		})
	}
}
