package plan

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// quotaShortage is a ResourceQuota, or a LimitRange, that does not let the new Pods in.
type quotaShortage struct {
	refusal quota.Refusal
	// mix is where on the way it refuses; placed of the extra Pods it lets in.
	mix    rollout.Mix
	placed int
}

// reckon works out what the extra Pods need of quotas and nodes.
func (d *draft) reckon() {
	d.capacity = Capacity{ExtraPods: d.extra, Quota: []QuotaLine{}, Room: Room{State: RoomUnknown}}
	if d.w.replicas < 1 {
		return
	}
	pod := podOf(d.w, d.new)
	quotas, a := snapshot.List[*corev1.ResourceQuota](d.s, d.w.ref.Namespace, nil)
	if a.State == snapshot.Present {
		admitted := d.admission(quotas).Try(pod, nil)
		if stored, ok := admitted.Object.(*corev1.Pod); ok {
			pod = stored
		}
		d.charge(quotas, pod)
		d.lines(quotas, pod)
	}
	d.findRoom(pod)
}

// admission is the namespace as the API server sees it, with these quotas.
func (d *draft) admission(quotas []*corev1.ResourceQuota) *quota.Space {
	rules := quota.Rules{Quotas: quotas, Unread: map[snapshot.Kind]string{}}
	ranges, a := snapshot.List[*corev1.LimitRange](d.s, d.w.ref.Namespace, nil)
	rules.LimitRanges = ranges
	if a.State != snapshot.Present {
		rules.Unread["LimitRange"] = a.Why
	}
	if classes, a := snapshot.List[*schedulingv1.PriorityClass](d.s, "", nil); a.State == snapshot.Present {
		rules.Priorities = classes
	} else {
		rules.Unread["PriorityClass"] = a.Why
	}
	rules.Unread["RuntimeClass"], rules.Unread["StorageClass"] = snapshot.NotRead, snapshot.NotRead
	return quota.NewSpace(rules, d.s.TakenAt)
}

// charge lets the new Pods in one by one, at each moment that may be the worst:
// the quotas count old and new Pods alike, so that the sum is largest either
// where there are the most Pods, or where the most of them are new ones.
func (d *draft) charge(quotas []*corev1.ResourceQuota, pod *corev1.Pod) {
	old := podOf(d.w, d.old)
	if stored, ok := d.admission(nil).Try(old, nil).Object.(*corev1.Pod); ok {
		old = stored
	}
	for _, mix := range d.worst() {
		space := d.admission(without(quotas, quota.Usage(old, d.s.TakenAt), d.w.replicas-mix.Old))
		for i := range mix.New {
			outcome := space.Admit(pod, nil)
			for _, r := range outcome.Refusals {
				d.short(quotaShortage{refusal: r, mix: mix, placed: i})
			}
			if !outcome.Admitted() {
				break
			}
		}
	}
}

// short notes each quota once.
func (d *draft) short(s quotaShortage) {
	same := func(known quotaShortage) bool {
		return known.refusal.By == s.refusal.By && known.refusal.Name == s.refusal.Name && known.refusal.Cause == s.refusal.Cause
	}
	if !slices.ContainsFunc(d.quotas, same) {
		d.quotas = append(d.quotas, s)
	}
}

// worst are the mixes that matter: the first and the last of those with the most Pods, and the last of all.
func (d *draft) worst() []rollout.Mix {
	var most []rollout.Mix
	for _, m := range d.path {
		if m.New > 0 && m.Old+m.New == d.w.replicas+d.extra {
			most = append(most, m)
		}
	}
	var out []rollout.Mix
	if len(most) > 0 {
		out = append(out, most[0], most[len(most)-1])
	}
	if end := d.path[len(d.path)-1]; end.New > 0 {
		out = append(out, end)
	}
	return slices.Compact(out)
}

// without gives the quotas with that many old Pods less in use. A quota with
// scopes may not count them, so that it is left as it is: it is then short
// sooner than in truth only where the new version is larger than the old.
func without(quotas []*corev1.ResourceQuota, usage corev1.ResourceList, pods int) []*corev1.ResourceQuota {
	out := make([]*corev1.ResourceQuota, len(quotas))
	for i, q := range quotas {
		out[i] = q
		if pods < 1 || len(q.Spec.Scopes) > 0 || q.Spec.ScopeSelector != nil {
			continue
		}
		out[i] = q.DeepCopy()
		for name, one := range usage {
			if used, ok := out[i].Status.Used[name]; ok {
				used.Sub(times(one, pods))
				out[i].Status.Used[name] = used
			}
		}
	}
	return out
}

func times(q resource.Quantity, n int) resource.Quantity {
	out := q.DeepCopy()
	out.Mul(int64(n))
	return out
}

// lines lists what the extra Pods add to each limit that counts them.
func (d *draft) lines(quotas []*corev1.ResourceQuota, pod *corev1.Pod) {
	usage := quota.Usage(pod, d.s.TakenAt)
	for _, q := range quotas {
		refused := map[corev1.ResourceName]bool{}
		for _, s := range d.quotas {
			for _, name := range s.refusal.Resources {
				refused[name] = refused[name] || s.refusal.Name == q.Name
			}
		}
		for name, hard := range q.Status.Hard {
			one, counts := usage[name]
			scoped := len(q.Spec.Scopes) > 0 || q.Spec.ScopeSelector != nil
			if !counts || scoped && !refused[name] {
				continue
			}
			used := q.Status.Used[name]
			d.capacity.Quota = append(d.capacity.Quota, QuotaLine{
				Quota: q.Name, Resource: string(name), Short: refused[name],
				Hard: fit.Human(plain(name), hard, false), Used: fit.Human(plain(name), used, true),
				Extra: fit.Human(plain(name), times(one, d.extra), true),
			})
		}
	}
	slices.SortFunc(d.capacity.Quota, func(a, b QuotaLine) int {
		return strings.Compare(a.Quota+"\x00"+a.Resource, b.Quota+"\x00"+b.Resource)
	})
}

// plain is the resource that a quota's name is about: "requests.memory" is memory.
func plain(name corev1.ResourceName) corev1.ResourceName {
	for _, prefix := range []string{"requests.", "limits."} {
		if rest, ok := strings.CutPrefix(string(name), prefix); ok {
			return corev1.ResourceName(rest)
		}
	}
	return name
}
