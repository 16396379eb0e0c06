package quota

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Recount is what the quota's status.used should say, from the objects of its
// namespace (pkg/controller/resourcequota; quota/v1, CalculateUsage). It answers
// for the names of spec.hard that it was given the kinds for; of everything else
// the quota's own word has to do.
func Recount(q *corev1.ResourceQuota, objects []snapshot.Object, read func(snapshot.Kind) bool, at time.Time) corev1.ResourceList {
	hard := names(q.Spec.Hard)
	var known []corev1.ResourceName
	used := corev1.ResourceList{}
	for _, name := range hard {
		if kind, ok := CountedKind(name); ok && read(kind) {
			known = append(known, name)
			used[name] = count(0)
		}
	}
	var last *corev1.Pod
	var each corev1.ResourceList
	for _, o := range objects {
		pod, isPod := o.(*corev1.Pod)
		runs := isPod && charged(pod, at)
		if runs && alike(last, pod) {
			if inScope(q, o) {
				addTo(used, each)
			}
			continue
		}
		of := tracked(o, known)
		if len(of) == 0 || !inScope(q, o) {
			continue
		}
		counts := only(Usage(o, at), of)
		addTo(used, counts)
		if runs {
			last, each = pod, counts
		}
	}
	return used
}

// CountedKind is the kind of object that a quota counts under the name; false
// for kinds that this tool does not read.
func CountedKind(name corev1.ResourceName) (snapshot.Kind, bool) {
	switch {
	case tracksPods(name):
		return "Pod", true
	case tracksClaims(name):
		return "PersistentVolumeClaim", true
	case tracksDevices(name):
		return "ResourceClaim", true
	case name == corev1.ResourceServices || name == corev1.ResourceServicesNodePorts || name == corev1.ResourceServicesLoadBalancers:
		return "Service", true
	}
	for _, i := range snapshot.Kinds() {
		for _, n := range countNames(i.Resource.GroupResource()) {
			if n == name && i.Namespaced && i.Kind != "Event" {
				return i.Kind, true
			}
		}
	}
	return "", false
}
