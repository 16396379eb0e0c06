package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// checkAutoscalers: an autoscaler changes the number of replicas, and the
// Deployment controller scales both versions in proportion; the rollout works
// its numbers out anew. That is worth knowing and no harm. Two of them fight each
// other over the number, and one that may go to zero takes away what is to be shared.
func (d *draft) checkAutoscalers() []finding.Finding {
	all, _ := snapshot.List[*autoscalingv2.HorizontalPodAutoscaler](d.s, d.w.ref.Namespace, nil)
	var mine []*autoscalingv2.HorizontalPodAutoscaler
	for _, h := range all {
		if t := h.Spec.ScaleTargetRef; t.Kind == d.w.ref.Kind && t.Name == d.w.ref.Name {
			mine = append(mine, h)
		}
	}
	if len(mine) > 1 {
		var names []string
		for _, h := range mine {
			names = append(names, h.Name)
		}
		f := d.autoscaled(mine[0], strings.Join(names, ", "), len(mine))
		f.Severity = finding.Error
		return []finding.Finding{f}
	}
	var out []finding.Finding
	for _, h := range mine {
		f := d.autoscaled(h, h.Name, 1)
		switch {
		case h.Spec.MinReplicas != nil && *h.Spec.MinReplicas == 0:
			f.Severity = finding.Error
		case f.Args["keda"] != "":
			f.Severity = finding.Warning
		}
		out = append(out, f)
	}
	return out
}

func (d *draft) autoscaled(h *autoscalingv2.HorizontalPodAutoscaler, names string, n int) finding.Finding {
	least := number(h.Spec.MinReplicas)
	return d.foundAt(rule.RefTo(h), map[string]any{
		"hpa": names, "n": n, "min": least, "max": int(h.Spec.MaxReplicas), "now": d.w.replicas,
		"keda": h.Labels["scaledobject.keda.sh/name"], "blue": d.spec.Strategy == rollout.BlueGreen,
	}, finding.Evidence{Object: "horizontalpodautoscaler/" + h.Name, Path: "spec.scaleTargetRef", Value: d.w.ref.String()},
		finding.Evidence{Object: "horizontalpodautoscaler/" + h.Name, Path: "spec.minReplicas..maxReplicas", Value: fmt.Sprintf("%d..%d", least, h.Spec.MaxReplicas)})
}

// steward is a tool that keeps objects as they are written elsewhere.
type steward string

const (
	argoCD     steward = "argocd"
	flux       steward = "flux"
	fluxHelm   steward = "flux-helm"
	configSync steward = "config-sync"
	helm       steward = "helm"
)

// severity: Flux and Config Sync put every field back that they applied, within
// their interval; that is what they are for, and it would end the rollout in its
// middle. Argo CD does so only where self-heal is on, which the object does not
// tell, and Flux for Helm only with drift detection. Helm writes when somebody
// runs it, and then writes over what the rollout left.
func (s steward) severity() finding.Severity {
	switch s {
	case flux, configSync:
		return finding.Error
	case argoCD, fluxHelm:
		return finding.Warning
	case helm:
	}
	return finding.Info
}

// checkGitOps looks at every object that is written to for signs that a tool keeps it.
func (d *draft) checkGitOps() []finding.Finding {
	var out []finding.Finding
	look := func(ref rollout.Ref, meta metav1.ObjectMeta, path ...string) {
		by, app, sign := d.stewardOf(ref, meta, path)
		if by == "" {
			return
		}
		f := d.foundAt(asFinding(ref), map[string]any{"by": string(by), "app": app, "object": ref.String(), "objectKind": strings.ToLower(ref.Kind), "objectName": ref.Name},
			finding.Evidence{Object: ref.String(), Path: sign.path, Value: sign.value})
		f.Severity = by.severity()
		out = append(out, f)
	}
	look(d.w.ref, d.w.meta, "spec", "template")
	if d.spec.Via == rollout.ViaService {
		d.each(func(svc *corev1.Service) {
			look(rollout.Ref{Kind: "Service", Namespace: svc.Namespace, Name: svc.Name}, svc.ObjectMeta, "spec", "selector")
		})
	}
	return out
}

// stewardOf names the tool, its application, and the sign of it. What a tool
// writes on its objects goes before what it was seen to have written.
func (d *draft) stewardOf(ref rollout.Ref, meta metav1.ObjectMeta, path []string) (by steward, app string, sign setting) {
	annotation := func(k string) (string, setting) {
		return meta.Annotations[k], setting{"metadata.annotations[" + k + "]", meta.Annotations[k]}
	}
	label := func(k string) (string, setting) {
		return meta.Labels[k], setting{"metadata.labels[" + k + "]", meta.Labels[k]}
	}
	if v, s := annotation("argocd.argoproj.io/tracking-id"); v != "" {
		app, _, _ = strings.Cut(v, ":")
		return argoCD, app, s
	}
	if v, s := label("argocd.argoproj.io/instance"); v != "" {
		return argoCD, v, s
	}
	if v, s := label("kustomize.toolkit.fluxcd.io/name"); v != "" {
		if off, _ := annotation("kustomize.toolkit.fluxcd.io/reconcile"); off == "disabled" {
			return "", "", setting{}
		}
		return flux, v, s
	}
	if v, s := label("helm.toolkit.fluxcd.io/name"); v != "" {
		return fluxHelm, v, s
	}
	if v, s := annotation("configmanagement.gke.io/managed"); v == "enabled" {
		return configSync, "", s
	}
	for _, m := range managers(d.in.Live[ref], path) {
		known := map[string]steward{
			"argocd-controller": argoCD, "argocd-application-controller": argoCD, "kustomize-controller": flux,
			"helm-controller": fluxHelm, "configsync.gke.io": configSync,
		}
		if s, ok := known[m]; ok {
			return s, "", setting{"metadata.managedFields[" + m + "]", strings.Join(path, ".")}
		}
	}
	if v, s := annotation("meta.helm.sh/release-name"); v != "" {
		return helm, v, s
	}
	return "", "", setting{}
}

// managers lists who wrote the field, or a part of it, as far as the API server recorded it.
func managers(raw json.RawMessage, path []string) []string {
	var object struct {
		Metadata struct {
			ManagedFields []struct {
				Manager  string         `json:"manager"`
				FieldsV1 map[string]any `json:"fieldsV1"`
			} `json:"managedFields"`
		} `json:"metadata"`
	}
	if json.Unmarshal(raw, &object) != nil {
		return nil
	}
	found := map[string]bool{}
	for _, m := range object.Metadata.ManagedFields {
		at := m.FieldsV1
		for _, k := range path {
			at, _ = at["f:"+k].(map[string]any)
		}
		if at != nil {
			found[m.Manager] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// checkOperator: a workload that another object controls is made by an operator,
// which as a rule writes it again whenever it looks.
func (d *draft) checkOperator() []finding.Finding {
	owner := metav1.GetControllerOf(&d.w.meta)
	if owner == nil {
		return nil
	}
	ref := strings.ToLower(owner.Kind) + "/" + owner.Name
	return []finding.Finding{d.found(map[string]any{"owner": ref, "ownerKind": owner.Kind},
		d.seen("metadata.ownerReferences", owner.APIVersion+" "+ref))}
}

// checkWrites: what the API server refuses in a dry run, it refuses then. The same words for several writes are one finding.
func (d *draft) checkWrites() []finding.Finding {
	var out []finding.Finding
	said := map[string]bool{}
	for i, t := range d.in.Trials {
		key := t.Write.Object.String() + "|" + t.Refused
		if t.Refused == "" || said[key] {
			continue
		}
		said[key] = true
		out = append(out, d.foundAt(asFinding(t.Write.Object), map[string]any{"object": t.Write.Object.String(), "message": t.Refused, "write": i + 1},
			finding.Evidence{Object: t.Write.Object.String(), Path: fmt.Sprintf("dry run of write %d", i+1), Value: t.Refused}))
	}
	return out
}

// checkAccess: all that is not allowed, in one finding, for one person to grant.
// What is denied of one thing is one item, with all its verbs.
func (d *draft) checkAccess() []finding.Finding {
	denied := slices.DeleteFunc(slices.Clone(d.in.Access), func(a Access) bool { return a.Allowed == nil || *a.Allowed })
	if len(denied) == 0 {
		return nil
	}
	var missing []string
	var seen []finding.Evidence
	for i := 0; i < len(denied); {
		first, verbs := denied[i], []string{}
		for ; i < len(denied) && denied[i].Resource == first.Resource && denied[i].Namespace == first.Namespace && denied[i].Name == first.Name; i++ {
			verbs = append(verbs, denied[i].Verb)
		}
		what := strings.TrimSpace(strings.Join(verbs, "/") + " " + first.Resource + " " + first.Name)
		missing = append(missing, what)
		seen = append(seen, finding.Evidence{Object: "namespace/" + first.Namespace, Path: "access review", Value: "denied: " + what})
	}
	first := denied[0]
	return []finding.Finding{d.found(map[string]any{"missing": strings.Join(missing, ", "), "n": len(missing), "verb": first.Verb, "resource": first.Resource}, seen...)}
}
