package gallery

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/test/cluster"
	"github.com/kubectl-msa/kubectl-msa/test/workshop"
)

// patience is how long a fault may take to show, back-offs included.
const patience = 3 * time.Minute

// pause lies between two looks at a case; all cases look at once.
const pause = 3 * time.Second

// Every fault is injected into the real cluster and must be named first, with
// its object and chain, in JSON and in the text's first line.
func TestFaults(t *testing.T) {
	cases, err := Load("faults")
	if err != nil {
		t.Fatal(err)
	}
	c := workshop.Open(t)
	results := tabled(t, "FAULT", "ASKED ABOUT", "NAMED FIRST", "OBJECT", "RESULT")
	for _, fault := range cases {
		t.Run(fault.Name, func(t *testing.T) {
			t.Parallel()
			ns := c.Namespace(t)
			fault := fault.in(ns)
			var report inspect.Report
			of := results.row(t, func() []string {
				rule, object := first(report)
				return []string{fault.Name, fault.Target, rule, object}
			})
			inject(of, c, fault, ns)
			c.WaitFor(of, "inspect "+fault.Target+" to name "+fault.Rule, patience, func(context.Context) (bool, string, error) {
				time.Sleep(pause)
				r, err := workshop.Look(of, c, ns, fault.Target)
				if err != nil || !named(fault, r) {
					return false, workshop.Summary(r), err
				}
				report, err = workshop.Inspect(of, c.Kubeconfig(), fault.Target, "-n", ns)
				return named(fault, report), workshop.Summary(report), err
			})
			checkFinding(of, fault, report.Findings[0])
			checkText(of, c, ns, fault)
			checkRestricted(of, c, ns, fault, report)
		})
	}
}

// named says whether the fault is named and all that suffers from it has shown.
func named(c Case, r inspect.Report) bool {
	if len(r.Findings) == 0 || r.Findings[0].Rule != c.Rule || r.Findings[0].Count < c.Count {
		return false
	}
	for _, rule := range c.Also {
		same := func(f finding.Finding) bool { return f.Rule == rule }
		if !slices.ContainsFunc(r.Findings[1:], same) {
			return false
		}
	}
	return len(c.Explains) == len(r.Findings[0].Explains) || c.Explains == nil
}

func checkFinding(t testing.TB, c Case, f finding.Finding) {
	t.Helper()
	if ok, err := path.Match(c.Object, f.Object.String()); err != nil || !ok || f.Object.Container != c.Container {
		t.Errorf("object %s, container %q; want %s, %q", f.Object, f.Object.Container, c.Object, c.Container)
	}
	if c.Chain != nil && !sameChain(c.Chain, f.Chain) {
		t.Errorf("chain %v, want %v", f.Chain, c.Chain)
	}
	if c.Count > 0 && f.Count != c.Count {
		t.Errorf("count %d, want %d", f.Count, c.Count)
	}
	for _, want := range c.Explains {
		if !slices.ContainsFunc(f.Explains, func(s finding.Symptom) bool { return s.Rule == want }) {
			t.Errorf("%s does not explain %s but %v", f.Rule, want, f.Explains)
		}
	}
	if len(f.Fix) == 0 || len(f.Evidence) == 0 {
		t.Errorf("%d next steps, %d pieces of evidence; want some of both", len(f.Fix), len(f.Evidence))
	}
}

// checkText holds the text to the same answer: the rule stands in its first two
// lines (a narrow first line may wrap), in both languages. A container that
// ends again and again may be caught between its end and the event that tells why.
func checkText(t testing.TB, c *cluster.Cluster, ns string, of Case) {
	t.Helper()
	for _, lang := range []string{"en", "ko"} {
		c.WaitFor(t, "the text in "+lang+" to begin with "+of.Rule, time.Minute, func(context.Context) (bool, string, error) {
			got := workshop.Run(t, c.Kubeconfig(), "inspect", of.Target, "-n", ns, "--lang", lang)
			if got.Code != 0 || got.Stderr != "" {
				return false, "", fmt.Errorf("exit code %d: %s", got.Code, got.Stderr)
			}
			head := strings.Join(strings.SplitN(got.Stdout, "\n", 3)[:2], "\n")
			return strings.Contains(head, of.Rule), got.Stdout, nil
		})
	}
}

// restricted are users who may not read all that a diagnosis would want.
var restricted = map[string][]rbacv1.PolicyRule{
	"pods-only": {{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get", "list", "watch"}}},
	"no-secrets": {
		{APIGroups: []string{""}, Resources: []string{
			"pods", "pods/log", "services", "configmaps", "serviceaccounts", "events", "persistentvolumeclaims", "resourcequotas", "limitranges", "endpoints",
		}, Verbs: []string{"get", "list", "watch"}},
		{APIGroups: []string{"apps", "batch", "autoscaling", "policy", "discovery.k8s.io", "networking.k8s.io"}, Resources: []string{"*"}, Verbs: []string{"get", "list", "watch"}},
	},
}

// checkRestricted: who may read less is told less, or with less certainty, and nothing else.
func checkRestricted(t testing.TB, c *cluster.Cluster, ns string, of Case, full inspect.Report) {
	t.Helper()
	if strings.HasPrefix(of.Target, "namespace/") {
		return // no role can be made in a namespace that is being deleted
	}
	known := map[string]bool{}
	for _, f := range full.Findings {
		known[f.Rule] = true
		for _, symptom := range f.Explains {
			known[symptom.Rule] = true
		}
	}
	for name, rules := range restricted {
		kubeconfig := c.KubeconfigFor(t, name+"-"+ns, rules, ns)
		r, err := workshop.Inspect(t, kubeconfig, of.Target, "-n", ns)
		if err != nil {
			t.Errorf("as %s: %v", name, err)
			continue
		}
		for _, f := range r.Findings {
			if !known[f.Rule] && f.Confidence == finding.Certain {
				t.Errorf("as %s: claims %s of %s: %s", name, f.Rule, f.Object, f.Title)
			}
		}
		if len(r.Findings) == 0 && len(r.NotChecked) == 0 {
			t.Errorf("as %s: says nothing at all, not even what it could not check", name)
		}
	}
}

// Every near miss settles into health, without its rules firing on the way.
func TestNearMisses(t *testing.T) {
	cases, err := Load("near")
	if err != nil {
		t.Fatal(err)
	}
	c := workshop.Open(t)
	results := tabled(t, "NEAR MISS", "ASKED ABOUT", "WITHOUT", "HEALTH", "RESULT")
	for _, near := range cases {
		t.Run(near.Name, func(t *testing.T) {
			t.Parallel()
			ns := c.Namespace(t)
			near := near.in(ns)
			of := results.row(t, func() []string { return []string{near.Name, near.Target, strings.Join(near.Never, " "), near.Health} })
			inject(of, c, near, ns)
			c.WaitFor(of, near.Target+" to be "+near.Health+" without a finding", patience, func(context.Context) (bool, string, error) {
				time.Sleep(pause)
				r, err := workshop.Look(of, c, ns, near.Target)
				if err != nil {
					return false, "", err
				}
				for _, f := range r.Findings {
					if slices.Contains(near.Never, f.Rule) {
						return false, "", fmt.Errorf("%s fired: %s", f.Rule, f.Title)
					}
				}
				return finding.AtLeast(r.Findings, finding.Warning) == 0 && string(r.Objects[0].Health) == near.Health, workshop.Summary(r), nil
			})
		})
	}
}

// outside are the kinds that a case may make outside its namespace, called like
// it: in none, or in that called default.
var outside = map[string]schema.GroupVersionResource{
	"Node":                             {Version: "v1", Resource: "nodes"},
	"PersistentVolume":                 {Version: "v1", Resource: "persistentvolumes"},
	"StorageClass":                     {Group: "storage.k8s.io", Version: "v1", Resource: "storageclasses"},
	"RuntimeClass":                     {Group: "node.k8s.io", Version: "v1", Resource: "runtimeclasses"},
	"IngressClass":                     {Group: "networking.k8s.io", Version: "v1", Resource: "ingressclasses"},
	"ValidatingWebhookConfiguration":   {Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations"},
	"ValidatingAdmissionPolicy":        {Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingadmissionpolicies"},
	"ValidatingAdmissionPolicyBinding": {Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingadmissionpolicybindings"},
	"GatewayClass":                     {Group: gatewayGroup, Version: "v1", Resource: gatewayResources["GatewayClass"]},
	"ReferenceGrant":                   {Group: gatewayGroup, Version: "v1", Resource: gatewayResources["ReferenceGrant"]},
}

// inject applies a case's manifests. What they make outside the namespace is
// called like it, and goes with the test.
func inject(t testing.TB, c *cluster.Cluster, of Case, ns string) {
	t.Helper()
	manifests := filled(t, of.Manifests, ns)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		for kind, resource := range outside {
			if strings.Contains(manifests, "kind: "+kind+"\n") {
				_ = c.Dynamic().Resource(resource).Delete(ctx, ns, metav1.DeleteOptions{})
				_ = c.Dynamic().Resource(resource).Namespace(metav1.NamespaceDefault).Delete(ctx, ns, metav1.DeleteOptions{})
			}
		}
		for _, held := range of.Held {
			kind, name, _ := strings.Cut(held, "/")
			resource := schema.GroupVersionResource{Version: "v1", Resource: kind + "s"}
			_, _ = c.Dynamic().Resource(resource).Namespace(ns).Patch(ctx, name, types.MergePatchType, []byte(`{"metadata": {"finalizers": null}}`), metav1.PatchOptions{})
		}
	})
	if strings.HasPrefix(of.Rule, "workload/") {
		manifests = guarded(t, c, ns, manifests)
	}
	if strings.Contains(manifests, "apiVersion: "+gatewayGroup+"/") {
		serveGatewayAPI(t, c)
	}
	c.Apply(t, ns, manifests)
	report(t, c, ns, manifests)
	for _, gone := range of.Delete {
		kind, name, _ := strings.Cut(gone, "/")
		resource := dynamic.ResourceInterface(c.Dynamic().Resource(schema.GroupVersionResource{Version: "v1", Resource: kind + "s"}))
		if kind != "namespace" {
			resource = c.Dynamic().Resource(schema.GroupVersionResource{Version: "v1", Resource: kind + "s"}).Namespace(ns)
		}
		if err := resource.Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(manifests, "kind: Node\n") {
		playKubelet(t, c, ns, manifests)
	}
}

// guarded applies what admits pods, if there is any, and waits until it does: the
// API server takes it up some time later. It gives the rest.
func guarded(t testing.TB, c *cluster.Cluster, ns, manifests string) string {
	t.Helper()
	var guards, rest []string
	for _, document := range strings.Split(manifests, "\n---\n") {
		if strings.Contains(document, "apiVersion: admissionregistration.k8s.io/") {
			guards = append(guards, document)
		} else {
			rest = append(rest, document)
		}
	}
	if len(guards) == 0 {
		return manifests
	}
	c.Apply(t, ns, strings.Join(guards, "\n---\n"))
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "asks"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "shop/tools:v1"}}}}
	c.WaitFor(t, "a pod to be refused", patience, func(ctx context.Context) (bool, string, error) {
		_, err := c.Typed().CoreV1().Pods(ns).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		// In a new namespace it is refused at first because its service account is not there yet.
		return err != nil && !strings.Contains(err.Error(), "service account"), fmt.Sprint(err), nil
	})
	return strings.Join(rest, "\n---\n")
}

func filled(t testing.TB, manifests, ns string) string {
	t.Helper()
	day := 24 * time.Hour
	for placeholder, left := range map[string]time.Duration{"EXPIRED": -day, "EXPIRING": 3 * day, "VALID": 300 * day} {
		name := "${CERTIFICATE_" + placeholder + "}"
		if strings.Contains(manifests, name) {
			manifests = strings.ReplaceAll(manifests, name, certificate(t, left))
		}
	}
	return strings.ReplaceAll(manifests, "${NAMESPACE}", ns)
}

// certificate makes a self-signed one of a year's life that has this time left.
func certificate(t testing.TB, left time.Duration) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(left)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "web"}, DNSNames: []string{"web.example.com"},
		NotBefore: end.AddDate(-1, 0, 0), NotAfter: end,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
