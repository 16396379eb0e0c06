package upstream

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/test/quota/random"
)

// FuzzDevices holds claims for devices before random quotas and classes against
// the originals: what they count for, what quotas count, and what refuses them.
func FuzzDevices(f *testing.F) {
	o := start(f)
	for i := range uint64(seeds) {
		f.Add(binary.LittleEndian.AppendUint64(nil, i*0x9e3779b97f4a7c15))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := dice(data)
		c := kase{Devices: d.DeviceClaim("o"), Classes: deviceClasses(d)}
		c.Devices.Namespace = "shop"
		for i := range d.IntN(3) {
			c.Quotas = append(c.Quotas, deviceQuota(d, fmt.Sprintf("quota-%d", i)))
		}
		if d.In(80) {
			c.Pods = append(c.Pods, *devicePod(d))
		}
		for i := range d.IntN(5) {
			there := d.DeviceClaim(fmt.Sprintf("there-%d", i))
			there.Namespace = "shop"
			if d.In(60) {
				madeForPod(d, there)
			}
			c.Claimed = append(c.Claimed, *there)
		}
		a, err := o.ask(&c)
		if err != nil {
			t.Fatal(err)
		}
		compareDevices(t, c, a)
	})
}

// deviceClasses draws some of the classes that claims name; each gives something else out.
func deviceClasses(d random.Dice) []resourcev1.DeviceClass {
	var out []resourcev1.DeviceClass
	for _, name := range []string{"fpga", "gpu", "nic"} {
		if d.In(20) {
			continue
		}
		class := resourcev1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if gives := "example.com/" + name; d.In(60) {
			class.Spec.ExtendedResourceName = &gives
		}
		out = append(out, class)
	}
	return out
}

// devicePod asks for what classes may give out; it names the claim that was made for it, or does not yet.
func devicePod(d random.Dice) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p", UID: types.UID(random.One(d, "u", "u", "u", "other"))}}
	asks := corev1.ResourceList{}
	for _, name := range []corev1.ResourceName{"example.com/gpu", "example.com/fpga", "deviceclass.resource.kubernetes.io/gpu"} {
		if d.In(50) {
			asks[name] = resource.MustParse(random.One(d, "1", "2", "3"))
		}
	}
	pod.Spec.Containers = []corev1.Container{{Name: "app", Image: "x", Resources: corev1.ResourceRequirements{Requests: asks, Limits: asks}}}
	pod.Status.Phase = random.One(d, corev1.PodRunning, corev1.PodRunning, corev1.PodSucceeded)
	if d.In(50) {
		pod.Status.ExtendedResourceClaimStatus = &corev1.PodExtendedResourceClaimStatus{ResourceClaimName: random.One(d, "there-0", "there-1")}
	}
	return pod
}

// madeForPod makes it a claim of the scheduler, or one that only looks like it.
func madeForPod(d random.Dice, claim *resourcev1.ResourceClaim) {
	controls := !d.In(10)
	claim.CreationTimestamp = metav1.Unix(1700000000+d.Int64N(2), 0)
	claim.Annotations = map[string]string{resourcev1.ExtendedResourceClaimAnnotation: random.One(d, "true", "true", "true", "false")}
	claim.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: random.One(d, "Pod", "Pod", "Pod", "Job"), Name: "p", UID: "u", Controller: &controls}}
}

// deviceQuota draws a quota; one with a scope counts no claim for devices, and
// neither does one for the extended resource that no class gives out.
func deviceQuota(d random.Dice, name string) corev1.ResourceQuota {
	q := corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{}}}
	names := []corev1.ResourceName{
		random.GPUs, random.FPGAs, "count/resourceclaims.resource.k8s.io", "requests.example.com/gpu", "requests.example.com/fpga",
		"requests.deviceclass.resource.kubernetes.io/gpu", "requests.deviceclass.resource.kubernetes.io/nic",
	}
	q.Status.Used = corev1.ResourceList{}
	for _, name := range names {
		if !d.In(40) {
			continue
		}
		q.Spec.Hard[name] = resource.MustParse(random.One(d, "1", "3", "8", "40"))
		if !d.In(3) {
			q.Status.Used[name] = resource.MustParse(random.One(d, "0", "1", "2"))
		}
	}
	if d.In(10) {
		q.Spec.Scopes = []corev1.ResourceQuotaScope{corev1.ResourceQuotaScopeNotTerminating}
	}
	q.Status.Hard = q.Spec.Hard
	return q
}

func compareDevices(t *testing.T, c kase, a *answer) {
	t.Helper()
	now, rules := time.Now(), quota.Rules{}
	var there, classes []snapshot.Object
	for i := range c.Classes {
		rules.Devices = append(rules.Devices, &c.Classes[i])
		classes = append(classes, &c.Classes[i])
	}
	for i := range c.Claimed {
		there = append(there, &c.Claimed[i])
	}
	for i := range c.Pods {
		there = append(there, &c.Pods[i])
	}
	everything := func(snapshot.Kind) bool { return true }
	for i := range c.Quotas {
		rules.Quotas = append(rules.Quotas, &c.Quotas[i])
		got := quota.Recount(&c.Quotas[i], append(there, classes...), everything, now)
		if !same(got, a.Counted[i]) {
			t.Errorf("%s counts %v, originally %v", c.Quotas[i].Name, got, a.Counted[i])
		}
	}
	out := quota.NewSpace(rules, now).Try(c.Devices, nil)
	one := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}, Spec: corev1.ResourceQuotaSpec{Hard: a.Usage}}
	if got := quota.Recount(one, append(classes, out.Object), everything, now); !same(got, a.Usage) {
		t.Errorf("counts for %v, originally %v", got, a.Usage)
	}
	if len(out.Unknown) > 0 {
		t.Errorf("%v unknown", out.Unknown)
	}
	if a.Refusal == "" != out.Admitted() || !out.Admitted() && !slices.ContainsFunc(out.Refusals, func(r quota.Refusal) bool { return r.Message == a.Refusal }) {
		t.Errorf("%+v, originally %q", out.Refusals, a.Refusal)
	}
}
