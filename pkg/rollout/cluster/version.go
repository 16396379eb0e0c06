package cluster

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// hashOf is the version that a Pod says it is of.
func hashOf(p *corev1.Pod, kind string) string {
	if kind == "Deployment" {
		return p.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
	}
	return p.Labels[appsv1.ControllerRevisionHashLabelKey]
}

// updateHash is the version of the template in force, once its controller has
// seen that template; empty before.
//
// A Deployment's ReplicaSet of that template carries the Deployment's revision
// number (pkg/controller/deployment/sync.go). A StatefulSet names it; its Pods
// carry the ControllerRevision's name. A DaemonSet does not: it is the highest
// revision, for one that comes back into force gets a new number
// (pkg/controller/daemon/update.go, constructHistory); its Pods carry the hash.
func (look *seen) updateHash() string {
	w := look.workload
	if w.observed < w.generation {
		return ""
	}
	switch w.kind {
	case "Deployment":
		for i := range look.sets {
			rs := &look.sets[i]
			if w.revision != "" && rs.Annotations[revisionAnnotation] == w.revision && look.mine(rs) {
				return rs.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
			}
		}
	case "StatefulSet":
		return w.revision
	case "DaemonSet":
		var last *appsv1.ControllerRevision
		for i := range look.revisions {
			if r := &look.revisions[i]; look.mine(r) && (last == nil || r.Revision > last.Revision) {
				last = r
			}
		}
		if last != nil {
			return last.Labels[appsv1.ControllerRevisionHashLabelKey]
		}
	}
	return ""
}

func (look *seen) mine(o metav1.Object) bool {
	return metav1.IsControlledBy(o, &metav1.ObjectMeta{UID: look.workload.uid})
}

// versions are all versions that the workload's history knows, with their Pods.
func (look *seen) versions(own []corev1.Pod) []rollout.Version {
	var versions []rollout.Version
	for i := range look.sets {
		if rs := &look.sets[i]; look.mine(rs) {
			versions = append(versions, look.setVersion(rs, own))
		}
	}
	for i := range look.revisions {
		if r := &look.revisions[i]; look.mine(r) {
			versions = append(versions, look.revisionVersion(r, own))
		}
	}
	if look.workload.kind != "Deployment" {
		look.want(versions)
	}
	return versions
}

func (look *seen) setVersion(rs *appsv1.ReplicaSet, own []corev1.Pod) rollout.Version {
	v := count(rs.Labels[appsv1.DefaultDeploymentUniqueLabelKey], "Deployment", own)
	v.Revision, _ = strconv.ParseInt(rs.Annotations[revisionAnnotation], 10, 64)
	v.Images = images(rs.Spec.Template.Spec.Containers)
	v.Wanted = or(rs.Spec.Replicas, 1)
	// What the Deployment's controller goes by; it may lag behind the Pods.
	v.Available = min(int(rs.Status.AvailableReplicas), v.Ready)
	return v
}

func (look *seen) revisionVersion(r *appsv1.ControllerRevision, own []corev1.Pod) rollout.Version {
	hash := r.Labels[appsv1.ControllerRevisionHashLabelKey]
	if look.workload.kind == "StatefulSet" {
		hash = r.Name
	}
	v := count(hash, look.workload.kind, own)
	v.Revision = r.Revision
	var data struct {
		Spec struct {
			Template corev1.PodTemplateSpec `json:"template"`
		} `json:"spec"`
	}
	if json.Unmarshal(r.Data.Raw, &data) == nil {
		v.Images = images(data.Spec.Template.Spec.Containers)
	}
	for i := range own {
		if hashOf(&own[i], look.workload.kind) == hash && available(&own[i], look.workload.minReady, look.now) {
			v.Available++
		}
	}
	return v
}

// want says how many Pods of each version there should be. A StatefulSet keeps
// the version before the update below its partition, which counts from its first
// ordinal, whatever number that has; elsewhere a Pod that is
// missing comes back with the template in force (newVersionedStatefulSetPod in
// pkg/controller/statefulset), and one that is there stays until it is deleted
// where the kind does not replace it by itself.
func (look *seen) want(versions []rollout.Version) {
	w, update := look.workload, look.updateHash()
	kept := 0
	for i := range versions {
		v := &versions[i]
		switch {
		case v.Hash == update:
			continue
		case !w.rolling:
			v.Wanted = v.Replicas
		case w.kind == "StatefulSet" && v.Hash == w.current:
			v.Wanted = min(w.partition, w.replicas)
		}
		kept += v.Wanted
	}
	for i := range versions {
		if versions[i].Hash == update {
			versions[i].Wanted = max(w.replicas-kept, 0)
		}
	}
}

// count adds up the Pods of a version.
func count(hash, kind string, own []corev1.Pod) rollout.Version {
	v := rollout.Version{Hash: hash}
	var of []*corev1.Pod
	for i := range own {
		p := &own[i]
		if hashOf(p, kind) != hash {
			continue
		}
		of = append(of, p)
		v.Restarts += restarts(p)
		if p.DeletionTimestamp != nil {
			continue
		}
		v.Replicas++
		if ready(p) {
			v.Ready++
			if since := readySince(p); since.After(v.Youngest) {
				v.Youngest = since
			}
		}
	}
	v.Ended = endings(of)
	return v
}

func images(containers []corev1.Container) []string {
	out := make([]string, 0, len(containers))
	for _, c := range containers {
		if !slices.Contains(out, c.Image) {
			out = append(out, c.Image)
		}
	}
	return out
}

// available says that a Pod has been ready for as long as its workload asks.
func available(p *corev1.Pod, minReady int32, now time.Time) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return ready(p) && p.DeletionTimestamp == nil && !c.LastTransitionTime.Add(time.Duration(minReady)*time.Second).After(now)
		}
	}
	return false
}
