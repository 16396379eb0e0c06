package upstream

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/test/quota/random"
)

// source draws from the fuzzer's bytes, and from a generator behind them.
type source struct {
	data []byte
	rest *rand.PCG
}

func (s *source) Uint64() uint64 {
	if len(s.data) < 8 {
		return s.rest.Uint64()
	}
	n := binary.LittleEndian.Uint64(s.data)
	s.data = s.data[8:]
	return n
}

func dice(data []byte) random.Dice {
	seed := uint64(len(data))
	for _, b := range data {
		seed = seed*1099511628211 + uint64(b)
	}
	return random.Dice{Rand: rand.New(&source{data: data, rest: rand.NewPCG(seed, 7)})}
}

// seeds is how many random cases a test without the fuzzer takes.
const seeds = 1000

// FuzzQuota holds one object before random quotas and LimitRanges against the
// originals: sizes, what quotas count, defaults, and what refuses it in which words.
func FuzzQuota(f *testing.F) {
	o := start(f)
	for i := range uint64(seeds) {
		f.Add(binary.LittleEndian.AppendUint64(nil, i*0x9e3779b97f4a7c15))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := dice(data)
		c := drawn(d)
		a, err := o.ask(&c.kase)
		if err != nil {
			t.Fatal(err)
		}
		c.compare(t, a)
	})
}

// drawnCase is a case with what both sides need to know.
type drawnCase struct {
	kase
	object, old snapshot.Object
	rules       quota.Rules
	now         time.Time
}

func drawn(d random.Dice) *drawnCase {
	c := &drawnCase{now: time.Now(), rules: classes()}
	for i := range d.IntN(4) {
		q := d.Quota(fmt.Sprintf("quota-%d", i))
		q.Namespace, q.Status.Hard, q.Status.Used = "shop", q.Spec.Hard, corev1.ResourceList{}
		for name, hard := range q.Spec.Hard {
			used := random.One(d, "0", "1", "900m", hard.String())
			if q.Status.Used[name] = resource.MustParse(used); d.In(1) {
				delete(q.Status.Used, name)
			}
		}
		c.Quotas = append(c.Quotas, *q)
	}
	for i := range d.IntN(3) {
		lr := d.LimitRange(fmt.Sprintf("range-%d", i))
		lr.Namespace = "shop"
		c.Ranges = append(c.Ranges, *lr)
	}
	for i := range d.IntN(6) {
		pod := d.Pod(fmt.Sprintf("there-%d", i))
		pod.Namespace = "shop"
		d.Disturb(pod, c.now)
		c.Pods = append(c.Pods, *pod)
	}
	c.draw(d)
	for i := range c.Quotas {
		c.rules.Quotas = append(c.rules.Quotas, &c.Quotas[i])
	}
	for i := range c.Ranges {
		c.rules.LimitRanges = append(c.rules.LimitRanges, &c.Ranges[i])
	}
	return c
}

// draw makes the object; a changed one now and then.
func (c *drawnCase) draw(d random.Dice) {
	switch r := d.IntN(10); {
	case r < 7:
		c.Pod = d.Pod("o")
		c.Pod.Namespace = "shop"
		if c.Pod.Spec.PriorityClassName == "no-such-class" {
			c.Pod.Spec.PriorityClassName = ""
		}
		if name := c.Pod.Spec.RuntimeClassName; name != nil && *name == "no-such-runtime" {
			c.Pod.Spec.RuntimeClassName = nil
		}
		d.Disturb(c.Pod, c.now)
		c.object = c.Pod
	case r < 9:
		c.Claim = d.Claim("o")
		c.Claim.Namespace, c.object = "shop", c.Claim
		if d.In(40) {
			c.OldClaim = d.Claim("o")
			c.OldClaim.Namespace, c.OldClaim.ResourceVersion, c.old = "shop", "1", c.OldClaim
			c.OldClaim.Spec.StorageClassName, c.OldClaim.Annotations = c.Claim.Spec.StorageClassName, c.Claim.Annotations
		}
	default:
		c.Service = d.Service("o")
		c.Service.Namespace, c.object = "shop", c.Service
		if d.In(40) {
			c.OldService = d.Service("o")
			c.OldService.Namespace, c.OldService.ResourceVersion, c.old = "shop", "1", c.OldService
		}
	}
}

// classes are those that the dice name.
func classes() quota.Rules {
	overhead := &nodev1.Overhead{PodFixed: corev1.ResourceList{"cpu": resource.MustParse("150m"), "memory": resource.MustParse("64Mi")}}
	return quota.Rules{
		Priorities: []*schedulingv1.PriorityClass{
			{ObjectMeta: metav1.ObjectMeta{Name: random.LowClass}, Value: 10}, {ObjectMeta: metav1.ObjectMeta{Name: random.HighClass}, Value: 1000},
		},
		Runtimes: []*nodev1.RuntimeClass{{ObjectMeta: metav1.ObjectMeta{Name: random.HeavyRuntime}, Overhead: overhead}, {ObjectMeta: metav1.ObjectMeta{Name: random.LightRuntime}}},
	}
}

func (c *drawnCase) compare(t *testing.T, a *answer) {
	t.Helper()
	c.compareSizes(t, a)
	c.compareCounts(t, a)
	// The originals have no RuntimeClass plugin, which runs behind the defaults.
	if c.Pod != nil && c.Pod.Spec.RuntimeClassName != nil {
		return
	}
	// LimitRanges are applied in the order given: by name, as pkg/quota does.
	out := quota.NewSpace(c.rules, c.now).Try(c.object, c.old)
	switch {
	case a.Refusal == "" && !out.Admitted():
		t.Errorf("let in; pkg/quota says %s", out.Refusals[0].Message)
	case a.Refusal == "":
		c.compareStored(t, a, out)
	case !slices.ContainsFunc(out.Refusals, func(r quota.Refusal) bool { return sorted(r.Message) == sorted(a.Refusal) }):
		said := "lets it in"
		if !out.Admitted() {
			said = "says " + out.Refusals[0].Message
		}
		t.Errorf("refused with %s\npkg/quota %s", a.Refusal, said)
	}
}

// sorted puts what is listed in a random order into one order.
func sorted(message string) string {
	all := strings.Split(strings.NewReplacer("[", "", "]", " ", " is forbidden: ", ", ", " is invalid: ", ", ").Replace(message), ", ")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	slices.Sort(all)
	return strings.Join(all, "|")
}

func (c *drawnCase) compareSizes(t *testing.T, a *answer) {
	t.Helper()
	if c.Pod == nil {
		return
	}
	for _, s := range []struct {
		what      string
		got, want corev1.ResourceList
	}{
		{"incoming requests", quota.Requests(c.Pod, quota.Incoming), a.Sizes.Incoming}, {"incoming limits", quota.Limits(c.Pod, quota.Incoming), a.Sizes.IncomingLimits},
		{"placed requests", quota.Requests(c.Pod, quota.Placed), a.Sizes.Placed}, {"placed limits", quota.Limits(c.Pod, quota.Placed), a.Sizes.PlacedLimits},
		{"charged requests", quota.Requests(c.Pod, quota.Charged), a.Sizes.Charged}, {"charged limits", quota.Limits(c.Pod, quota.Charged), a.Sizes.ChargedLimits},
	} {
		if !same(s.got, s.want) {
			t.Errorf("%s: %v, originally %v", s.what, s.got, s.want)
		}
	}
	placed := quota.Requests(c.Pod, quota.Placed)
	if cpu, memory := placed[corev1.ResourceCPU], placed[corev1.ResourceMemory]; cpu.MilliValue() != a.Sizes.SchedulerMilliCPU || memory.Value() != a.Sizes.SchedulerMemory {
		t.Errorf("the scheduler's books say %dm and %d, not %s and %s", a.Sizes.SchedulerMilliCPU, a.Sizes.SchedulerMemory, cpu.String(), memory.String())
	}
	if qos := quota.QoS(c.Pod); qos != a.Sizes.QOS {
		t.Errorf("class %s, originally %s", qos, a.Sizes.QOS)
	}
}

// compareCounts: what each quota's objects add up to, and which quotas count the object.
func (c *drawnCase) compareCounts(t *testing.T, a *answer) {
	t.Helper()
	var objects []snapshot.Object
	for i := range c.Pods {
		objects = append(objects, &c.Pods[i])
	}
	for i := range c.Quotas {
		got := quota.Recount(&c.Quotas[i], objects, func(snapshot.Kind) bool { return true }, c.now)
		if !same(got, a.Counted[i]) {
			t.Errorf("%s counts %v, originally %v", c.Quotas[i].Name, got, a.Counted[i])
		}
	}
}

// compareStored: the defaults, and what the object counts for.
func (c *drawnCase) compareStored(t *testing.T, a *answer, out quota.Outcome) {
	t.Helper()
	if got := quota.Usage(out.Object, c.now); !same(got, a.Usage) {
		t.Errorf("counts for %v, originally %v", got, a.Usage)
	}
	pod, ok := out.Object.(*corev1.Pod)
	if !ok {
		return
	}
	for i := range pod.Spec.Containers {
		if !equality.Semantic.DeepEqual(pod.Spec.Containers[i].Resources, a.Pod.Spec.Containers[i].Resources) {
			t.Errorf("container %d: %v, originally %v", i, pod.Spec.Containers[i].Resources, a.Pod.Spec.Containers[i].Resources)
		}
	}
	for i := range pod.Spec.InitContainers {
		if !equality.Semantic.DeepEqual(pod.Spec.InitContainers[i].Resources, a.Pod.Spec.InitContainers[i].Resources) {
			t.Errorf("init container %d: %v, originally %v", i, pod.Spec.InitContainers[i].Resources, a.Pod.Spec.InitContainers[i].Resources)
		}
	}
	if !equality.Semantic.DeepEqual(pod.Spec.Resources, a.Pod.Spec.Resources) {
		t.Errorf("the pod as a whole: %v, originally %v", pod.Spec.Resources, a.Pod.Spec.Resources)
	}
}

// same compares lists; what is not in one is zero in the other.
func same(a, b corev1.ResourceList) bool {
	for name, q := range a {
		if other := b[name]; q.Cmp(other) != 0 {
			return false
		}
	}
	for name, q := range b {
		if other := a[name]; q.Cmp(other) != 0 {
			return false
		}
	}
	return true
}
