package quota

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-msa/kubectl-msa/test/cluster"
	"github.com/kubectl-msa/kubectl-msa/test/quota/random"
)

// Two of the classes that the dice name give their devices out under another name as well.
const (
	extendedGPU  = "requests.msa.example.com/gpu"
	extendedFPGA = "requests.msa.example.com/fpga"
	implicitGPU  = "requests.deviceclass.resource.kubernetes.io/gpu"
	implicitNIC  = "requests.deviceclass.resource.kubernetes.io/nic"
)

// deviceClasses makes the classes for the time of a test, and waits for the API
// server and the quota controller to know them.
func deviceClasses(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	t.Cleanup(func() {
		for _, name := range []string{"gpu", "fpga", "nic"} {
			if err := c.Typed().ResourceV1().DeviceClasses().Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
				t.Logf("delete DeviceClass %s: %v", name, err)
			}
		}
	})
	w := &world{t: t, c: c, typed: quiet(t, c), ns: c.Namespace(t)}
	c.Apply(t, w.ns, fmt.Sprintf(`
{apiVersion: resource.k8s.io/v1, kind: DeviceClass, metadata: {name: gpu}, spec: {extendedResourceName: msa.example.com/gpu, selectors: [{cel: {expression: "device.driver == 'msa.example.com'"}}]}}
---
{apiVersion: resource.k8s.io/v1, kind: DeviceClass, metadata: {name: fpga}, spec: {extendedResourceName: msa.example.com/fpga}}
---
{apiVersion: resource.k8s.io/v1, kind: DeviceClass, metadata: {name: nic}, spec: {}}
---
{apiVersion: resource.k8s.io/v1, kind: ResourceClaim, metadata: {name: canary}, spec: {devices: {requests: [{name: a, exactly: {deviceClassName: gpu}}, {name: b, exactly: {deviceClassName: fpga}}, {name: c, exactly: {deviceClassName: nic}}]}}}
---
{apiVersion: v1, kind: ResourceQuota, metadata: {name: counts}, spec: {hard: {%[1]s: 1, %[2]s: 1, %[3]s: 1}}}
---
{apiVersion: v1, kind: ResourceQuota, metadata: {name: refuses}, spec: {hard: {%[1]s: 0, %[2]s: 0, %[3]s: 0}}}
`, extendedGPU, extendedFPGA, implicitNIC))
	known := []corev1.ResourceName{extendedGPU, extendedFPGA, implicitNIC}
	last := time.Now()
	c.WaitFor(t, "the quota controller to know the classes", 90*time.Second, func(ctx context.Context) (bool, string, error) {
		q, err := w.typed.CoreV1().ResourceQuotas(w.ns).Get(ctx, "counts", metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		for _, name := range known {
			if n := q.Status.Used[name]; n.Value() != 1 {
				if time.Since(last) > 5*time.Second {
					w.raise(ctx, "counts")
					last = time.Now()
				}
				return false, fmt.Sprint(q.Status.Used), nil
			}
		}
		return true, "", nil
	})
	c.WaitFor(t, "the API server to know the classes", 90*time.Second, func(ctx context.Context) (bool, string, error) {
		claim, err := w.typed.ResourceV1().ResourceClaims(w.ns).Get(ctx, "canary", metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		again := &resourcev1.ResourceClaim{ObjectMeta: metav1.ObjectMeta{Name: "again"}, Spec: claim.Spec}
		_, err = w.typed.ResourceV1().ResourceClaims(w.ns).Create(ctx, again, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		said := fmt.Sprint(err)
		return strings.Contains(said, extendedGPU) && strings.Contains(said, extendedFPGA) && strings.Contains(said, implicitNIC), said, nil
	})
}

// TestExtendedDevicesAgree puts random claims before quotas that count them as the
// extended resources of their classes, here and in a real API server.
func TestExtendedDevicesAgree(t *testing.T) {
	c := cluster.GetFakeNodes(t, 2)
	typed := quiet(t, c)
	deviceClasses(t, c)
	t.Run("updates", func(t *testing.T) {
		for name, goes := range map[string]bool{"{maxSurge: 0, maxUnavailable: 1}": true, "{maxSurge: 1, maxUnavailable: 0}": false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := &world{t: t, c: c, typed: typed, ns: c.Namespace(t)}
				w.updateWithClaims(name, goes)
			})
		}
	})
	t.Run("worlds", func(t *testing.T) {
		for i := range deviceWorlds {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				d := random.Dice{Rand: rand.New(rand.NewPCG(*seed, uint64(9000+i)))}
				w := &world{t: t, c: c, typed: typed, ns: c.Namespace(t)}
				c.Apply(t, w.ns, fmt.Sprintf(`{apiVersion: v1, kind: ResourceQuota, metadata: {name: devices}, spec: {hard: {%s: "%d", %s: "%d", %s: "%d", %s: "%d"}}}`,
					extendedGPU, 1+d.IntN(40), extendedFPGA, d.IntN(8), implicitGPU, 5+d.IntN(30), implicitNIC, 1+d.IntN(8)))
				w.load()
				for n := range devicePerWorld {
					w.claimDevices(d.DeviceClaim(fmt.Sprintf("o%d", n)))
				}
				c.WaitFor(t, "the same count of devices", 90*time.Second, w.sameDevices)
			})
		}
	})
}

// TestClaimsOfTheSchedulerAgree: the claim that the scheduler makes for a pod's
// extended resource counts as what the pod does not count for already.
func TestClaimsOfTheSchedulerAgree(t *testing.T) {
	c := cluster.GetFakeNodes(t, 2)
	deviceClasses(t, c)
	w := &world{t: t, c: c, typed: quiet(t, c), ns: c.Namespace(t)}
	t.Cleanup(func() {
		if err := w.typed.ResourceV1().ResourceSlices().Delete(context.Background(), "msa-gpus", metav1.DeleteOptions{}); err != nil {
			t.Logf("delete the ResourceSlice: %v", err)
		}
	})
	c.Apply(t, w.ns, fmt.Sprintf(`
{apiVersion: resource.k8s.io/v1, kind: ResourceSlice, metadata: {name: msa-gpus}, spec: {driver: msa.example.com, allNodes: true, pool: {name: gpus, generation: 1, resourceSliceCount: 1}, devices: [{name: a}, {name: b}, {name: c}]}}
---
{apiVersion: v1, kind: ResourceQuota, metadata: {name: devices}, spec: {hard: {%s: 9, %s: 9, %s: 9, count/resourceclaims.resource.k8s.io: 9}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: asks}, spec: {containers: [{name: app, image: x, resources: {limits: {msa.example.com/gpu: 2}}}]}}
---
{apiVersion: resource.k8s.io/v1, kind: ResourceClaim, metadata: {name: own}, spec: {devices: {requests: [{name: a, exactly: {deviceClassName: gpu}}]}}}
`, extendedGPU, implicitGPU, random.GPUs))
	c.WaitFor(t, "the claim of the scheduler", 90*time.Second, func(ctx context.Context) (bool, string, error) {
		pod, err := w.typed.CoreV1().Pods(w.ns).Get(ctx, "asks", metav1.GetOptions{})
		return err == nil && pod.Status.ExtendedResourceClaimStatus != nil, fmt.Sprintf("%+v", pod.Status.Conditions), err
	})
	last := time.Time{}
	c.WaitFor(t, "the same count, pod and claim once", 90*time.Second, func(ctx context.Context) (bool, string, error) {
		if time.Since(last) > 10*time.Second {
			w.raise(ctx, "devices")
			last = time.Now()
		}
		q, err := w.typed.CoreV1().ResourceQuotas(w.ns).Get(ctx, "devices", metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		for name, want := range map[corev1.ResourceName]int64{extendedGPU: 3, implicitGPU: 3, random.GPUs: 3, "count/resourceclaims.resource.k8s.io": 2} {
			if n := q.Status.Used[name]; n.Value() != want {
				return false, fmt.Sprint(q.Status.Used), nil
			}
		}
		return w.sameDevices(ctx)
	})
	w.refusedAlike()
}

// refusedAlike asks for a claim above the limit, and sends it.
func (w *world) refusedAlike() {
	w.t.Helper()
	limit := fmt.Sprintf(`[{"op": "replace", "path": "/spec/hard", "value": {%q: "4"}}]`, extendedGPU)
	if _, err := w.typed.CoreV1().ResourceQuotas(w.ns).Patch(w.t.Context(), "devices", types.JSONPatchType, []byte(limit), metav1.PatchOptions{}); err != nil {
		w.t.Fatal(err)
	}
	w.load()
	more := &resourcev1.ResourceClaim{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "more"}}
	more.Spec.Devices.Requests = []resourcev1.DeviceRequest{{Name: "a", Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: "gpu", AllocationMode: resourcev1.DeviceAllocationModeExactCount, Count: 2}}}
	a := w.ask(more, false)
	if a.Allowed == nil || *a.Allowed || a.Name != "devices" || a.Resource != extendedGPU {
		w.t.Errorf("asked: %s", yamlOf(w.t, a))
	}
	w.c.WaitFor(w.t, "the same refusal", 60*time.Second, func(ctx context.Context) (bool, string, error) {
		_, err := w.typed.ResourceV1().ResourceClaims(w.ns).Create(ctx, more, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err != nil && err.Error() == a.Message, fmt.Sprintf("%v; expected %s", err, a.Message), nil
	})
}

// updateWithClaims changes two pods whose claims take all that a quota has: an old
// pod that goes first gives its devices back, one that has to wait for a new pod
// never goes.
func (w *world) updateWithClaims(how string, goes bool) {
	w.t.Helper()
	slice := "msa-" + w.ns // of this namespace's own devices
	w.t.Cleanup(func() {
		if err := w.typed.ResourceV1().ResourceSlices().Delete(context.Background(), slice, metav1.DeleteOptions{}); err != nil {
			w.t.Logf("delete the ResourceSlice: %v", err)
		}
	})
	w.c.Apply(w.t, w.ns, fmt.Sprintf(`
{apiVersion: resource.k8s.io/v1, kind: ResourceSlice, metadata: {name: %[1]s}, spec: {driver: msa.example.com, allNodes: true, pool: {name: %[1]s, generation: 1, resourceSliceCount: 1}, devices: [{name: a}, {name: b}, {name: c}, {name: d}, {name: e}, {name: f}]}}
---
{apiVersion: v1, kind: ResourceQuota, metadata: {name: devices}, spec: {hard: {%[2]s: 4}}}
---
{apiVersion: resource.k8s.io/v1, kind: ResourceClaimTemplate, metadata: {name: two}, spec: {spec: {devices: {requests: [{name: a, exactly: {deviceClassName: gpu, count: 2}}]}}}}
`, slice, random.GPUs))
	w.load()
	d := parse[appsv1.Deployment](w.t, fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: %s}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  strategy: {type: RollingUpdate, rollingUpdate: %s}
  template: {metadata: {labels: {app: web}}, spec: {terminationGracePeriodSeconds: 0, resourceClaims: [{name: gpu, resourceClaimTemplateName: two}], containers: [{name: app, image: "x:1"}]}}
`, w.ns, how))
	if err := w.send(d); err != nil {
		w.t.Fatal(err)
	}
	w.await("the old pods with their claims", 2, 2)
	next := d.DeepCopy()
	next.Spec.Template.Spec.Containers[0].Image = "x:2"
	w.c.WaitFor(w.t, "the answer, with all devices taken", 60*time.Second, func(ctx context.Context) (bool, string, error) {
		q, err := w.typed.CoreV1().ResourceQuotas(w.ns).Get(ctx, "devices", metav1.GetOptions{})
		if used := q.Status.Used[random.GPUs]; err != nil || used.Value() != 4 {
			return false, fmt.Sprint(q.Status.Used), err
		}
		a := w.ask(next, false)
		return a.Allowed != nil && *a.Allowed == goes, yamlOf(w.t, a), nil
	})
	live, err := w.typed.AppsV1().Deployments(w.ns).Get(w.t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	live.Spec.Template = next.Spec.Template
	if _, err := w.typed.AppsV1().Deployments(w.ns).Update(w.t.Context(), live, metav1.UpdateOptions{}); err != nil {
		w.t.Fatal(err)
	}
	updated := int32(2)
	if !goes {
		updated = 1 // it is there, and waits for its claim
	}
	w.await("the new pods", updated, 2)
}
