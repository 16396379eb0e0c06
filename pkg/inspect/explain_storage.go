package inspect

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const defaultStorageMark = "storageclass.kubernetes.io/is-default-class"

func (e explainer) tellStorage(o snapshot.Object) (told, bool) {
	switch v := o.(type) {
	case *corev1.PersistentVolumeClaim:
		return e.claim(v), true
	case *corev1.PersistentVolume:
		return e.volume(v), true
	case *storagev1.StorageClass:
		return e.storageClass(v), true
	case *storagev1.CSIDriver:
		attach := v.Spec.AttachRequired == nil || *v.Spec.AttachRequired
		return told{summary: e.text("csidriver", map[string]any{"attach": attach}), health: Healthy, status: e.text("there", nil)}, true
	case *storagev1.CSINode:
		t := told{summary: e.text("csinode", map[string]any{"node": v.Name}), health: Healthy, status: e.text("csinode-status", map[string]any{"n": len(v.Spec.Drivers)})}
		for _, d := range v.Spec.Drivers {
			t.points(RefersTo, "CSIDriver", "", d.Name)
		}
		t.points(RefersTo, "Node", "", v.Name)
		return t, true
	case *storagev1.VolumeAttachment:
		return e.attachment(v), true
	}
	return told{}, false
}

func (e explainer) claim(v *corev1.PersistentVolumeClaim) told {
	asked := v.Spec.Resources.Requests[corev1.ResourceStorage]
	class := e.text("class-none", nil)
	if v.Spec.StorageClassName != nil && *v.Spec.StorageClassName != "" {
		class = *v.Spec.StorageClassName
	}
	t := told{
		summary: e.text("claim", map[string]any{"size": asked.String(), "modes": modesText(v.Spec.AccessModes), "class": class}),
		health:  Progressing, status: string(v.Status.Phase),
	}
	switch v.Status.Phase {
	case corev1.ClaimBound:
		t.health = Healthy
	case corev1.ClaimLost:
		t.health = Unwell
	case corev1.ClaimPending:
	}
	got := v.Status.Capacity[corev1.ResourceStorage]
	bound := v.Spec.VolumeName != ""
	observed := e.text("none-yet", nil)
	if bound {
		observed = v.Spec.VolumeName
	}
	t.rows = append(t.rows, e.compare("what-volume", nil, e.text("want-bound", nil), observed, bound))
	if !got.IsZero() {
		t.rows = append(t.rows, e.compare("what-size", nil, asked.String(), got.String(), got.Cmp(asked) >= 0))
	}
	t.points(RefersTo, "PersistentVolume", "", v.Spec.VolumeName)
	if v.Spec.StorageClassName != nil {
		t.points(RefersTo, "StorageClass", "", *v.Spec.StorageClassName)
	}
	e.usedBy(&t, v.Namespace, "PersistentVolumeClaim", v.Name)
	return t
}

func modesText(modes []corev1.PersistentVolumeAccessMode) string {
	out := make([]string, len(modes))
	for i, m := range modes {
		out[i] = string(m)
	}
	return strings.Join(out, ", ")
}

func (e explainer) volume(v *corev1.PersistentVolume) told {
	size := v.Spec.Capacity[corev1.ResourceStorage]
	t := told{
		summary: e.text("volume", map[string]any{"size": size.String(), "policy": string(v.Spec.PersistentVolumeReclaimPolicy), "class": v.Spec.StorageClassName}),
		health:  Healthy, status: string(v.Status.Phase),
	}
	switch v.Status.Phase {
	case corev1.VolumeFailed:
		t.health = Unwell
		t.status += ": " + v.Status.Message
	case corev1.VolumePending:
		t.health = Progressing
	case corev1.VolumeReleased:
		if c := v.Spec.ClaimRef; c != nil {
			t.status = e.text("volume-released", map[string]any{"claim": c.Namespace + "/" + c.Name})
		}
	case corev1.VolumeAvailable, corev1.VolumeBound:
	}
	if c := v.Spec.ClaimRef; c != nil {
		t.points(UsedBy, "PersistentVolumeClaim", c.Namespace, c.Name)
	}
	t.points(RefersTo, "StorageClass", "", v.Spec.StorageClassName)
	if csi := v.Spec.CSI; csi != nil {
		t.points(RefersTo, "CSIDriver", "", csi.Driver)
	}
	return t
}

func (e explainer) storageClass(v *storagev1.StorageClass) told {
	late := v.VolumeBindingMode != nil && *v.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
	reclaim := "Delete"
	if v.ReclaimPolicy != nil {
		reclaim = string(*v.ReclaimPolicy)
	}
	isDefault := v.Annotations[defaultStorageMark] == "true"
	t := told{
		summary: e.text("storageclass", map[string]any{"provisioner": v.Provisioner, "late": late, "reclaim": reclaim, "default": isDefault}),
		health:  Healthy, status: v.Provisioner,
	}
	t.rows = append(t.rows, e.fact("what-expand", e.yesNo(v.AllowVolumeExpansion != nil && *v.AllowVolumeExpansion)))
	all, _ := snapshot.List[*corev1.PersistentVolumeClaim](e.s, "", nil)
	for _, c := range all {
		if c.Spec.StorageClassName != nil && *c.Spec.StorageClassName == v.Name {
			t.points(UsedBy, "PersistentVolumeClaim", c.Namespace, c.Name)
		}
	}
	return t
}

func (e explainer) attachment(v *storagev1.VolumeAttachment) told {
	volume := ""
	if v.Spec.Source.PersistentVolumeName != nil {
		volume = *v.Spec.Source.PersistentVolumeName
	}
	t := told{
		summary: e.text("attachment", map[string]any{"volume": volume, "node": v.Spec.NodeName, "driver": v.Spec.Attacher}),
		health:  Progressing, status: e.text("attaching", nil),
	}
	if v.Status.Attached {
		t.health, t.status = Healthy, e.text("attached", nil)
	}
	for _, problem := range []*storagev1.VolumeError{v.Status.AttachError, v.Status.DetachError} {
		if problem != nil {
			t.health, t.status = Unwell, problem.Message
		}
	}
	t.points(RefersTo, "PersistentVolume", "", volume)
	t.points(RefersTo, "Node", "", v.Spec.NodeName)
	t.points(RefersTo, "CSIDriver", "", v.Spec.Attacher)
	return t
}
