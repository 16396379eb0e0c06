package cluster_test

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-msa/kubectl-msa/test/cluster"
)

const objects = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: "1"}
---
apiVersion: v1
kind: Pod
metadata: {name: idle}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: idle, image: "127.0.0.1:5000/ok/idle:1"}]
`

func TestAPodRunsAndANodeIsReal(t *testing.T) {
	c := cluster.Get(t)
	ns := c.Namespace(t)
	c.Apply(t, ns, objects)
	c.WaitFor(t, "the pod to run", time.Minute, func(ctx context.Context) (bool, string, error) {
		pod, err := c.Typed().CoreV1().Pods(ns).Get(ctx, "idle", metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		return pod.Status.Phase == corev1.PodRunning, string(pod.Status.Phase), nil
	})
	out, err := c.Run(t, "cat", "/etc/resolv.conf")
	if err != nil || !strings.Contains(string(out), "svc.cluster.local") {
		t.Errorf("the command did not run in the sandbox's network: %v %s", err, out)
	}
	if _, err := c.Run(t, "sh", "-c", "echo gone wrong >&2; exit 3"); err == nil || !strings.Contains(err.Error(), "gone wrong") {
		t.Errorf("the error of a failed command is %v", err)
	}
}

func TestAUserMayDoWhatTheRulesSayAndTheAuditLogKnows(t *testing.T) {
	c := cluster.Get(t)
	allowed, other := c.Namespace(t), c.Namespace(t)
	path := c.KubeconfigFor(t, "reader", []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"list"}}}, allowed)
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	config.UserAgent = "reader-under-test/" + allowed
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	since := time.Now().Add(-time.Second)
	c.WaitFor(t, "the role to count", 10*time.Second, func(ctx context.Context) (bool, string, error) {
		_, err := client.CoreV1().ConfigMaps(allowed).List(ctx, metav1.ListOptions{})
		if apierrors.IsForbidden(err) {
			return false, err.Error(), nil
		}
		return err == nil, "", err
	})
	if _, err := client.CoreV1().ConfigMaps(other).List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("list in a namespace without a role: %v", err)
	}
	requests := c.Audit(t, config.UserAgent, since)
	if len(requests) < 2 {
		t.Fatalf("the audit log has %d requests, want at least 2: %+v", len(requests), requests)
	}
	last, before := requests[len(requests)-1], requests[len(requests)-2]
	if last.Code != 403 || last.Namespace != other || last.User != "reader" || last.Verb != "list" || last.Resource != "configmaps" {
		t.Errorf("last request = %+v", last)
	}
	if before.Code != 200 || before.Namespace != allowed {
		t.Errorf("request before = %+v", before)
	}
	if none := c.Audit(t, config.UserAgent, time.Now().Add(time.Hour)); len(none) != 0 {
		t.Errorf("requests from the future: %+v", none)
	}
}

func TestFakeNodesTakePods(t *testing.T) {
	c := cluster.GetFakeNodes(t, 3)
	ns := c.Namespace(t)
	c.Apply(t, ns, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: many}
spec:
  replicas: 30
  selector: {matchLabels: {app: many}}
  template:
    metadata: {labels: {app: many}}
    spec: {containers: [{name: a, image: nothing}]}
`)
	c.WaitFor(t, "30 ready replicas", time.Minute, func(ctx context.Context) (bool, string, error) {
		d, err := c.Typed().AppsV1().Deployments(ns).Get(ctx, "many", metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		return d.Status.ReadyReplicas == 30, d.Status.String(), nil
	})
}
