package inspect

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const (
	defaultClass = "storageclass.kubernetes.io/is-default-class"
	selectedNode = "volume.kubernetes.io/selected-node"
	// provisionPatience is how long a provisioner may say nothing at all.
	provisionPatience = time.Minute
)

// claimView is a claim with what was read around it.
type claimView struct {
	s     *snapshot.Snapshot
	claim *corev1.PersistentVolumeClaim
	use   claimUse
}

func (v claimView) finding(id string, args map[string]any) *finding.Finding {
	all := map[string]any{"claim": v.claim.Name, "namespace": v.claim.Namespace, "class": v.className()}
	for k, a := range args {
		all[k] = a
	}
	f := &finding.Finding{Rule: id, Object: rule.RefTo(v.claim), Args: all}
	f.Evidence = append(f.Evidence, seen(v.claim, "status.phase", string(v.claim.Status.Phase)))
	return f
}

// judge finds what the claim lacks; nil where that is nothing, or not known.
func (v claimView) judge() *finding.Finding {
	switch {
	case v.claim.DeletionTimestamp != nil:
		return nil
	case v.claim.Status.Phase == corev1.ClaimLost:
		f := v.finding(ruleClaimLost, map[string]any{"volume": v.claim.Spec.VolumeName})
		f.Evidence = append(f.Evidence, seen(v.claim, "spec.volumeName", v.claim.Spec.VolumeName))
		return f
	case v.claim.Status.Phase != corev1.ClaimPending:
		return nil
	case v.claim.Spec.VolumeName != "" || v.written() && v.className() == "":
		return v.noVolume()
	}
	class, named, read := v.class()
	switch {
	case !read:
		return v.byEvents()
	case class == nil && named:
		return v.classMissing()
	case class == nil:
		return v.noDefault()
	case class.Provisioner == staticProvisioner:
		if !v.delayed(class) || v.wanted() {
			return v.noVolume()
		}
	}
	if f := v.byEvents(); f != nil {
		return f
	}
	return v.waiting(class)
}

// written says whether the claim names a class, be it the empty one.
func (v claimView) written() bool {
	_, old := v.claim.Annotations[corev1.BetaStorageClassAnnotation]
	return old || v.claim.Spec.StorageClassName != nil
}

func (v claimView) className() string {
	if class, ok := v.claim.Annotations[corev1.BetaStorageClassAnnotation]; ok {
		return class
	}
	if c := v.claim.Spec.StorageClassName; c != nil {
		return *c
	}
	return ""
}

// class is the claim's StorageClass, or the default one; named says that the
// claim asks for one by name, read that the answer is known.
func (v claimView) class() (class *storagev1.StorageClass, named, read bool) {
	if v.written() {
		class, a := snapshot.Get[*storagev1.StorageClass](v.s, "", v.className())
		return class, true, a.State != snapshot.Unknown
	}
	all, a := snapshot.List[*storagev1.StorageClass](v.s, "", nil)
	for _, c := range all {
		if c.Annotations[defaultClass] == "true" {
			return c, false, true
		}
	}
	return nil, false, a.State == snapshot.Present
}

func (v claimView) delayed(c *storagev1.StorageClass) bool {
	return c.VolumeBindingMode != nil && *c.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
}

// wantsExisting says that no provisioner will make a volume for the claim.
func (v claimView) wantsExisting() bool {
	if v.claim.Spec.VolumeName != "" || v.written() && v.className() == "" {
		return true
	}
	class, _, read := v.class()
	return read && (class == nil || class.Provisioner == staticProvisioner)
}

// wanted says that a pod waits for the claim.
func (v claimView) wanted() bool { return v.use.pod != nil || len(v.users()) > 0 }

// users names the pods that mount the claim.
func (v claimView) users() []string {
	pods, _ := snapshot.List[*corev1.Pod](v.s, v.claim.Namespace, nil)
	var out []string
	for _, pod := range pods {
		for _, vol := range pod.Spec.Volumes {
			if claimName(pod, vol) == v.claim.Name {
				out = append(out, pod.Name)
			}
		}
	}
	return out
}

// classMissing: no such StorageClass. Its name alone may still tie the claim to
// a volume that carries it, so that a volume that fits keeps the rule silent.
// Where volumes are not known, the volume controller's word stands: it looks for
// one that fits before it looks for the class (pv_controller.go, syncUnboundClaim).
func (v claimView) classMissing() *finding.Finding {
	_, fits, read := v.volumes()
	switch {
	case fits:
		return nil
	case !read:
		return v.byEvents()
	}
	if v.carried() {
		return v.noVolume()
	}
	names := v.classNames()
	f := v.finding(ruleClassMissing, map[string]any{"classes": strings.Join(names, ", "), "nearest": nearestName(v.className(), names), "looked": true})
	f.Evidence = append(f.Evidence, seen(v.claim, "spec.storageClassName", v.className()),
		finding.Evidence{Object: "storageclass/" + v.className(), Path: "metadata.name", Value: "not found"})
	return f
}

// carried says that some volume carries the claim's class: then the name is a tie
// between the two, and needs no StorageClass.
func (v claimView) carried() bool {
	return slices.ContainsFunc(v.s.OfKind(volumeKind, ""), func(o snapshot.Object) bool {
		pv, ok := o.(*corev1.PersistentVolume)
		return ok && pv.Spec.StorageClassName == v.className()
	})
}

func (v claimView) classNames() []string {
	var out []string
	for _, o := range v.s.OfKind(classKind, "") {
		out = append(out, o.GetName())
	}
	return out
}

// noDefault: the claim leaves the class to the cluster, which has no default.
func (v claimView) noDefault() *finding.Finding {
	if _, fits, read := v.volumes(); fits || !read {
		return nil
	}
	names := v.classNames()
	f := v.finding(ruleNoDefault, map[string]any{"classes": strings.Join(names, ", ")})
	f.Evidence = append(f.Evidence, seen(v.claim, "spec.storageClassName", "(not set)"),
		finding.Evidence{Object: "storageclasses", Path: "metadata.annotations[" + defaultClass + "]", Value: "on none of " + orNone(names)})
	return f
}

// classNotFound is how the volume controller says that it looked for the class in vain.
var classNotFound = regexp.MustCompile(`^storageclass\.storage\.k8s\.io "[^"]*" not found`)

// byEvents goes by what controllers and provisioners said of the claim lately.
func (v claimView) byEvents() *finding.Finding {
	events, _ := eventsAbout(v.s, v.claim)
	for _, e := range events {
		if v.s.TakenAt.Sub(rule.LastSeen(e)) > warningAge {
			continue
		}
		switch {
		case e.Reason == "ProvisioningFailed" && classNotFound.MatchString(e.Message):
			names := v.classNames() // as far as they were read
			f := v.finding(ruleClassMissing, map[string]any{"classes": strings.Join(names, ", "), "nearest": nearestName(v.className(), names), "looked": false})
			f.Evidence = append(f.Evidence, eventEvidence(e))
			return f
		case e.Reason == "ProvisioningFailed":
			f := v.finding(ruleProvisioning, map[string]any{"said": firstLine(e.Message), "silent": false, "provisioner": v.provisioner()})
			f.Evidence = append(f.Evidence, eventEvidence(e))
			return f
		case e.Reason == "ExternalProvisioning" && v.s.TakenAt.Sub(v.claim.CreationTimestamp.Time) > provisionPatience && rule.LastSeen(e).Sub(v.claim.CreationTimestamp.Time) > provisionPatience/2:
			f := v.finding(ruleProvisioning, map[string]any{"said": "", "silent": true, "provisioner": v.provisioner()})
			f.Confidence = finding.Likely
			f.Evidence = append(f.Evidence, eventEvidence(e))
			return f
		}
	}
	return nil
}

func (v claimView) provisioner() string {
	for _, key := range []string{"volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner"} {
		if p := v.claim.Annotations[key]; p != "" {
			return p
		}
	}
	if class, _, _ := v.class(); class != nil {
		return class.Provisioner
	}
	return ""
}

// waiting: a claim that is bound only when a pod that uses it is placed. Said
// where the claim itself was asked about; a pod in trouble has another cause.
func (v claimView) waiting(class *storagev1.StorageClass) *finding.Finding {
	if v.use.pod != nil || !v.delayed(class) || v.claim.Annotations[selectedNode] != "" {
		return nil
	}
	if a := v.s.Covered("Pod", v.claim.Namespace, ""); a.State != snapshot.Present {
		return nil
	}
	f := v.finding(ruleConsumer, map[string]any{"pods": strings.Join(v.users(), ", "), "class": class.Name})
	f.Evidence = append(f.Evidence, seen(class, "volumeBindingMode", string(storagev1.VolumeBindingWaitForFirstConsumer)))
	return f
}

// noVolume: only a volume that is there can serve the claim, and none does.
func (v claimView) noVolume() *finding.Finding {
	evidence, fits, read := v.volumes()
	if fits || !read {
		return nil
	}
	size := v.claim.Spec.Resources.Requests[corev1.ResourceStorage]
	f := v.finding(ruleNoVolume, map[string]any{
		"volume": v.claim.Spec.VolumeName, "size": size.String(), "modes": modeNames(v.claim.Spec.AccessModes), "volumes": len(evidence),
	})
	f.Evidence = append(f.Evidence, evidence[:min(len(evidence), shownNodes)]...)
	return f
}

// volumes says of each volume why it does not serve the claim, and whether one
// does (persistentvolume/index.go, volume.FindMatchingVolume).
func (v claimView) volumes() (why []finding.Evidence, fits, read bool) {
	all, a := snapshot.List[*corev1.PersistentVolume](v.s, "", nil)
	for _, pv := range all {
		if v.claim.Spec.VolumeName != "" && pv.Name != v.claim.Spec.VolumeName {
			continue
		}
		reasons := v.against(pv)
		if len(reasons) == 0 {
			fits = true
		}
		why = append(why, seen(pv, "does not serve", strings.Join(reasons, "; ")))
	}
	return why, fits, a.State == snapshot.Present
}

func (v claimView) against(pv *corev1.PersistentVolume) []string {
	var out []string
	if r := pv.Spec.ClaimRef; r != nil && (r.Namespace != v.claim.Namespace || r.Name != v.claim.Name || r.UID != "" && r.UID != v.claim.UID) {
		out = append(out, fmt.Sprintf("spec.claimRef %s/%s (%s)", r.Namespace, r.Name, pv.Status.Phase))
	} else if pv.Status.Phase == corev1.VolumeReleased || pv.Status.Phase == corev1.VolumeFailed || pv.DeletionTimestamp != nil {
		out = append(out, "status.phase "+string(pv.Status.Phase))
	}
	if pv.Spec.StorageClassName != v.className() {
		out = append(out, fmt.Sprintf("storageClassName %q, wanted %q", pv.Spec.StorageClassName, v.className()))
	}
	has, asked := pv.Spec.Capacity[corev1.ResourceStorage], v.claim.Spec.Resources.Requests[corev1.ResourceStorage]
	if has.Cmp(asked) < 0 {
		out = append(out, fmt.Sprintf("capacity %s, wanted %s", has.String(), asked.String()))
	}
	if lacks := lackingModes(pv.Spec.AccessModes, v.claim.Spec.AccessModes); len(lacks) > 0 {
		out = append(out, fmt.Sprintf("accessModes %s, wanted %s", modeNames(pv.Spec.AccessModes), modeNames(lacks)))
	}
	if block(pv.Spec.VolumeMode) != block(v.claim.Spec.VolumeMode) {
		out = append(out, "another volumeMode")
	}
	if selector, err := metav1.LabelSelectorAsSelector(v.claim.Spec.Selector); v.claim.Spec.Selector != nil && err == nil && !selector.Matches(labels.Set(pv.Labels)) {
		out = append(out, "labels, wanted "+selector.String())
	}
	return out
}

func block(m *corev1.PersistentVolumeMode) bool {
	return m != nil && *m == corev1.PersistentVolumeBlock
}

func lackingModes(has, asked []corev1.PersistentVolumeAccessMode) []corev1.PersistentVolumeAccessMode {
	var out []corev1.PersistentVolumeAccessMode
	for _, m := range asked {
		found := false
		for _, h := range has {
			found = found || h == m
		}
		if !found {
			out = append(out, m)
		}
	}
	return out
}

func modeNames(modes []corev1.PersistentVolumeAccessMode) string {
	var out []string
	for _, m := range modes {
		out = append(out, string(m))
	}
	return strings.Join(out, ", ")
}
