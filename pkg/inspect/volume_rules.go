package inspect

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const (
	ruleClaimMissing  = "volume/claim-missing"
	ruleClassMissing  = "volume/class-missing"
	ruleNoDefault     = "volume/no-default-class"
	ruleNoVolume      = "volume/no-matching-volume"
	ruleProvisioning  = "volume/provisioning-failed"
	ruleConsumer      = "volume/waiting-for-consumer"
	ruleClaimLost     = "volume/claim-lost"
	ruleAttached      = "volume/attached-elsewhere"
	ruleMount         = "volume/mount-failed"
	claimKind         = snapshot.Kind("PersistentVolumeClaim")
	volumeKind        = snapshot.Kind("PersistentVolume")
	classKind         = snapshot.Kind("StorageClass")
	staticProvisioner = "kubernetes.io/no-provisioner"
)

// volumeRules find why a claim has no volume, and why a pod cannot have its own.
func volumeRules() []rule.Rule {
	claims := diagnosis{
		ids: []string{ruleClaimMissing, ruleClassMissing, ruleNoDefault, ruleNoVolume, ruleProvisioning, ruleConsumer, ruleClaimLost},
		reads: []snapshot.Kind{
			"Pod", "ReplicaSet", claimKind, volumeKind, classKind, eventKind,
		},
		needs: claimNeeds, check: checkClaims,
	}
	mounts := diagnosis{
		ids: []string{ruleAttached, ruleMount}, reads: []snapshot.Kind{"Pod", "ReplicaSet", claimKind, eventKind},
		needs: mountNeeds, check: checkMounts,
	}
	return append(claims.rules(), mounts.rules()...)
}

// claimUse is a claim that is asked about, or that a pod waits for.
type claimUse struct {
	namespace, name string
	// pod is nil where the claim itself was asked about.
	pod *corev1.Pod
}

func (u claimUse) ref() finding.Ref {
	return finding.Ref{Kind: string(claimKind), Namespace: u.namespace, Name: u.name}
}

// at is where the trouble shows.
func (u claimUse) at() finding.Ref {
	if u.pod == nil {
		return u.ref()
	}
	return rule.RefTo(u.pod)
}

// claimUses lists the scope's claims, and those of pods that no node takes. A
// generic ephemeral volume has a claim named after pod and volume
// (component-helpers/storage/ephemeral).
func claimUses(s *snapshot.Snapshot, sc *rule.Scope) []claimUse {
	var out []claimUse
	for _, claim := range rule.Members[*corev1.PersistentVolumeClaim](s, sc) {
		out = append(out, claimUse{namespace: claim.Namespace, name: claim.Name})
	}
	for _, pod := range unplacedPods(s, sc) {
		if gatesOf(pod) != nil {
			continue
		}
		for _, v := range pod.Spec.Volumes {
			if name := claimName(pod, v); name != "" {
				out = append(out, claimUse{pod.Namespace, name, pod})
			}
		}
	}
	return out
}

func claimName(pod *corev1.Pod, v corev1.Volume) string {
	switch {
	case v.PersistentVolumeClaim != nil:
		return v.PersistentVolumeClaim.ClaimName
	case v.Ephemeral != nil:
		return pod.Name + "-" + v.Name
	}
	return ""
}

// claimNeeds wants the claims, then for one that is pending its class, what
// the controllers said of it, and the volumes where only these can help.
func claimNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	for _, u := range claimUses(s, sc) {
		claim, a := snapshot.Get[*corev1.PersistentVolumeClaim](s, u.namespace, u.name)
		if a.State == snapshot.Unknown {
			n.Objects = append(n.Objects, snapshot.Need{Kind: claimKind, Namespace: u.namespace})
			continue
		}
		if a.State == snapshot.Absent || claim.Status.Phase != corev1.ClaimPending || u.pod != nil && !claimsRefused(u.pod) {
			continue
		}
		n.Objects = append(n.Objects, snapshot.Need{Kind: classKind})
		n.Add(eventNeeds(sc))
		if u.pod == nil {
			n.Objects = append(n.Objects, snapshot.Need{Kind: "Pod", Namespace: u.namespace})
		}
		if v := (claimView{s: s, claim: claim}); v.wantsExisting() {
			n.Objects = append(n.Objects, snapshot.Need{Kind: volumeKind})
		}
	}
	return n
}

// claimsRefused says that the scheduler stops at the pod's claims, before it
// looks at any node (volumebinding, PreFilter), or finds no volume to bind.
func claimsRefused(pod *corev1.Pod) bool {
	c := placementCondition(pod)
	if c == nil {
		return false
	}
	m := strings.ToLower(c.Message)
	return strings.Contains(m, "persistentvolumeclaim") || strings.Contains(m, "persistent volumes to bind") || strings.Contains(m, "free storage")
}

// checkClaims finds what each claim lacks.
func checkClaims(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, u := range claimUses(s, sc) {
		claim, a := snapshot.Get[*corev1.PersistentVolumeClaim](s, u.namespace, u.name)
		var f *finding.Finding
		switch {
		case a.State == snapshot.Absent && u.pod != nil && claimsRefused(u.pod):
			f = claimMissing(s, u)
		case a.State == snapshot.Present:
			f = claimView{s: s, claim: claim, use: u}.judge()
		}
		if f == nil {
			continue
		}
		if f.At = u.at(); u.pod != nil {
			f.Via = []finding.Ref{u.ref()}
		}
		out = append(out, *f)
	}
	return out
}

// claimMissing: a pod refers to a claim that is not there. The claim of a
// generic ephemeral volume is a controller's business and comes by itself.
func claimMissing(s *snapshot.Snapshot, u claimUse) *finding.Finding {
	for _, v := range u.pod.Spec.Volumes {
		if v.Ephemeral != nil && claimName(u.pod, v) == u.name {
			return nil
		}
	}
	owner := rule.TemplateOwner(s, u.pod)
	var names []string
	for _, o := range s.OfKind(claimKind, u.namespace) {
		names = append(names, o.GetName())
	}
	return &finding.Finding{
		Rule: ruleClaimMissing, Object: owner,
		Args: map[string]any{"claim": u.name, "namespace": u.namespace, "owner": owner.String(), "nearest": nearestName(u.name, names), "made": owner.Kind == "StatefulSet"},
		Evidence: []finding.Evidence{
			seen(u.pod, "status.conditions[PodScheduled]", placementCondition(u.pod).Message),
			{Object: u.ref().String(), Path: "metadata.name", Value: "not found"},
		},
	}
}
