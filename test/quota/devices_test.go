package quota

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/test/cluster"
	"github.com/kubectl-msa/kubectl-msa/test/quota/random"
)

const (
	deviceWorlds   = 8
	devicePerWorld = 15
)

// TestDeviceClaimsAgree puts random claims for devices before random quotas,
// here and in a real API server: the same are let in, the others are refused in
// the same words, and the quota controller counts the same.
func TestDeviceClaimsAgree(t *testing.T) {
	c := cluster.GetFakeNodes(t, 2)
	typed := quiet(t, c)
	for i := range deviceWorlds {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			d := random.Dice{Rand: rand.New(rand.NewPCG(*seed, uint64(7000+i)))}
			w := &world{t: t, c: c, typed: typed, ns: c.Namespace(t)}
			c.Apply(t, w.ns, fmt.Sprintf(`{apiVersion: v1, kind: ResourceQuota, metadata: {name: devices}, spec: {hard: {%s: "%d", %s: "%d", count/resourceclaims.resource.k8s.io: "%d"}}}`,
				random.GPUs, 1+d.IntN(40), random.FPGAs, d.IntN(5), 3+d.IntN(9)))
			w.load()
			for n := range devicePerWorld {
				w.claimDevices(d.DeviceClaim(fmt.Sprintf("o%d", n)))
			}
			c.WaitFor(t, "the same count of devices", 90*time.Second, w.sameDevices)
		})
	}
}

// claimDevices puts a claim before both.
func (w *world) claimDevices(claim *resourcev1.ResourceClaim) {
	w.t.Helper()
	claim.Namespace = w.ns
	want := w.spaces[0].Try(claim, nil)
	w.c.WaitFor(w.t, "the same answer to "+claim.Name, 60*time.Second, func(ctx context.Context) (bool, string, error) {
		same, seen := w.agreeOn(ctx, claim, want)
		return same, seen, nil
	})
}

// agreeOn sends the claim; an API server that has not seen the quota yet is asked again.
func (w *world) agreeOn(ctx context.Context, claim *resourcev1.ResourceClaim, want quota.Outcome) (same bool, seen string) {
	claims := w.typed.ResourceV1().ResourceClaims(w.ns)
	stored, err := claims.Create(ctx, claim, metav1.CreateOptions{})
	switch {
	case err != nil:
		said := parts(err.Error())
		same = slices.ContainsFunc(want.Refusals, func(r quota.Refusal) bool { return parts(r.Message) == said })
		return same, fmt.Sprintf("refused: %v; expected %+v", err, want.Refusals)
	case !want.Admitted():
		err := claims.Delete(ctx, claim.Name, metav1.DeleteOptions{})
		return false, fmt.Sprintf("let in (%v); expected %s", err, want.Refusals[0].Message)
	}
	if out := w.spaces[0].Admit(stored, nil); !out.Admitted() {
		return false, "what was stored would be refused: " + out.Refusals[0].Message
	}
	return true, ""
}

func (w *world) sameDevices(ctx context.Context) (bool, string, error) {
	claims, err := w.typed.ResourceV1().ResourceClaims(w.ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return false, "", err
	}
	classes, err := w.typed.ResourceV1().DeviceClasses().List(ctx, metav1.ListOptions{})
	if err != nil {
		return false, "", err
	}
	pods, err := w.typed.CoreV1().Pods(w.ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return false, "", err
	}
	var objects []snapshot.Object
	for i := range claims.Items {
		objects = append(objects, &claims.Items[i])
	}
	for i := range classes.Items {
		objects = append(objects, &classes.Items[i])
	}
	for i := range pods.Items {
		objects = append(objects, &pods.Items[i])
	}
	q, err := w.typed.CoreV1().ResourceQuotas(w.ns).Get(ctx, "devices", metav1.GetOptions{})
	if err != nil {
		return false, "", err
	}
	counted := quota.Recount(q, objects, func(snapshot.Kind) bool { return true }, time.Now())
	for name, said := range q.Status.Used {
		if is, ok := counted[name]; !ok || is.Cmp(said) != 0 {
			return false, fmt.Sprintf("counted %v, status.used is %v", counted, q.Status.Used), nil
		}
	}
	return len(counted) == len(q.Spec.Hard), fmt.Sprintf("counted %v of %v", counted, q.Spec.Hard), nil
}

// TestDeviceTemplatesAgree: the pods of a Deployment come, and claims for as many
// of them as was said; the others wait, and have nothing to give back in an update.
func TestDeviceTemplatesAgree(t *testing.T) {
	c := cluster.GetFakeNodes(t, 2)
	w := &world{t: t, c: c, typed: quiet(t, c), ns: c.Namespace(t)}
	c.Apply(t, w.ns, fmt.Sprintf(`
{apiVersion: resource.k8s.io/v1, kind: ResourceClaim, metadata: {name: kept}, spec: {devices: {requests: [{name: a, exactly: {deviceClassName: gpu, count: 4}}]}}}
---
{apiVersion: v1, kind: ResourceQuota, metadata: {name: devices}, spec: {hard: {%s: 9}}}
---
{apiVersion: resource.k8s.io/v1, kind: ResourceClaimTemplate, metadata: {name: two}, spec: {spec: {devices: {requests: [{name: a, exactly: {deviceClassName: gpu, count: 2}}]}}}}
`, random.GPUs))
	w.load()
	w.usedDevices(4)
	d := parse[appsv1.Deployment](t, fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: train, namespace: %s}
spec:
  replicas: 4
  selector: {matchLabels: {app: train}}
  strategy: {type: Recreate}
  template: {metadata: {labels: {app: train}}, spec: {resourceClaims: [{name: gpu, resourceClaimTemplateName: two}], containers: [{name: app, image: x}]}}
`, w.ns))
	a := w.ask(d, false)
	if a.Allowed == nil || *a.Allowed || a.Pods.Allowed != 2 || a.Name != "devices" {
		t.Errorf("asked: %s", yamlOf(t, a))
	}
	w.devicesOfReplicas(d, a.Pods.Allowed)
	w.claimedPods("x", 4, a.Pods.Allowed)
	events, err := w.typed.CoreV1().Events(w.ns).List(t.Context(), metav1.ListOptions{FieldSelector: "reason=FailedResourceClaimCreation"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(events.Items, func(e corev1.Event) bool { return len(e.Message) > 0 }) {
		t.Error("no event says that a claim was refused")
	}
	next := d.DeepCopy()
	next.Spec.Template.Spec.Containers[0].Image = "y"
	if a := w.ask(next, false); a.Allowed == nil || *a.Allowed || a.Pods.Allowed != 2 || a.Name != "devices" {
		t.Errorf("asked for an update: %s", yamlOf(t, a))
	}
	patch := []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"y"}]}}}}`)
	if _, err := w.typed.AppsV1().Deployments(w.ns).Patch(t.Context(), d.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	w.claimedPods("y", 4, 2)
}

// claimedPods waits until there are so many pods of that image, so many of them
// with a claim, and no others, and it stays so.
func (w *world) claimedPods(image string, all, claimed int) {
	w.t.Helper()
	same := 0
	w.c.WaitFor(w.t, fmt.Sprintf("claims for %d of %d pods of image %s", claimed, all, image), 90*time.Second, func(ctx context.Context) (bool, string, error) {
		pods, err := w.typed.CoreV1().Pods(w.ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, "", err
		}
		claims, err := w.typed.ResourceV1().ResourceClaims(w.ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, "", err
		}
		old := slices.ContainsFunc(pods.Items, func(p corev1.Pod) bool { return p.Spec.Containers[0].Image != image })
		made := slices.DeleteFunc(claims.Items, func(c resourcev1.ResourceClaim) bool { return metav1.GetControllerOfNoCopy(&c) == nil })
		if same++; old || len(pods.Items) != all || len(made) != claimed {
			same = 0
		}
		return same > 5, fmt.Sprintf("%d pods, old ones among them: %t, %d claims", len(pods.Items), old, len(made)), nil
	})
}

// usedDevices waits until the quota has counted so many devices.
func (w *world) usedDevices(n int64) {
	w.t.Helper()
	w.c.WaitFor(w.t, fmt.Sprintf("%d devices in the quota", n), 60*time.Second, func(ctx context.Context) (bool, string, error) {
		q, err := w.typed.CoreV1().ResourceQuotas(w.ns).Get(ctx, "devices", metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		used := q.Status.Used[random.GPUs]
		return used.Value() == n, fmt.Sprintf("%v", q.Status.Used), nil
	})
}

// devicesOfReplicas begins with one pod, asks for how many more there is room, and
// sends the rest when the answer is that so many are allowed in all.
func (w *world) devicesOfReplicas(d *appsv1.Deployment, allowed int) {
	w.t.Helper()
	first, one := d.DeepCopy(), int32(1)
	first.Spec.Replicas = &one
	if err := w.send(first); err != nil {
		w.t.Fatal(err)
	}
	w.c.WaitFor(w.t, "the headroom beside one pod with its claim", 90*time.Second, func(ctx context.Context) (bool, string, error) {
		q, err := w.typed.CoreV1().ResourceQuotas(w.ns).Get(ctx, "devices", metav1.GetOptions{})
		if used := q.Status.Used[random.GPUs]; err != nil || used.Value() != 6 {
			return false, fmt.Sprintf("%v", q.Status.Used), err
		}
		h := w.headroom(finding.Ref{Kind: "Deployment", Namespace: w.ns, Name: d.Name})
		return h.Replicas != nil && *h.Replicas == allowed-1 && h.BindingName == "devices" && h.BindingResource == random.GPUs && !h.AtMost, yamlOf(w.t, h), nil
	})
	scale := []byte(fmt.Sprintf(`{"spec":{"replicas":%d}}`, *d.Spec.Replicas))
	if _, err := w.typed.AppsV1().Deployments(w.ns).Patch(w.t.Context(), d.Name, types.MergePatchType, scale, metav1.PatchOptions{}); err != nil {
		w.t.Fatal(err)
	}
}
