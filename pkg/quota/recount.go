package quota

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Recount is what the quota's status.used should say, from the objects of its
// namespace and the DeviceClasses of the cluster (pkg/controller/resourcequota;
// quota/v1, CalculateUsage). It answers for the names of spec.hard that it was
// given all kinds for; of everything else the quota's own word has to do.
func Recount(q *corev1.ResourceQuota, objects []snapshot.Object, read func(snapshot.Kind) bool, at time.Time) corev1.ResourceList {
	var classes []*resourcev1.DeviceClass
	for _, o := range objects {
		if c, ok := o.(*resourcev1.DeviceClass); ok {
			classes = append(classes, c)
		}
	}
	r := recount{classes: newDeviceClasses(classes, read("DeviceClass")), objects: objects, read: map[snapshot.Kind]bool{}, at: at}
	for _, kind := range r.kinds(q) {
		r.read[kind] = read(kind)
	}
	_, sure := r.names(q)
	return r.count(q, sure)
}

// recount is what a quota is counted anew from.
type recount struct {
	classes *deviceClasses
	objects []snapshot.Object
	read    map[snapshot.Kind]bool
	at      time.Time
}

// kinds are those of a namespace that a quota counts.
func (r recount) kinds(q *corev1.ResourceQuota) []snapshot.Kind {
	var out []snapshot.Kind
	for _, name := range names(q.Spec.Hard) {
		if kind, ok := CountedKind(name); ok && !slices.Contains(out, kind) {
			out = append(out, kind)
		}
	}
	if r.classes.claimsCount(q) && !slices.Contains(out, "ResourceClaim") {
		out = append(out, "ResourceClaim")
	}
	return out
}

// names are those under which all that counts was read, and of them those under
// which nothing else can count: claims do, where a class gives the resource out.
func (r recount) names(q *corev1.ResourceQuota) (counted, sure []corev1.ResourceName) {
	noClaims := len(selectors(q)) > 0 || r.classes.known && !r.classes.claimsCount(q)
	for _, name := range names(q.Spec.Hard) {
		kind, ok := CountedKind(name)
		if !ok || !r.read[kind] {
			continue
		}
		counted = append(counted, name)
		if !isQuotaForExtended(name) || noClaims || r.classes.known && r.read["ResourceClaim"] && !r.chance(name) {
			sure = append(sure, name)
		}
	}
	return counted, sure
}

// chance says that it is left to chance what a claim counts for under the name.
func (r recount) chance(name corev1.ResourceName) bool {
	return r.classes.claimed[name] && slices.ContainsFunc(r.objects, func(o snapshot.Object) bool {
		claim, ok := o.(*resourcev1.ResourceClaim)
		return ok && r.classes.chance(claim)
	})
}

// count adds up what the quota counts under these names.
func (r recount) count(q *corev1.ResourceQuota, known []corev1.ResourceName) corev1.ResourceList {
	used := corev1.ResourceList{}
	for _, name := range known {
		used[name] = count(0)
	}
	hard := names(q.Spec.Hard)
	owners := owners{objects: r.objects, at: r.at}
	var last *corev1.Pod
	var each corev1.ResourceList
	for _, o := range r.objects {
		pod, isPod := o.(*corev1.Pod)
		runs := isPod && charged(pod, r.at)
		if runs && alike(last, pod) {
			if inScope(q, o) {
				addTo(used, each)
			}
			continue
		}
		if len(tracked(o, hard, r.classes)) == 0 || !inScope(q, o) {
			continue
		}
		counts := Usage
		if claim, ok := o.(*resourcev1.ResourceClaim); ok {
			counts = func(snapshot.Object, time.Time) corev1.ResourceList {
				return r.classes.usage(claim, owners.usage(claim))
			}
		}
		takes := only(counts(o, r.at), known)
		addTo(used, takes)
		if runs {
			last, each = pod, takes
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
