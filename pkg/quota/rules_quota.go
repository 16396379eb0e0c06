package quota

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

func quotasIn(s *snapshot.Snapshot, sc *rule.Scope) []*corev1.ResourceQuota {
	return rule.Members[*corev1.ResourceQuota](s, sc)
}

// The alarms of a quota's line. What is near its hard limit is told as that,
// whatever the soft limit says.
func atHard(u QuotaUse) bool   { return u.Level == LevelHard }
func nearHard(u QuotaUse) bool { return u.Level != LevelHard && u.Percent >= nearPercent }
func overSoft(u QuotaUse) bool { return u.Level == LevelSoft && u.Percent < nearPercent }

// levelRule reports the lines of a quota that set off an alarm: one finding for
// each quota. A limit of zero is a ban, not a quota that is used up.
func levelRule(soft SoftLimits, alarm func(QuotaUse) bool) func(*snapshot.Snapshot, *rule.Scope) []finding.Finding {
	return func(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
		var out []finding.Finding
		for _, q := range quotasIn(s, sc) {
			var lines []QuotaUse
			isSoft := false
			for _, u := range quotaUses(s, q, soft) {
				if hard := q.Status.Hard[corev1.ResourceName(u.Resource)]; alarm(u) && hard.Sign() > 0 {
					lines = append(lines, u)
					isSoft = overSoft(u)
				}
			}
			if len(lines) == 0 {
				continue
			}
			slices.SortStableFunc(lines, func(a, b QuotaUse) int { return b.Percent - a.Percent })
			ref := rule.RefTo(q)
			f := finding.Finding{Object: ref, Confidence: finding.Certain}
			var keys []string
			for _, u := range lines {
				keys = append(keys, u.Resource)
				value := fmt.Sprintf("%s of %s (%d%%)", u.Used, u.Hard, u.Percent)
				if isSoft {
					value += ", soft limit " + u.Soft
				}
				f.Evidence = append(f.Evidence, finding.Evidence{Object: ref.String(), Path: "status.used." + u.Resource, Value: value})
			}
			first := lines[0]
			f.Args = map[string]any{
				"quota": q.Name, "namespace": q.Namespace, "keys": strings.Join(keys, ", "), "n": len(keys), "key": first.Resource,
				"used": first.Used, "hard": first.Hard, "percent": first.Percent, "soft": first.Soft,
				"over": first.Percent > 100,
			}
			out = append(out, f)
		}
		return out
	}
}

// systemNamespaces belong to the cluster; it is not for an audit to limit them.
func systemNamespace(name string) bool {
	return name == "kube-system" || name == "kube-public" || name == "kube-node-lease"
}

// checkUnlimited: pods run in a namespace in which no quota counts CPU or memory.
func checkUnlimited(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, ns := range sc.Targets {
		quotas, a := snapshot.List[*corev1.ResourceQuota](s, ns.Name, nil)
		if a.State != snapshot.Present || systemNamespace(ns.Name) || len(worksIn(s, sc, ns.Name)) == 0 {
			continue
		}
		counts := slices.ContainsFunc(quotas, func(q *corev1.ResourceQuota) bool { return slices.ContainsFunc(names(q.Spec.Hard), mustBeSaid) })
		if counts {
			continue
		}
		out = append(out, finding.Finding{
			Object:   ns,
			Args:     map[string]any{"namespace": ns.Name, "quotas": len(quotas)},
			Evidence: []finding.Evidence{{Object: ns.String(), Path: "resourcequotas that count CPU or memory", Value: "0"}},
		})
	}
	return out
}

// driftQuiet is how long nothing may have come or gone in a namespace before a
// difference is worth a word: lists of several kinds are not of one moment.
const driftQuiet = 2 * time.Minute

// checkDrift: a quota says another use than its objects add up to (the race of
// kubernetes#123434 leaves it so until something changes). Silent while pods
// come, go or are resized, and about kinds that are not read.
func checkDrift(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	classes := deviceClassesOf(s)
	for _, q := range quotasIn(s, sc) {
		r, quiet := countable(s, q.Namespace, classes)
		if !quiet {
			continue
		}
		ref := rule.RefTo(q)
		f := finding.Finding{Object: ref, Confidence: finding.Likely}
		var keys []string
		more := false
		for _, d := range r.differences(q) {
			keys = append(keys, string(d.name))
			more = more || d.is.Cmp(d.says) > 0
			f.Evidence = append(f.Evidence, finding.Evidence{Object: ref.String(), Path: "status.used." + string(d.name), Value: fit.Human(plain(d.name), d.says, true) + ", counted " + fit.Human(plain(d.name), d.is, true)})
		}
		if len(keys) == 0 {
			continue
		}
		f.Args = map[string]any{"quota": q.Name, "namespace": q.Namespace, "keys": strings.Join(keys, ", "), "more": more}
		out = append(out, f)
	}
	return out
}

// difference is a line of a quota that says something else than what was counted.
type difference struct {
	name     corev1.ResourceName
	says, is resource.Quantity
}

// differences lists them. An extended resource has none where the quota says what
// pods alone add up to, as an API server with DRAExtendedResource off counts it,
// and none above that where claims may have the rest.
func (r recount) differences(q *corev1.ResourceQuota) []difference {
	known, sure := r.names(q)
	counted := r.count(q, known)
	var pods corev1.ResourceList
	if slices.ContainsFunc(known, isQuotaForExtended) {
		r.classes = claimsAlone()
		pods = r.count(q, known)
	}
	var out []difference
	for _, name := range known {
		says, ok := q.Status.Used[name]
		is := counted[name]
		if isQuotaForExtended(name) {
			least := pods[name]
			if says.Cmp(least) == 0 {
				continue
			}
			if !slices.Contains(sure, name) {
				is = least
				ok = ok && says.Cmp(least) < 0
			}
		}
		if hard := q.Status.Hard[name]; ok && says.Cmp(is) != 0 && hard.Cmp(q.Spec.Hard[name]) == 0 {
			out = append(out, difference{name, says, is})
		}
	}
	return out
}

// countable are the objects of a namespace that quotas count and an audit
// reads, and whether nothing has changed lately.
func countable(s *snapshot.Snapshot, namespace string, classes *deviceClasses) (r recount, quiet bool) {
	r = recount{classes: classes, read: map[snapshot.Kind]bool{}, at: s.TakenAt}
	for _, kind := range []snapshot.Kind{"Pod", "PersistentVolumeClaim", "Service", "ResourceClaim"} {
		r.objects = append(r.objects, s.OfKind(kind, namespace)...)
		r.read[kind] = s.Covered(kind, namespace, "").State == snapshot.Present
	}
	quiet = true
	for _, o := range r.objects {
		lately := s.TakenAt.Sub(o.GetCreationTimestamp().Time) < driftQuiet
		if p, ok := o.(*corev1.Pod); ok {
			lately = lately || p.DeletionTimestamp != nil || resizing(p) || endedAfter(p, s.TakenAt.Add(-driftQuiet))
		}
		quiet = quiet && !lately
	}
	return r, quiet
}

// resizing says that the pod's status asks for other resources than its spec:
// then versions of Kubernetes count it differently.
func resizing(p *corev1.Pod) bool {
	return reportsSize(p) && (!equal(Requests(p, Charged), Requests(p, Incoming)) || !equal(Limits(p, Charged), Limits(p, Incoming)))
}

func endedAfter(p *corev1.Pod, t time.Time) bool {
	for _, c := range p.Status.ContainerStatuses {
		if e := c.State.Terminated; e != nil && e.FinishedAt.After(t) {
			return true
		}
	}
	return false
}

// checkFinishedPods: pods that have finished fill a quota on count/pods.
func checkFinishedPods(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, q := range quotasIn(s, sc) {
		used, hard := q.Status.Used["count/pods"], q.Status.Hard["count/pods"]
		if _, percent := level(used, hard, nil); percent < nearPercent {
			continue
		}
		finished := 0
		for _, o := range s.OfKind("Pod", q.Namespace) {
			if p, ok := o.(*corev1.Pod); ok && !charged(p, s.TakenAt) && inScope(q, p) {
				finished++
			}
		}
		if finished == 0 {
			continue
		}
		ref := rule.RefTo(q)
		out = append(out, finding.Finding{
			Object: ref, Confidence: finding.Certain,
			Args:     map[string]any{"quota": q.Name, "namespace": q.Namespace, "n": finished, "used": used.String(), "hard": hard.String()},
			Evidence: []finding.Evidence{{Object: ref.String(), Path: "status.used.count/pods", Value: used.String() + " of " + hard.String()}, {Object: ref.String(), Path: "finished pods", Value: fmt.Sprint(finished)}},
		})
	}
	return out
}

// checkRangeConflict: two LimitRanges give different defaults for the same
// resource, of which the API server takes either; or what one demands another forbids.
func checkRangeConflict(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, ns := range sc.Targets {
		ranges, _ := snapshot.List[*corev1.LimitRange](s, ns.Name, nil)
		for i, a := range ranges {
			for _, b := range ranges[:i] {
				if f, found := rangesConflict(withRangeDefaults(b), withRangeDefaults(a)); found {
					out = append(out, f)
				}
			}
		}
	}
	return out
}

func rangesConflict(a, b *corev1.LimitRange) (finding.Finding, bool) {
	f := finding.Finding{Object: rule.RefTo(b), Confidence: finding.Certain, Via: []finding.Ref{rule.RefTo(a)}}
	var keys []string
	impossible := false
	note := func(path string, name corev1.ResourceName, x, y resource.Quantity) {
		keys = append(keys, path+"."+string(name))
		f.Evidence = append(f.Evidence,
			finding.Evidence{Object: rule.RefTo(a).String(), Path: "spec.limits[Container]." + path + "." + string(name), Value: x.String()},
			finding.Evidence{Object: rule.RefTo(b).String(), Path: "spec.limits[Container]." + path + "." + string(name), Value: y.String()})
	}
	x, y := containerItem(a), containerItem(b)
	for _, pair := range []struct {
		path string
		a, b corev1.ResourceList
	}{{"default", x.Default, y.Default}, {"defaultRequest", x.DefaultRequest, y.DefaultRequest}} {
		for _, name := range names(pair.a) {
			p := pair.a[name]
			if q, both := pair.b[name]; both && p.Cmp(q) != 0 {
				note(pair.path, name, p, q)
			}
		}
	}
	for _, pair := range [][2]corev1.LimitRangeItem{{x, y}, {y, x}} {
		for _, name := range names(pair[0].Min) {
			low := pair[0].Min[name]
			if high, both := pair[1].Max[name]; both && low.Cmp(high) > 0 {
				impossible = true
				note("min over max", name, low, high)
			}
		}
	}
	if len(keys) == 0 {
		return f, false
	}
	if impossible {
		f.Severity = finding.Error
	}
	f.Args = map[string]any{"first": a.Name, "second": b.Name, "namespace": b.Namespace, "keys": strings.Join(keys, ", "), "impossible": impossible}
	return f, true
}

// containerItem is what a LimitRange says of containers.
func containerItem(lr *corev1.LimitRange) corev1.LimitRangeItem {
	for _, item := range lr.Spec.Limits {
		if item.Type == corev1.LimitTypeContainer {
			return item
		}
	}
	return corev1.LimitRangeItem{}
}
