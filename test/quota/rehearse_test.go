package quota

import (
	"context"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/file"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
	"github.com/kubectl-msa/kubectl-msa/test/cluster"
)

func readerFor(t *testing.T, kubeconfig string) *live.Reader {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := live.New(config, live.Options{Version: "test", QPS: 100, Burst: 200, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return reader
}

func parse[T any](t *testing.T, text string) *T {
	t.Helper()
	out := new(T)
	if err := yaml.UnmarshalStrict([]byte(text), out); err != nil {
		t.Fatal(err)
	}
	return out
}

// A dry run says what the API server thinks of the object, and tells that apart
// from not being allowed to ask. Nothing is stored.
func TestRehearse(t *testing.T) {
	c := cluster.GetFakeNodes(t, 2)
	ns := c.Namespace(t)
	core := c.Typed().CoreV1()
	pod := parse[corev1.Pod](t, `{metadata: {name: a, namespace: `+ns+`}, spec: {containers: [{name: a, image: x}]}}`)
	job := parse[batchv1.Job](t, `{metadata: {name: j, namespace: `+ns+`}, spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: a, image: x}]}}}}`)
	if _, err := c.Typed().BatchV1().Jobs(ns).Create(t.Context(), job, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	other := job.DeepCopy()
	other.Spec.Template.Spec.Containers[0].Image = "y"
	elsewhere := pod.DeepCopy()
	elsewhere.Namespace = "no-such-namespace"
	broken := pod.DeepCopy()
	broken.Spec.Containers[0].Image = ""
	admin := readerFor(t, c.Kubeconfig())
	if _, err := core.Namespaces().Patch(t.Context(), ns, types.MergePatchType, []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"baseline"}}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	host := pod.DeepCopy()
	host.Spec.HostNetwork = true
	nobody := readerFor(t, c.KubeconfigFor(t, "nobody", []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}}}, ns))
	for _, s := range []struct {
		name    string
		reader  *live.Reader
		object  snapshot.Object
		there   bool
		refused string // part of the message
		unasked string
	}{
		{"let in", admin, pod, false, "", ""},
		{"is there, and may stay as it is", admin, job, false, "", ""},
		{"is there, as is known, and may stay", admin, job, true, "", ""},
		{"is there, and cannot be changed so", admin, other, false, "field is immutable", ""},
		{"no such namespace", admin, elsewhere, false, `namespaces "no-such-namespace" not found`, ""},
		{"not valid", admin, broken, false, "spec.containers[0].image: Required value", ""},
		{"Pod Security", admin, host, false, "violates PodSecurity", ""},
		{"may not ask", nobody, pod, false, "", "forbidden: create pods in namespace " + ns},
	} {
		t.Run(s.name, func(t *testing.T) {
			got := s.reader.Rehearse(t.Context(), s.object, s.there)
			if strings.HasPrefix(s.name, "Pod Security") {
				for end := time.Now().Add(10 * time.Second); !got.Refused && time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
					got = s.reader.Rehearse(t.Context(), s.object, s.there) // its label has to reach the plugin
				}
			}
			if got.Refused != (s.refused != "") || !strings.Contains(got.Message, s.refused) || got.Unasked != s.unasked {
				t.Errorf("got %+v", got)
			}
		})
	}
	pods, err := core.Pods(ns).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(pods.Items) != 0 {
		t.Errorf("%v, %d pods are stored", err, len(pods.Items))
	}
}

// TestRequestBudget holds what a command may cost the API server: a workload at
// most 10 requests, a namespace at most 20.
func TestRequestBudget(t *testing.T) {
	c := cluster.GetFakeNodes(t, 2)
	ns := c.Namespace(t)
	c.Apply(t, ns, `
apiVersion: v1
kind: ResourceQuota
metadata: {name: q}
spec: {hard: {requests.cpu: 9, pods: 40, count/deployments.apps: 9, persistentvolumeclaims: 3, services: 5}}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: low}
spec: {hard: {pods: 40}, scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: DoesNotExist}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: a, image: x, resources: {requests: {cpu: 10m}}}]}}}
`)
	c.WaitFor(t, "both pods", 30*time.Second, func(ctx context.Context) (bool, string, error) {
		d, err := c.Typed().AppsV1().Deployments(ns).Get(ctx, "web", metav1.GetOptions{})
		return err == nil && d.Status.Replicas == 2, "", err
	})
	manifest, err := file.Load([]string{"-"}, strings.NewReader(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 3, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: a, image: z, resources: {requests: {cpu: 10m}}}]}}}}`), file.Options{Namespace: ns, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	one := quota.Query{Namespace: ns, Targets: []finding.Ref{{Kind: "Deployment", Namespace: ns, Name: "web"}}}
	for name, b := range map[string]struct {
		most  int
		needs func(*snapshot.Snapshot) snapshot.Needs
		then  func(*live.Reader, *snapshot.Snapshot)
	}{
		"check": {10, func(s *snapshot.Snapshot) snapshot.Needs { return quota.CheckNeeds(manifest, s) }, func(r *live.Reader, s *snapshot.Snapshot) {
			for _, q := range quota.Questions(manifest, s) {
				if a := r.Rehearse(t.Context(), q.Send, q.There); a.Refused || a.Unasked != "" {
					t.Errorf("%+v", a)
				}
			}
			report, err := quota.Check(quota.CheckInput{State: s, Manifests: manifest}, mustCatalogue(t), lang.English)
			if err != nil || len(report.NotChecked) > 0 || report.Admission[0].Allowed == nil || !*report.Admission[0].Allowed || report.Admission[0].Pods.New != 2 {
				t.Errorf("%v, %+v", err, report)
			}
		}},
		"headroom of a workload": {10, func(s *snapshot.Snapshot) snapshot.Needs { return quota.HeadroomNeeds(s, one) }, nil},
		"headroom of a namespace": {20, func(s *snapshot.Snapshot) snapshot.Needs {
			return quota.HeadroomNeeds(s, quota.Query{Namespace: ns})
		}, nil},
		"audit of a namespace": {20, func(s *snapshot.Snapshot) snapshot.Needs {
			return quota.AuditNeeds(s, quota.Query{Namespace: ns}, true)
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			reader := readerFor(t, c.Kubeconfig())
			s := snapshot.New(snapshot.FromCluster, time.Now())
			if err := reader.Fill(t.Context(), s, b.needs); err != nil {
				t.Fatal(err)
			}
			if b.then != nil {
				b.then(reader, s)
			}
			t.Logf("%d requests", len(reader.Requests()))
			if n := len(reader.Requests()); n > b.most {
				t.Errorf("%d requests, at most %d: %v", n, b.most, reader.Requests())
			}
		})
	}
}

func mustCatalogue(t *testing.T) finding.Catalogue {
	t.Helper()
	c, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	return c
}
