package quota

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// ledger is a quota with its use, which runs on as objects are let in.
type ledger struct {
	quota   *corev1.ResourceQuota
	used    corev1.ResourceList
	classes *deviceClasses
	// atLeast are names under which more may be used, and the kinds that were not read.
	atLeast map[corev1.ResourceName]snapshot.Kind
}

// newLedger begins with what the quota's status says. That, not the spec, is
// what the API server goes by.
func newLedger(q *corev1.ResourceQuota, classes *deviceClasses) *ledger {
	return &ledger{quota: q, used: sum(q.Status.Used), classes: classes}
}

// tracked is the part of the quota's names that the object counts for.
func (l *ledger) tracked(o snapshot.Object) []corev1.ResourceName {
	return tracked(o, names(l.quota.Status.Hard), l.classes)
}

// takes is what an object that the quota counts takes of it.
func (l *ledger) takes(o snapshot.Object, at time.Time) corev1.ResourceList {
	return only(l.usage(o, at), names(l.quota.Status.Hard))
}

func (l *ledger) usage(o snapshot.Object, at time.Time) corev1.ResourceList {
	if claim, ok := o.(*resourcev1.ResourceClaim); ok {
		return l.classes.usage(claim, nil)
	}
	return Usage(o, at)
}

// matches says whether the quota counts the object: it names a resource that the
// object has, and all of its scopes take it (quota/v1/generic, Matches).
func (l *ledger) matches(o snapshot.Object) bool {
	return len(l.tracked(o)) > 0 && inScope(l.quota, o)
}

// charge is one object before the quotas of its namespace.
type charge struct {
	object, old snapshot.Object
	at          time.Time
}

// delta is what the object adds to the ledger: all of it when it is new or was
// not counted before, else what it grew by.
func (c charge) delta(l *ledger) corev1.ResourceList {
	usage := l.usage(c.object, c.at)
	if c.old != nil && l.matches(c.old) {
		usage = less(usage, l.usage(c.old, c.at))
	}
	return withoutZeros(usage)
}

// check says why quotas refuse the object, and which of them count it. The API
// server asks them in an order that is left to chance and names the first that
// refuses; all that it could name are listed here, by name. What a quota wants
// specified comes before what it has room for (apiserver,
// pkg/admission/plugin/resourcequota, CheckRequest).
func (c charge) check(all []*ledger) (refusals []Refusal, counting []*ledger) {
	for _, l := range all {
		if !l.matches(c.object) {
			continue
		}
		counting = append(counting, l)
		wanted := l.tracked(c.object)
		if missing := unspecified(c.object, wanted); len(missing) > 0 {
			refusals = append(refusals, c.unspecified(l, missing))
		} else if !counted(l, wanted) {
			refusals = append(refusals, c.refuse(l, StatusUnknown, wanted,
				fmt.Sprintf("status unknown for quota: %s, resources: %s", l.quota.Name, printedNames(wanted))))
		}
	}
	if len(refusals) > 0 {
		return refusals, counting
	}
	for _, l := range counting {
		if r, over := c.exceeds(l); over {
			refusals = append(refusals, r)
		}
	}
	return refusals, counting
}

// unsure are the kinds without which one of the ledgers may have less left than it
// says, of what the object takes.
func (c charge) unsure(counting []*ledger) []snapshot.Kind {
	var out []snapshot.Kind
	for _, l := range counting {
		if len(l.atLeast) == 0 {
			continue
		}
		for _, name := range names(c.delta(l)) {
			if kind, unread := l.atLeast[name]; unread {
				out = append(out, kind)
			}
		}
	}
	return out
}

// take writes the object into the ledgers that count it.
func (c charge) take(counting []*ledger) {
	for _, l := range counting {
		addTo(l.used, only(c.delta(l), names(l.quota.Status.Hard)))
	}
}

// exceeds compares only what the object adds to: a quota that is over its hard
// limit in something else does not stand in the way.
func (c charge) exceeds(l *ledger) (Refusal, bool) {
	hard := l.quota.Status.Hard
	asked := only(c.delta(l), names(hard))
	var over []corev1.ResourceName
	for _, name := range names(asked) {
		now, most := l.used[name], hard[name]
		now = now.DeepCopy()
		now.Add(asked[name])
		if now.Cmp(most) > 0 {
			over = append(over, name)
		}
	}
	if len(over) == 0 {
		return Refusal{}, false
	}
	requested, used, limited := only(asked, over), only(l.used, over), only(hard, over)
	r := c.refuse(l, Exceeded, over, fmt.Sprintf("exceeded quota: %s, requested: %s, used: %s, limited: %s",
		l.quota.Name, printed(requested), printed(used), printed(limited)))
	r.Requested, r.Used, r.Hard = requested, used, limited
	return r, true
}

func (c charge) refuse(l *ledger, cause Cause, of []corev1.ResourceName, reason string) Refusal {
	return Refusal{By: ByQuota, Cause: cause, Name: l.quota.Name, Resources: of, Message: forbidden(c.object, reason)}
}

func (c charge) unspecified(l *ledger, missing []MissingKey) Refusal {
	var of []corev1.ResourceName
	parts := make([]string, len(missing))
	for i, m := range missing {
		of = append(of, m.Resource)
		parts[i] = string(m.Resource) + " for: " + strings.Join(m.Containers, ",")
	}
	r := c.refuse(l, Unspecified, of, "failed quota: "+l.quota.Name+": must specify "+strings.Join(parts, "; "))
	r.Missing = missing
	return r
}

// counted says whether the quota's use of these is known already (hasUsageStats).
func counted(l *ledger, of []corev1.ResourceName) bool {
	for _, name := range of {
		if _, ok := l.quota.Status.Used[name]; !ok {
			return false
		}
	}
	return true
}

// unspecified lists what the quota wants said and containers do not say. It is
// asked for CPU and memory only, of init containers too, and of no container
// where the pod as a whole asks for something (pods.go, Constraints: "it was a
// mistake", kept for compatibility).
func unspecified(o snapshot.Object, wanted []corev1.ResourceName) []MissingKey {
	pod, ok := o.(*corev1.Pod)
	if !ok || hasPodLevel(pod) {
		return nil
	}
	var out []MissingKey
	for _, name := range wanted {
		if !mustBeSaid(name) {
			continue
		}
		missing := map[string]bool{}
		each(pod, func(c *corev1.Container, _ bool) {
			if _, said := computeUsage(c.Resources.Requests, c.Resources.Limits)[name]; !said {
				missing[c.Name] = true
			}
		})
		if len(missing) > 0 {
			out = append(out, MissingKey{Resource: name, Containers: sortedKeys(missing)})
		}
	}
	return out
}

func mustBeSaid(name corev1.ResourceName) bool {
	switch name {
	case corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceRequestsCPU, corev1.ResourceRequestsMemory,
		corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory:
		return true
	default:
		return false
	}
}

// hasPodLevel says whether the pod as a whole asks for anything (IsPodLevelResourcesSet).
func hasPodLevel(pod *corev1.Pod) bool {
	return pod.Spec.Resources != nil && has(isPodLevel, pod.Spec.Resources.Requests, pod.Spec.Resources.Limits)
}

func sortedKeys(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// left is how much of a resource a quota has left; negative where it is over.
func (l *ledger) left(name corev1.ResourceName) resource.Quantity {
	q := l.quota.Status.Hard[name]
	q = q.DeepCopy()
	q.Sub(l.used[name])
	return q
}
