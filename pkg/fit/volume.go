package fit

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	helper "k8s.io/component-helpers/scheduling/corev1"
)

// bindCompleted is set by the volume controller once a claim is bound for good.
const bindCompleted = "pv.kubernetes.io/bind-completed"

// volumes: claims must be usable at all, and the node must be one on which the
// volumes of bound claims can be used (volumebinding, volumezone,
// volumerestrictions).
func (j *judge) volumes() filter {
	type bound struct {
		claim  string
		volume *corev1.PersistentVolume
	}
	var all []bound
	for _, name := range claimNames(j.pod) {
		claim, ok := j.usableClaim(name)
		if !ok {
			continue
		}
		volume, ok := j.volumeOf(claim)
		if ok {
			all = append(all, bound{name, volume})
		}
	}
	if len(all) == 0 {
		return func(*host) []Refusal { return nil }
	}
	return func(h *host) []Refusal {
		var out []Refusal
		for _, b := range all {
			if needs := volumeElsewhere(b.volume, h.node); needs != "" {
				out = append(out, Refusal{Reason: VolumeElsewhere, Claim: &ClaimIssue{Claim: b.claim, Volume: b.volume.Name, Needs: needs}})
			}
		}
		return out
	}
}

// claimNames lists the claims of a pod's volumes; a generic ephemeral volume
// has one named after pod and volume (component-helpers/storage/ephemeral).
func claimNames(pod *corev1.Pod) []string {
	var out []string
	for _, v := range pod.Spec.Volumes {
		switch {
		case v.PersistentVolumeClaim != nil:
			out = append(out, v.PersistentVolumeClaim.ClaimName)
		case v.Ephemeral != nil:
			out = append(out, pod.Name+"-"+v.Name)
		}
	}
	return out
}

// usableClaim gives a claim that is bound, and otherwise says why there is none.
func (j *judge) usableClaim(name string) (*corev1.PersistentVolumeClaim, bool) {
	var claim *corev1.PersistentVolumeClaim
	known := false
	if j.c.facts.Claim != nil {
		claim, known = j.c.facts.Claim(j.pod.Namespace, name)
	}
	switch {
	case !known:
		j.gap(UnreadClaim, name)
	case claim == nil:
		j.nowhere(ClaimMissing, ClaimIssue{Claim: name})
	case claim.Status.Phase == corev1.ClaimLost:
		j.nowhere(ClaimLost, ClaimIssue{Claim: name, Volume: claim.Spec.VolumeName})
	case claim.DeletionTimestamp != nil:
		j.nowhere(ClaimDeleting, ClaimIssue{Claim: name})
	case claim.Spec.VolumeName == "" && classOf(claim) != "":
		// Immediate or WaitForFirstConsumer: only the StorageClass would tell.
		j.gap(UnboundClaim, name)
	case claim.Spec.VolumeName == "" || claim.Annotations[bindCompleted] == "":
		j.nowhere(ClaimUnbound, ClaimIssue{Claim: name, Volume: claim.Spec.VolumeName})
	default:
		j.onlyOnePod(claim)
		return claim, true
	}
	return nil, false
}

func classOf(claim *corev1.PersistentVolumeClaim) string {
	if class, ok := claim.Annotations[corev1.BetaStorageClassAnnotation]; ok {
		return class
	}
	if claim.Spec.StorageClassName != nil {
		return *claim.Spec.StorageClassName
	}
	return ""
}

// onlyOnePod: a ReadWriteOncePod claim takes one pod in the whole cluster.
func (j *judge) onlyOnePod(claim *corev1.PersistentVolumeClaim) {
	if !slices.Contains(claim.Spec.AccessModes, corev1.ReadWriteOncePod) {
		return
	}
	for _, h := range j.c.hosts {
		for _, pod := range h.pods {
			if pod.Namespace == j.pod.Namespace && slices.Contains(claimNames(pod), claim.Name) {
				j.nowhere(ClaimInUse, ClaimIssue{Claim: claim.Name, Volume: claim.Spec.VolumeName, Holder: nameOf(pod)})
				return
			}
		}
	}
}

func (j *judge) volumeOf(claim *corev1.PersistentVolumeClaim) (*corev1.PersistentVolume, bool) {
	var volume *corev1.PersistentVolume
	known := false
	if j.c.facts.Volume != nil {
		volume, known = j.c.facts.Volume(claim.Spec.VolumeName)
	}
	switch {
	case !known:
		j.gap(UnreadVolume, claim.Spec.VolumeName)
	case volume == nil:
		j.nowhere(VolumeMissing, ClaimIssue{Claim: claim.Name, Volume: claim.Spec.VolumeName})
	default:
		if volume.Spec.CSI != nil {
			j.gap(VolumeLimit, volume.Spec.CSI.Driver)
		}
		return volume, true
	}
	return nil, false
}

// volumeElsewhere says what the volume demands of a node that this one does not have.
func volumeElsewhere(pv *corev1.PersistentVolume, n *corev1.Node) string {
	if a := pv.Spec.NodeAffinity; a != nil && a.Required != nil {
		if match, err := helper.MatchNodeSelectorTerms(n, a.Required); err != nil || !match {
			var terms []string
			for _, t := range a.Required.NodeSelectorTerms {
				var parts []string
				for _, e := range append(append([]corev1.NodeSelectorRequirement{}, t.MatchExpressions...), t.MatchFields...) {
					parts = append(parts, requirementText(e))
				}
				terms = append(terms, strings.Join(parts, " and "))
			}
			return strings.Join(terms, " or ")
		}
	}
	return zoneElsewhere(pv, n)
}

// zoneElsewhere compares zone and region labels, old and new names of them
// alike; a node without any such label takes every volume (volumezone/volume_zone.go).
func zoneElsewhere(pv *corev1.PersistentVolume, n *corev1.Node) string {
	keys := []string{
		corev1.LabelFailureDomainBetaZone, corev1.LabelFailureDomainBetaRegion,
		corev1.LabelTopologyZone, corev1.LabelTopologyRegion,
	}
	if !slices.ContainsFunc(keys, func(k string) bool { _, ok := n.Labels[k]; return ok }) {
		return ""
	}
	newName := map[string]string{
		corev1.LabelFailureDomainBetaZone: corev1.LabelTopologyZone, corev1.LabelFailureDomainBetaRegion: corev1.LabelTopologyRegion,
	}
	for _, key := range keys {
		zones, ok := pv.Labels[key]
		if !ok {
			continue
		}
		at, has := n.Labels[key]
		if current := newName[key]; !has && current != "" {
			at, has = n.Labels[current]
		}
		if !has || !slices.Contains(zoneSet(zones), at) {
			return key + "=" + zones
		}
	}
	return ""
}

// zoneSet: a volume in several zones joins them with "__" (LabelZonesToSet).
func zoneSet(label string) []string {
	zones := strings.Split(label, "__")
	for i := range zones {
		zones[i] = strings.TrimSpace(zones[i])
	}
	return zones
}

func (j *judge) nowhere(r Reason, issue ClaimIssue) {
	j.everywhere = append(j.everywhere, Refusal{Reason: r, Claim: &issue})
}

// UsesClaims says whether a verdict about the pod needs its PersistentVolumeClaims.
func UsesClaims(pod *corev1.Pod) bool { return len(claimNames(pod)) > 0 }
