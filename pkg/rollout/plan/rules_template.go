package plan

import (
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// checkRecreate: under Recreate the controller ends every old Pod before it
// makes a new one. A hold writes RollingUpdate over it for a while, and so runs
// two versions at once, which the owner has ruled out.
func (d *draft) checkRecreate() []finding.Finding {
	if d.w.deployment == nil || d.w.deployment.Spec.Strategy.Type != appsv1.RecreateDeploymentStrategyType {
		return nil
	}
	return []finding.Finding{d.found(nil, d.seen("spec.strategy.type", "Recreate"))}
}

// checkReadinessGate: readiness is what keeps a Pod from traffic until it can
// answer, and what tells a rollout that it may go on. Without a readiness probe
// a container counts as ready as soon as it runs. A startup probe holds traffic
// back as well, but never takes it away again; and where no Service sends
// traffic nobody is cut off: both are worth a warning only.
func (d *draft) checkReadinessGate() []finding.Finding {
	spec := d.new.Spec
	if len(spec.ReadinessGates) > 0 {
		return nil
	}
	var names []string
	startup := false
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			if list[i].ReadinessProbe != nil {
				return nil
			}
			startup = startup || list[i].StartupProbe != nil
		}
	}
	for i := range spec.Containers {
		names = append(names, spec.Containers[i].Name)
	}
	f := d.found(
		map[string]any{"containers": strings.Join(names, ", "), "n": len(names), "startup": startup, "served": len(d.spec.Services) > 0},
		d.seen("spec.template.spec.containers[*].readinessProbe (new)", "none"),
	)
	if startup || len(d.spec.Services) == 0 {
		f.Severity = finding.Warning
	}
	return []finding.Finding{f}
}

// checkSelectorMismatch: Pods that the new template makes must be the
// workload's own, and behind the same Services. A Service that somebody pinned to
// the version that runs would be left with no Pod at all. The pin of a rollout
// under way, which its mark tells, is no such thing: that it is under way is said.
func (d *draft) checkSelectorMismatch() []finding.Finding {
	var out []finding.Finding
	pods := labels.Set(d.new.Labels)
	if s, err := metav1.LabelSelectorAsSelector(d.w.selector); err == nil && !s.Matches(pods) {
		out = append(out, d.found(map[string]any{"by": d.w.ref.String(), "selector": s.String(), "labels": pods.String(), "own": true, "pin": ""},
			d.seen("spec.selector", s.String()), d.seen("spec.template.metadata.labels (new)", pods.String())))
	}
	d.each(func(svc *corev1.Service) {
		_, marked := svc.Labels[rollout.Mark]
		if behind(d.s, d.w, svc) && !selects(svc, d.new.Labels) && !marked {
			ref := "service/" + svc.Name
			selector := labels.Set(svc.Spec.Selector).String()
			pin, at := "", d.w.target()
			if !selects(svc, d.old.Labels) {
				pin, at = rollout.HashLabel(d.w.ref.Kind), rule.RefTo(svc)
			}
			out = append(out, d.foundAt(at, map[string]any{"by": ref, "selector": selector, "labels": pods.String(), "own": false, "pin": pin},
				finding.Evidence{Object: ref, Path: "spec.selector", Value: selector}, d.seen("spec.template.metadata.labels (new)", pods.String())))
		}
	})
	return out
}

// checkVolumeConflict: both versions of a Deployment mount the same claim. One
// that only a single Pod or a single node may use keeps the new Pods waiting, or
// lets two versions write to the same data. StatefulSets have a claim for each
// Pod and replace Pods in place.
func (d *draft) checkVolumeConflict() []finding.Finding {
	if d.w.deployment == nil {
		return nil
	}
	var out []finding.Finding
	before := claims(d.old)
	for _, name := range claims(d.new) {
		claim, a := snapshot.Get[*corev1.PersistentVolumeClaim](d.s, d.w.ref.Namespace, name)
		if !slices.Contains(before, name) || a.State != snapshot.Present || shared(claim) {
			continue
		}
		modes := make([]string, len(claim.Spec.AccessModes))
		for i, m := range claim.Spec.AccessModes {
			modes[i] = string(m)
		}
		ref := finding.Ref{Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name}
		f := d.found(map[string]any{"claim": name, "modes": strings.Join(modes, ", "), "single": slices.Contains(claim.Spec.AccessModes, corev1.ReadWriteOncePod)},
			finding.Evidence{Object: ref.String(), Path: "spec.accessModes", Value: strings.Join(modes, ", ")})
		f.Via = []finding.Ref{ref}
		out = append(out, f)
	}
	return out
}

func claims(t corev1.PodTemplateSpec) []string {
	var out []string
	for _, v := range t.Spec.Volumes {
		if v.PersistentVolumeClaim != nil && !slices.Contains(out, v.PersistentVolumeClaim.ClaimName) {
			out = append(out, v.PersistentVolumeClaim.ClaimName)
		}
	}
	return out
}

// shared: many nodes may mount it.
func shared(claim *corev1.PersistentVolumeClaim) bool {
	return slices.Contains(claim.Spec.AccessModes, corev1.ReadWriteMany) || slices.Contains(claim.Spec.AccessModes, corev1.ReadOnlyMany)
}
