package probe_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
	"github.com/kubectl-msa/kubectl-msa/test/cluster"
	"github.com/kubectl-msa/kubectl-msa/test/probe/misbehave"
	"github.com/kubectl-msa/kubectl-msa/test/workshop"
)

const silentPods = `
apiVersion: v1
kind: Pod
metadata: {name: unplaced}
spec:
  nodeSelector: {no-such: node}
  containers: [{name: app, image: %[1]s, command: [/server, idle], livenessProbe: {tcpSocket: {port: 80}}, readinessProbe: {tcpSocket: {port: 80}}}]
---
apiVersion: v1
kind: Pod
metadata: {name: crashing}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: %[1]s, command: [/server, exit, "3"], livenessProbe: {tcpSocket: {port: 80}}}]
---
apiVersion: v1
kind: Pod
metadata: {name: plain}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: %[1]s, command: [/server, idle]}]
---
apiVersion: v1
kind: Pod
metadata: {name: leaving, finalizers: [kubectl-msa.dev/test]}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: %[1]s, command: [/server, serve], readinessProbe: {tcpSocket: {port: %[2]d}}}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: app, image: %[1]s, command: [/server, exit, "0"], livenessProbe: {tcpSocket: {port: 80}}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: asleep}
spec:
  replicas: 0
  selector: {matchLabels: {app: asleep}}
  template:
    metadata: {labels: {app: asleep}}
    spec: {containers: [{name: app, image: %[1]s, livenessProbe: {tcpSocket: {port: 80}}}]}
`

// Where nobody can be asked, a run says why and what to do, and claims nothing.
func TestNobodyToAsk(t *testing.T) {
	c := cluster.Get(t)
	loadServer(t, c)
	ns := c.Namespace(t)
	c.Apply(t, ns, fmt.Sprintf(silentPods, serverImage, misbehave.Fixed().HTTP))
	t.Cleanup(func() {
		_, err := c.Typed().CoreV1().Pods(ns).Patch(context.WithoutCancel(t.Context()), "leaving", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		if err != nil {
			t.Error(err)
		}
	})
	if err := c.Typed().CoreV1().Pods(ns).Delete(t.Context(), "leaving", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	node := strand(t, c, ns)
	for _, x := range []struct{ target, want string }{
		{"pod/unplaced", "the pod is on no node yet (Unschedulable:"},
		{"pod/crashing", "container app does not run (CrashLoopBackOff,"},
		{"pod/leaving", "being deleted, to be gone at "},
		{"job/once", "ended (Succeeded), so nothing runs that could be asked"},
		{"deploy/asleep", "it has no pods now; kubectl msa inspect deployment/asleep -n " + ns + " says why"},
		{"pod/stranded", "node " + node + " is not heard of: Ready=Unknown since "},
	} {
		c.WaitFor(t, x.target+" to be told", patience, func(context.Context) (bool, string, error) {
			got := workshop.Run(t, c.Kubeconfig(), "probe", "run", x.target, "-n", ns)
			text := strings.Join(strings.Fields(got.Stdout), " ")
			return got.Code == 0 && strings.Contains(text, x.want) && strings.Contains(text, "no probe could be asked"), fmt.Sprintf("exit code %d: %s%s", got.Code, got.Stdout, got.Stderr), nil
		})
		got := workshop.Run(t, c.Kubeconfig(), "probe", "run", x.target, "-n", ns, "--strict")
		if got.Code != 4 {
			t.Errorf("%s with --strict: exit code %d", x.target, got.Code)
		}
		t.Log("\n" + got.Stdout)
	}
	if got := workshop.Run(t, c.Kubeconfig(), "probe", "run", "pod/plain", "-n", ns, "--strict"); got.Code != 0 || !strings.Contains(got.Stdout, "1 container has no probe: pod/plain app") {
		t.Errorf("a pod without probes: exit code %d: %s%s", got.Code, got.Stdout, got.Stderr)
	}
}

// strand makes a pod that once ran on a node of which nothing is heard any more,
// and gives the name of the node.
func strand(t *testing.T, c *cluster.Cluster, ns string) string {
	t.Helper()
	now := metav1.Now()
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "lost-" + ns},
		Spec:       corev1.NodeSpec{Unschedulable: true, Taints: []corev1.Taint{{Key: "msa-test", Effect: corev1.TaintEffectNoSchedule}}},
		Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{
			Type: corev1.NodeReady, Status: corev1.ConditionUnknown, Reason: "NodeStatusUnknown", LastHeartbeatTime: now, LastTransitionTime: now,
		}}},
	}
	if _, err := c.Typed().CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Typed().CoreV1().Nodes().Delete(context.WithoutCancel(t.Context()), node.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	none := int64(0)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "stranded"}, Spec: corev1.PodSpec{
		NodeName: node.Name, TerminationGracePeriodSeconds: &none, Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
		Containers: []corev1.Container{{Name: "app", Image: serverImage, LivenessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
			HTTPGet: &corev1.HTTPGetAction{Path: "/ok", Port: intstr.FromInt(misbehave.Fixed().HTTP)},
		}}}},
	}}
	made, err := c.Typed().CoreV1().Pods(ns).Create(t.Context(), pod, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	made.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.9.9.9", PodIPs: []corev1.PodIP{{IP: "10.9.9.9"}}, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "app", Image: serverImage, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
	}}}
	if _, err := c.Typed().CoreV1().Pods(ns).UpdateStatus(t.Context(), made, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	return node.Name
}

const restrictedPod = `
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 0
  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: app
    image: %s
    command: [/server, serve]
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
    readinessProbe: {periodSeconds: 1, httpGet: {path: /ok, port: %d}}
`

// A helper pod keeps the strictest Pod Security standard. Where a quota refuses
// it, or a NetworkPolicy keeps it away from the pod, that is said, and the probe
// is asked by port forwarding.
func TestHelperUnderRestrictions(t *testing.T) {
	c := cluster.Get(t)
	loadServer(t, c)
	ns := c.Namespace(t)
	enforce := []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`)
	if _, err := c.Typed().CoreV1().Namespaces().Patch(t.Context(), ns, types.MergePatchType, enforce, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	c.WaitFor(t, "Pod Security to be enforced", patience, func(ctx context.Context) (bool, string, error) {
		bad := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "bad"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: serverImage}}}}
		_, err := c.Typed().CoreV1().Pods(ns).Create(ctx, bad, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err != nil && strings.Contains(err.Error(), "violates PodSecurity"), fmt.Sprint(err), nil
	})
	c.Apply(t, ns, fmt.Sprintf(restrictedPod, serverImage, misbehave.Fixed().HTTP))
	asked := func(transport probe.Transport, why string) {
		t.Helper()
		c.WaitFor(t, "the probe to pass by "+string(transport), patience, func(context.Context) (bool, string, error) {
			got := workshop.Run(t, c.Kubeconfig(), "probe", "run", "pod/web", "-n", ns, "--helper", "--helper-image", serverImage, "-o", "json")
			var r probe.RunReport
			ok := json.Unmarshal([]byte(got.Stdout), &r) == nil && len(r.Probes) == 1 && r.Probes[0].Verdict == probe.Success && r.Probes[0].Transport == transport
			if why == "" {
				return ok && len(r.NotChecked) == 0, got.Stdout + got.Stderr, nil
			}
			return ok && len(r.NotChecked) == 1 && strings.Contains(r.NotChecked[0].Why, why), got.Stdout + got.Stderr, nil
		})
	}
	asked(probe.Helper, "")
	c.Apply(t, ns, "{apiVersion: v1, kind: ResourceQuota, metadata: {name: one}, spec: {hard: {pods: \"1\"}}}")
	asked(probe.PortForward, "exceeded quota: one")
	c.Apply(t, ns, "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: closed}, spec: {podSelector: {}, policyTypes: [Ingress]}}")
	asked(probe.PortForward, "networkpolicy/closed would not let a helper pod in")
	noHelperLeft(t, c, ns)
}
