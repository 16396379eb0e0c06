// Package stage sets up what rollouts are tried on: the sample shop's gateway, small and quick to start, behind a Service.
package stage

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"text/template"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/test/cluster"
)

// Name is what the workload, its container and its Service are called.
const Name = "gateway"

// Options is how the workload is made. The zero value is a Deployment of three.
type Options struct {
	// Kind is Deployment, StatefulSet or DaemonSet.
	Kind     string
	Replicas int
	// Bare leaves out all that can be left out: labels, strategy, minReadySeconds.
	Bare bool
	// Spec are more lines for the workload's spec, in YAML and not indented.
	Spec string
	// NoReadiness leaves the readiness probe out.
	NoReadiness bool
	// Fake is a workload for fake nodes, where nothing runs.
	Fake bool
}

// Stage is a workload in a namespace of its own.
type Stage struct {
	C    *cluster.Cluster
	NS   string
	Kind string
	// Address is the Service's.
	Address string
}

// Target names the workload as on a command line: "deployment/gateway".
func (s *Stage) Target() string { return strings.ToLower(s.Kind) + "/" + Name }

// URL leads to the Service, from inside the sandbox's network.
func (s *Stage) URL() string { return "http://" + s.Address + "/" }

// Image is the gateway's image of a version.
func Image(version string) string { return "shop/gateway:" + version }

// manifest keeps a request from being lost as the shop's own manifests do. Its probes are quick to find a Pod ready, and
// slow to find it unready only because the machine is busy.
var manifest = template.Must(template.New("").Funcs(template.FuncMap{"indent": indent}).Parse(`
apiVersion: v1
kind: Service
metadata:
  name: gateway
{{- if not .Bare}}
  labels: {app.kubernetes.io/name: gateway}
{{- end}}
spec:
  selector: {app: gateway}
  ports: [{name: http, port: 80, targetPort: http}]
---
apiVersion: apps/v1
kind: {{.Kind}}
metadata:
  name: gateway
{{- if not .Bare}}
  labels: {app.kubernetes.io/name: gateway, team: edge}
  annotations: {example.com/owner: edge}
{{- end}}
spec:
{{- if ne .Kind "DaemonSet"}}
  replicas: {{.Replicas}}
{{- end}}
{{- if eq .Kind "StatefulSet"}}
  serviceName: gateway
{{- end}}
{{- if and (eq .Kind "Deployment") (not .Bare)}}
  minReadySeconds: 1
  progressDeadlineSeconds: 120
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
{{- end}}
{{indent .Spec}}
  selector: {matchLabels: {app: gateway}}
  template:
    metadata:
      labels: {app: gateway}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: 30
      containers:
      - name: gateway
        image: shop/gateway:v1
        ports: [{name: http, containerPort: 8080}]
        env:
        - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        resources: {requests: {cpu: 5m, memory: 16Mi}, limits: {memory: 128Mi}}
{{- if not .NoReadiness}}
        readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 1, timeoutSeconds: 10, failureThreshold: 6}
{{- end}}
        lifecycle: {preStop: {sleep: {seconds: 5}}}
`))

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("  " + line)
	}
	return b.String()
}

// New makes the workload and its Service in a new namespace, and waits until all Pods serve.
func New(t testing.TB, c *cluster.Cluster, o Options) *Stage {
	t.Helper()
	s := Prepare(t, c, o)
	s.WaitSettled(t)
	return s
}

// Prepare makes the workload and does not wait.
func Prepare(t testing.TB, c *cluster.Cluster, o Options) *Stage {
	t.Helper()
	if o.Kind == "" {
		o.Kind = "Deployment"
	}
	if o.Replicas == 0 {
		o.Replicas = 3
	}
	s := &Stage{C: c, NS: c.Namespace(t), Kind: o.Kind}
	var text bytes.Buffer
	if err := manifest.Execute(&text, o); err != nil {
		t.Fatal(err)
	}
	c.Apply(t, s.NS, text.String())
	service, err := c.Typed().CoreV1().Services(s.NS).Get(t.Context(), Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.Address = service.Spec.ClusterIP
	return s
}

// WaitSettled waits until the controller has nothing left to do and the Service has all Pods.
func (s *Stage) WaitSettled(t testing.TB) {
	t.Helper()
	s.C.WaitFor(t, s.Target()+" to settle", 3*time.Minute, func(ctx context.Context) (bool, string, error) {
		want, seen, err := s.settled(ctx)
		if err != nil || want == 0 {
			return false, seen, err
		}
		n, err := s.endpoints(ctx)
		return n == want, fmt.Sprintf("%s; %d endpoints", seen, n), err
	})
}

// settled gives how many Pods there are, and 0 while there is something to do.
func (s *Stage) settled(ctx context.Context) (want int, seen string, err error) {
	apps := s.C.Typed().AppsV1()
	switch s.Kind {
	case "StatefulSet":
		w, err := apps.StatefulSets(s.NS).Get(ctx, Name, metav1.GetOptions{})
		if err != nil {
			return 0, "", err
		}
		n := *w.Spec.Replicas
		if st := w.Status; st.ObservedGeneration == w.Generation && st.ReadyReplicas == n && st.Replicas == n && st.CurrentRevision == st.UpdateRevision {
			return int(n), "", nil
		}
		return 0, w.Status.String(), nil
	case "DaemonSet":
		w, err := apps.DaemonSets(s.NS).Get(ctx, Name, metav1.GetOptions{})
		if err != nil {
			return 0, "", err
		}
		n := w.Status.DesiredNumberScheduled
		if st := w.Status; st.ObservedGeneration == w.Generation && st.NumberReady == n && st.UpdatedNumberScheduled == n {
			return int(n), "", nil
		}
		return 0, w.Status.String(), nil
	default:
		w, err := apps.Deployments(s.NS).Get(ctx, Name, metav1.GetOptions{})
		if err != nil {
			return 0, "", err
		}
		if done(w) {
			return int(*w.Spec.Replicas), "", nil
		}
		return 0, w.Status.String(), nil
	}
}

func done(w *appsv1.Deployment) bool {
	n, st := *w.Spec.Replicas, w.Status
	return st.ObservedGeneration == w.Generation && st.Replicas == n && st.UpdatedReplicas == n && st.AvailableReplicas == n
}

func (s *Stage) endpoints(ctx context.Context) (int, error) {
	slices, err := s.C.Typed().DiscoveryV1().EndpointSlices(s.NS).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + Name})
	if err != nil {
		return 0, err
	}
	n := 0
	for _, slice := range slices.Items {
		for _, e := range slice.Endpoints {
			if e.Conditions.Ready != nil && *e.Conditions.Ready {
				n++
			}
		}
	}
	return n, nil
}

// Pods are the workload's.
func (s *Stage) Pods(ctx context.Context, t testing.TB) []corev1.Pod {
	t.Helper()
	pods, err := s.C.Typed().CoreV1().Pods(s.NS).List(ctx, metav1.ListOptions{LabelSelector: "app=" + Name})
	if err != nil {
		t.Fatal(err)
	}
	return pods.Items
}

// Versions counts the workload's Pods by image, without those that are being deleted.
func (s *Stage) Versions(ctx context.Context, t testing.TB) map[string]int {
	t.Helper()
	by := map[string]int{}
	for _, p := range s.Pods(ctx, t) {
		if p.DeletionTimestamp == nil {
			by[p.Spec.Containers[0].Image]++
		}
	}
	return by
}
