package plan

import (
	"fmt"
	"strings"
	"time"

	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// tooFar: a share more than ten times the one asked for is no longer a smaller
// risk than asked, but the thing that a canary is there to avoid. Below that the
// plan says what comes of it, and the user decides.
const tooFar = 10

// checkWeights: shares come in steps of whole Pods. All steps that are off are one finding.
func (d *draft) checkWeights() []finding.Finding {
	var parts []string
	var asked []rollout.Weight
	count := "spec.replicas"
	if d.w.daemon != nil {
		count = "status.desiredNumberScheduled"
	}
	seen := []finding.Evidence{d.seen(count, fmt.Sprint(d.w.replicas))}
	far := ""
	for _, s := range d.steps {
		if s.Old+s.New == 0 {
			continue
		}
		asked = append(asked, s.Asked)
		if s.isNear() {
			continue
		}
		parts = append(parts, fmt.Sprintf("%s -> %s %%", s.Asked, s.Reachable))
		value := fmt.Sprintf("asked %s %%, reachable %s %% (%d old + %d new Pods)", s.Asked, s.Reachable, s.Old, s.New)
		if s.ReplicasToReach > 0 {
			value += fmt.Sprintf(", near enough with %d replicas", s.ReplicasToReach)
		}
		seen = append(seen, d.seen(fmt.Sprintf("step %d", s.N), value))
		if s.Reachable > s.Asked*tooFar {
			far = s.Asked.String()
		}
	}
	if len(parts) == 0 {
		return nil
	}
	f := d.found(map[string]any{
		"steps": strings.Join(parts, ", "), "n": len(parts), "replicas": d.replicasFor(asked...), "now": d.w.replicas, "daemon": d.w.daemon != nil,
		"far": far, "smallest": d.smallest().String(), "suggest": d.reachableSteps(),
	}, seen...)
	if far != "" {
		f.Severity = finding.Error
	}
	return []finding.Finding{f}
}

// smallest is the smallest share that the workload can give.
func (d *draft) smallest() rollout.Weight {
	m, err := rollout.Reach(d.w.ref.Kind, d.w.replicas, d.surge(), 0.01)
	if err != nil {
		return 0
	}
	return round(m.Share())
}

// reachableSteps are the steps as they come out, each once, as --steps takes them.
func (d *draft) reachableSteps() string {
	var out []string
	for _, s := range d.steps {
		if w := s.Reachable.String(); len(out) == 0 || out[len(out)-1] != w {
			out = append(out, w)
		}
	}
	return strings.Join(out, ",")
}

// checkQuota: a ResourceQuota does not let all new Pods in. They are refused one
// by one, and the rollout would wait until its time is over, with the quota used up for everybody else.
func (d *draft) checkQuota() []finding.Finding {
	var out []finding.Finding
	for _, s := range d.quotas {
		r := s.refusal
		if r.By != quota.ByQuota || r.Cause != quota.Exceeded && r.Cause != quota.Unspecified {
			continue
		}
		var missing, over []string
		for _, m := range r.Missing {
			missing = append(missing, string(m.Resource))
		}
		for _, name := range r.Resources {
			over = append(over, string(name))
		}
		args := map[string]any{
			"quota": r.Name, "missing": strings.Join(missing, ", "), "over": strings.Join(over, ", "), "placed": s.placed,
			"needed": s.mix.New, "old": s.mix.Old, "fewer": d.fewer(s.placed),
		}
		ref := finding.Ref{Kind: "ResourceQuota", Namespace: d.w.ref.Namespace, Name: r.Name}
		f := d.found(args, finding.Evidence{Object: ref.String(), Path: "admission of a new Pod", Value: r.Reason()})
		for _, l := range d.capacity.Quota {
			if l.Quota == r.Name && l.Short {
				f.Evidence = append(f.Evidence, finding.Evidence{
					Object: ref.String(), Path: "status.hard[" + l.Resource + "]",
					Value: fmt.Sprintf("%s, used %s, extra Pods add %s", l.Hard, l.Used, l.Extra),
				})
			}
		}
		f.Via = []finding.Ref{ref}
		out = append(out, f)
	}
	return out
}

// fewer is how a plan with fewer extra Pods would be asked for; empty where
// there is none, or where not even one more Pod gets a place.
func (d *draft) fewer(placed int) string {
	switch {
	case d.extra <= 1 || placed < 1:
		return ""
	case d.spec.Strategy == rollout.BlueGreen:
		return "--strategy canary --max-surge 1"
	}
	return "--max-surge 1"
}

// checkPodsRefused: something else of admission does not let the new Pods in.
func (d *draft) checkPodsRefused() []finding.Finding {
	var out []finding.Finding
	for _, s := range d.quotas {
		if s.refusal.By == quota.ByQuota {
			continue
		}
		by := string(s.refusal.By)
		if s.refusal.Name != "" {
			by += " " + s.refusal.Name
		}
		out = append(out, d.found(map[string]any{"message": s.refusal.Reason(), "by": by},
			finding.Evidence{Object: d.w.ref.String(), Path: "admission of a new Pod", Value: s.refusal.Message}))
	}
	return out
}

// checkRoom: the nodes do not take the extra Pods. It is an error where that is
// certain; where nodes may be added, or where the reckoning leaves something out, a warning.
func (d *draft) checkRoom() []finding.Finding {
	if d.capacity.Room.State != RoomShort {
		return nil
	}
	change := ""
	if c, ok := d.place.verdict.SmallestChange(); ok {
		change = c.String()
	}
	f := d.found(map[string]any{
		"extra": d.extra, "placed": d.capacity.Room.Placed, "message": d.capacity.Room.Why, "change": change, "grows": d.place.grows, "fewer": d.fewer(d.capacity.Room.Placed),
	}, finding.Evidence{Object: "nodes", Path: "fit", Value: d.capacity.Room.Why})
	for i, n := range d.place.verdict.Nearest() {
		if i == shownNodes {
			break
		}
		f.Evidence = append(f.Evidence, finding.Evidence{Object: "node/" + n.Node, Path: "fit", Value: n.String()})
	}
	if !d.place.certain || d.place.grows != "" {
		f.Severity, f.Confidence = finding.Warning, finding.Likely
	}
	for _, g := range d.place.verdict.NotModelled {
		f.Evidence = append(f.Evidence, finding.Evidence{Object: d.w.ref.String(), Path: "not reckoned with", Value: g.String()})
	}
	return []finding.Finding{f}
}

// shownNodes bounds the nodes that evidence lists one by one.
const shownNodes = 5

// checkBudgets: StatefulSets and DaemonSets replace Pods in place, so that one
// less is ready for a while; a Deployment takes an old Pod only where a new one
// is ready beyond it. A budget that never leaves that much keeps it waiting for ever.
func (d *draft) checkBudgets() []finding.Finding {
	budgets, _ := snapshot.List[*policyv1.PodDisruptionBudget](d.s, d.w.ref.Namespace, nil)
	var out []finding.Finding
	for _, b := range budgets {
		selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
		if err != nil || selector.Empty() && b.Spec.Selector == nil || !selector.Matches(labels.Set(d.new.Labels)) {
			continue
		}
		st := b.Status
		if st.ObservedGeneration < b.Generation || st.ExpectedPods == 0 {
			continue // not counted yet
		}
		spare := int(st.CurrentHealthy - st.DesiredHealthy)
		if d.w.deployment != nil {
			spare += d.extra
		}
		if spare > 0 {
			continue
		}
		out = append(out, d.foundAt(rule.RefTo(b), map[string]any{
			"budget": b.Name, "healthy": int(st.CurrentHealthy), "desired": int(st.DesiredHealthy), "replicas": d.w.replicas,
		}, finding.Evidence{Object: "poddisruptionbudget/" + b.Name, Path: "status.desiredHealthy", Value: fmt.Sprint(st.DesiredHealthy)},
			finding.Evidence{Object: "poddisruptionbudget/" + b.Name, Path: "status.currentHealthy", Value: fmt.Sprint(st.CurrentHealthy)}))
	}
	return out
}

// checkTimeout: the Pods that run took longer to start than a step may take.
func (d *draft) checkTimeout() []finding.Finding {
	if d.time.StartUp == nil || time.Duration(*d.time.StartUp)*time.Second <= d.spec.Timeout.Std() {
		return nil
	}
	return []finding.Finding{d.found(
		map[string]any{"seconds": *d.time.StartUp, "timeout": d.spec.Timeout.String(), "suggest": (2 * time.Duration(*d.time.StartUp) * time.Second).String()},
		d.seen("slowest start of a running Pod", fmt.Sprintf("%d s", *d.time.StartUp)), d.seen("timeout of a step", d.spec.Timeout.String()),
	)}
}
