package quota

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/test/cluster"
)

// TestUpdatesAgree changes Deployments of three pods under quotas of several
// sizes: what was said to go through does, what was said to stall does not move.
func TestUpdatesAgree(t *testing.T) {
	c := cluster.GetFakeNodes(t, 2)
	typed := quiet(t, c)
	for name, s := range map[string]struct {
		hard, cpu          string // of the quota, of each new pod; each old one has 100m
		surge, unavailable string
		goes               bool
		updated            int32 // how many new pods there are in the end
		stalls             bool
	}{
		"the quota fits exactly, a new pod must come first":   {"300m", "100m", "1", "0", false, 0, true},
		"the quota fits exactly, an old pod goes first":       {"300m", "100m", "0", "1", true, 3, false},
		"one may go, so it gets through without its surge":    {"300m", "100m", "1", "1", true, 3, false},
		"room for one of two extra pods":                      {"400m", "100m", "2", "0", true, 3, false},
		"larger pods, all of which fit in the end":            {"600m", "200m", "0", "1", true, 3, false},
		"larger pods, the last has no room beside an old one": {"600m", "200m", "1", "0", false, 2, false},
		"larger pods, two of which fit in the end":            {"500m", "200m", "0", "1", false, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &world{t: t, c: c, typed: typed, ns: c.Namespace(t)}
			c.Apply(t, w.ns, fmt.Sprintf(`{apiVersion: v1, kind: ResourceQuota, metadata: {name: q}, spec: {hard: {requests.cpu: %s}}}`, s.hard))
			d := parse[appsv1.Deployment](t, fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: %s}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: %s, maxUnavailable: %s}}
  template: {metadata: {labels: {app: web}}, spec: {terminationGracePeriodSeconds: 0, containers: [{name: app, image: "x:1", resources: {requests: {cpu: 100m}}}]}}
`, w.ns, s.surge, s.unavailable))
			w.load()
			if err := w.send(d); err != nil {
				t.Fatal(err)
			}
			w.await("the old pods", 3, 3)
			next := d.DeepCopy()
			next.Spec.Template.Spec.Containers[0].Image = "x:2"
			next.Spec.Template.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = resource.MustParse(s.cpu)
			a := w.ask(next, false)
			h := w.headroom(finding.Ref{Kind: "Deployment", Namespace: w.ns, Name: "web"})
			if a.Allowed == nil || *a.Allowed != s.goes || s.cpu == "100m" && h.Update.Stalls != s.stalls {
				t.Errorf("asked: %s\nheadroom: %s", yamlOf(t, a), yamlOf(t, h))
			}
			live, err := typed.AppsV1().Deployments(w.ns).Get(t.Context(), "web", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			live.Spec.Template = next.Spec.Template
			if _, err := typed.AppsV1().Deployments(w.ns).Update(t.Context(), live, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
			w.await("the new pods", s.updated, 0)
		})
	}
}

// TestVolumesStay: what was claimed for a StatefulSet's pods stays claimed when it
// gets smaller, and is not claimed again when it grows.
func TestVolumesStay(t *testing.T) {
	c := cluster.GetFakeNodes(t, 2)
	w := &world{t: t, c: c, typed: quiet(t, c), ns: c.Namespace(t)}
	c.Apply(t, w.ns, `{apiVersion: v1, kind: ResourceQuota, metadata: {name: volumes}, spec: {hard: {persistentvolumeclaims: 2}}}`)
	w.load()
	set := parse[appsv1.StatefulSet](t, fmt.Sprintf(`
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: %s}
spec:
  replicas: 2
  podManagementPolicy: Parallel
  serviceName: db
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {terminationGracePeriodSeconds: 0, containers: [{name: app, image: x}]}}
  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], storageClassName: none, resources: {requests: {storage: 1Gi}}}}]
`, w.ns))
	if err := w.send(set); err != nil {
		t.Fatal(err)
	}
	scale := func(to, pods int32) {
		t.Helper()
		if to != *set.Spec.Replicas {
			patch := []byte(fmt.Sprintf(`{"spec":{"replicas":%d}}`, to))
			if _, err := w.typed.AppsV1().StatefulSets(w.ns).Patch(t.Context(), "db", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
				t.Fatal(err)
			}
			*set.Spec.Replicas = to
		}
		same := 0
		c.WaitFor(t, fmt.Sprintf("%d pods of %d", pods, to), 60*time.Second, func(ctx context.Context) (bool, string, error) {
			live, err := w.typed.AppsV1().StatefulSets(w.ns).Get(ctx, "db", metav1.GetOptions{})
			if err != nil {
				return false, "", err
			}
			q, err := w.typed.CoreV1().ResourceQuotas(w.ns).Get(ctx, "volumes", metav1.GetOptions{})
			if used := q.Status.Used["persistentvolumeclaims"]; err != nil || used.Value() != 2 || live.Status.Replicas != pods || live.Status.ObservedGeneration < live.Generation {
				same = 0
			}
			same++
			return same > 5, fmt.Sprintf("%+v, %v", live.Status, q.Status.Used), err
		})
	}
	scale(2, 2)
	scale(1, 1)
	grown := set.DeepCopy()
	three := int32(3)
	grown.Spec.Replicas = &three
	a := w.ask(grown, false)
	if a.Allowed == nil || *a.Allowed || a.Pods.Allowed != 2 || a.Name != "volumes" || !strings.Contains(a.Message, `"data-db-2"`) {
		t.Errorf("asked: %s", yamlOf(t, a))
	}
	scale(3, 2)
}

// await waits until so many pods are of the newest template and ready, at least
// so many in all where that is said, and stay so.
func (w *world) await(what string, updated, all int32) {
	w.t.Helper()
	same := 0
	w.c.WaitFor(w.t, what, 60*time.Second, func(ctx context.Context) (bool, string, error) {
		d, err := w.typed.AppsV1().Deployments(w.ns).Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		if same++; d.Status.ObservedGeneration < d.Generation || d.Status.UpdatedReplicas != updated || d.Status.ReadyReplicas < max(all, updated) {
			same = 0
		}
		return same > 20, fmt.Sprintf("%+v", d.Status), nil
	})
}
