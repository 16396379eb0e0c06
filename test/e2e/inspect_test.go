// Package e2e holds the tool to its promises on a real cluster: what it asks of
// the API, what it says to a user with few rights, and that a saved snapshot
// gives the same answers.
package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/test/cluster"
	"github.com/kubectl-msa/kubectl-msa/test/workshop"
)

// patience is how long a fault may take to show.
const patience = 3 * time.Minute

// pause lies between two looks.
const pause = time.Second

// workload is a Deployment "web" with a Service; the containers are filled in.
const workload = `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: %d
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: app
        image: shop/tools:v1
%s
`

const missingKey = `        args: [sleep, forever]
        env: [{name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: db, key: passwd}}}]`

const crash = `        args: [exit, "3", "fatal: cannot open ledger"]`

// until waits for inspect to name the rule first, and gives that report.
func until(t *testing.T, c *cluster.Cluster, kubeconfig, ns, target, rule string) inspect.Report {
	t.Helper()
	var report inspect.Report
	c.WaitFor(t, "inspect "+target+" to name "+rule, patience, func(context.Context) (bool, string, error) {
		time.Sleep(pause)
		r, err := workshop.Inspect(t, kubeconfig, target, "-n", ns)
		if err != nil {
			return false, "", err
		}
		report = r
		return len(r.Findings) > 0 && r.Findings[0].Rule == rule, workshop.Summary(r), nil
	})
	return report
}

// A user who may read pods and nothing else gets the diagnosis that pods
// allow, and everything else as not checked; never as absent.
func TestPodReaderGetsWhatPodsTell(t *testing.T) {
	t.Parallel()
	c := workshop.Open(t)
	ns := c.Namespace(t)
	c.Apply(t, ns, "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: swordfish}\n---\n"+fmt.Sprintf(workload, 1, missingKey))
	until(t, c, c.Kubeconfig(), ns, "service/web", "config/secret-key-missing")
	rules := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get", "list"}}}
	reader := c.KubeconfigFor(t, "pod-reader", rules, ns)

	pods := strings.Fields(c.Kubectl(t, "-n", ns, "get", "pods", "-o", "name"))
	for _, target := range []string{pods[0], "deployment/web"} {
		report := until(t, c, reader, ns, target, "config/secret-key-missing")
		if len(report.NotChecked) == 0 {
			t.Errorf("%s: nothing is said to be unchecked", target)
		}
		for _, n := range report.NotChecked {
			if !strings.Contains(n.Why, "forbidden") {
				t.Errorf("%s: %s is not checked for another reason than access: %s", target, n.What, n.Why)
			}
		}
		for _, lang := range []string{"en", "ko"} {
			got := workshop.Run(t, reader, "inspect", target, "-n", ns, "-o", "wide", "--lang", lang)
			for _, claim := range []string{"does not exist", "not exist", "존재하지 않"} {
				if strings.Contains(got.Stdout, claim) {
					t.Errorf("%s: says %q of what it may not read:\n%s", target, claim, got.Stdout)
				}
			}
		}
		if got := workshop.Run(t, reader, "inspect", target, "-n", ns, "--strict"); got.Code != 4 {
			t.Errorf("%s --strict: exit code %d, want 4\n%s", target, got.Code, got.Stderr)
		}
	}
}

// The tool's requests as the API server counted them, and the tool's own count.
func requests(t *testing.T, c *cluster.Cluster, report func() inspect.Report) int {
	t.Helper()
	since := time.Now()
	r := report()
	seen := 0
	for _, request := range c.Audit(t, "kubectl-msa/", since) {
		if strings.Contains(request.URI, r.Scope.Namespace) {
			seen++
		}
	}
	if cluster := len(c.Audit(t, "kubectl-msa/", since)); cluster < r.Requests {
		t.Errorf("the report says %d requests, the API server saw %d", r.Requests, cluster)
	}
	return r.Requests
}

// A pod costs at most 8 requests and a workload at most 10, however many
// replicas crash; one cause on 50 pods is one finding.
func TestRequestBudget(t *testing.T) {
	c := workshop.Open(t)
	ns := c.Namespace(t)
	const replicas = 50
	c.Apply(t, ns, fmt.Sprintf(workload, replicas, crash))
	c.WaitFor(t, "all pods to crash", 2*patience, func(context.Context) (bool, string, error) {
		time.Sleep(pause)
		r, err := workshop.Look(t, c, ns, "deployment/web")
		if err != nil {
			return false, "", err
		}
		return len(r.Findings) == 1 && r.Findings[0].Count == replicas, workshop.Summary(r), nil
	})
	pods := strings.Fields(c.Kubectl(t, "-n", ns, "get", "pods", "-o", "name"))
	for target, budget := range map[string]int{pods[0]: 8, "deployment/web": 10, "service/web": 10} {
		var last inspect.Report
		n := requests(t, c, func() inspect.Report {
			r, err := workshop.Inspect(t, c.Kubeconfig(), target, "-n", ns)
			if err != nil {
				t.Fatal(err)
			}
			last = r
			return r
		})
		if n == 0 || n > budget {
			t.Errorf("%s: %d requests, want at most %d", target, n, budget)
		}
		if len(last.Findings) != 1 || last.Findings[0].Rule != "container/crash-exit" {
			t.Errorf("%s: %s", target, workshop.Summary(last))
		}
	}
	r, err := workshop.Inspect(t, c.Kubeconfig(), "-n", ns)
	if err != nil || r.Requests > 20 {
		t.Errorf("the namespace: %d requests, want at most 20 (%v)", r.Requests, err)
	}
}

// What was saved gives the same text, byte for byte, in both languages and
// without a cluster.
func TestSavedSnapshotAnswersAlike(t *testing.T) {
	t.Parallel()
	c := workshop.Open(t)
	ns := c.Namespace(t)
	const password = "correct-horse-battery"
	c.Apply(t, ns, "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: "+password+"}\n---\n"+fmt.Sprintf(workload, 2, missingKey))
	until(t, c, c.Kubeconfig(), ns, "service/web", "config/secret-key-missing")
	file := filepath.Join(t.TempDir(), "snapshot.yaml")
	nowhere := filepath.Join(t.TempDir(), "no-kubeconfig")
	for _, lang := range []string{"en", "ko"} {
		for _, format := range []string{"table", "wide", "json", "yaml"} {
			args := []string{"inspect", "service/web", "-n", ns, "-o", format, "--lang", lang}
			live := workshop.Run(t, c.Kubeconfig(), append(args, "--save-snapshot", file)...)
			replayed := workshop.Run(t, nowhere, append(args, "-f", file)...)
			if live.Code != 0 || replayed.Code != 0 {
				t.Fatalf("exit codes %d and %d: %s %s", live.Code, replayed.Code, live.Stderr, replayed.Stderr)
			}
			if a, b := withoutHeader(live.Stdout), withoutHeader(replayed.Stdout); a != b {
				t.Errorf("%s in %s differs:\nlive:\n%s\nreplayed:\n%s", format, lang, a, b)
			}
		}
	}
	saved, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{password, "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5"} {
		if strings.Contains(string(saved), secret) {
			t.Errorf("the snapshot holds the Secret's value")
		}
	}
}

// withoutHeader drops the line that says when and how it was read: a file
// costs no requests.
func withoutHeader(s string) string {
	return regexp.MustCompile(`(?m)^(.*"?requests"?: \d+,?|\S.* 2\d{3}-\d\d-\d\dT.*)\n`).ReplaceAllString(s, "")
}
