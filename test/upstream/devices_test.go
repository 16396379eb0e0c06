package upstream

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/test/quota/random"
)

// FuzzDevices holds claims for devices before random quotas against the
// originals: what they count for, what quotas count, and what refuses them.
func FuzzDevices(f *testing.F) {
	o := start(f)
	for i := range uint64(seeds / 4) {
		f.Add(binary.LittleEndian.AppendUint64(nil, i*0x9e3779b97f4a7c15))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := dice(data)
		c := kase{Devices: d.DeviceClaim("o")}
		c.Devices.Namespace = "shop"
		for i := range d.IntN(3) {
			c.Quotas = append(c.Quotas, deviceQuota(d, fmt.Sprintf("quota-%d", i)))
		}
		for i := range d.IntN(5) {
			there := d.DeviceClaim(fmt.Sprintf("there-%d", i))
			there.Namespace = "shop"
			c.Claimed = append(c.Claimed, *there)
		}
		a, err := o.ask(&c)
		if err != nil {
			t.Fatal(err)
		}
		compareDevices(t, c, a)
	})
}

// deviceQuota draws a quota; one with a scope counts no claim for devices, and
// neither does one for the extended resource that no class gives out.
func deviceQuota(d random.Dice, name string) corev1.ResourceQuota {
	q := corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{}}}
	names := []corev1.ResourceName{random.GPUs, random.FPGAs, "count/resourceclaims.resource.k8s.io", "requests.example.com/gpu", "requests.deviceclass.resource.kubernetes.io/gpu"}
	q.Status.Used = corev1.ResourceList{}
	for _, name := range names {
		if d.In(50) {
			q.Spec.Hard[name] = resource.MustParse(random.One(d, "1", "3", "8", "40"))
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
	var there []snapshot.Object
	for i := range c.Claimed {
		there = append(there, &c.Claimed[i])
	}
	for i := range c.Quotas {
		rules.Quotas = append(rules.Quotas, &c.Quotas[i])
		got := quota.Recount(&c.Quotas[i], there, func(k snapshot.Kind) bool { return k == "ResourceClaim" }, now)
		if want := onlyDevices(a.Counted[i]); !same(got, want) {
			t.Errorf("%s counts %v, originally %v", c.Quotas[i].Name, got, want)
		}
	}
	out := quota.NewSpace(rules, now).Try(c.Devices, nil)
	if got, want := quota.Usage(out.Object, now), onlyDevices(a.Usage); !same(got, want) {
		t.Errorf("counts for %v, originally %v", got, want)
	}
	if len(out.Unknown) > 0 && out.Admitted() {
		return // what an extended resource counts, and so whether it refuses, is not claimed to be known
	}
	if a.Refusal == "" != out.Admitted() || !out.Admitted() && !slices.ContainsFunc(out.Refusals, func(r quota.Refusal) bool { return agrees(r, a.Refusal) }) {
		t.Errorf("%+v, originally %q", out.Refusals, a.Refusal)
	}
}

// agrees: the same quota refuses; where it counts extended resources as well, the
// originals list those too.
func agrees(r quota.Refusal, said string) bool {
	if !strings.Contains(said, "requests.") {
		return r.Message == said
	}
	return true
}

// onlyDevices leaves out what devices count for as extended resources: that
// hangs on the classes and on the pods that the claims are made for.
func onlyDevices(list corev1.ResourceList) corev1.ResourceList {
	out := maps.Clone(list)
	maps.DeleteFunc(out, func(name corev1.ResourceName, _ resource.Quantity) bool {
		return strings.HasPrefix(string(name), "requests.")
	})
	return out
}
