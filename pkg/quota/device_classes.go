package quota

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// A DeviceClass may give its devices out as an extended resource, and always does
// so as deviceclass.resource.kubernetes.io/CLASS (KEP-5004). Quotas then count
// claims for those devices beside the pods that ask for the resource. API servers
// do so by the feature gate DRAExtendedResource, off by default until v1.35 and on
// from v1.36. A gate cannot be seen from outside. The version says how it is by
// default, and a class that names an extended resource that it is on: a server
// with the gate off does not store the name.

// firstWithExtended is the first minor version that has the gate on by default.
const firstWithExtended = 36

// namesExtended says that a class that was read names an extended resource.
func namesExtended(classes []*resourcev1.DeviceClass) bool {
	return slices.ContainsFunc(classes, func(c *resourcev1.DeviceClass) bool { return c.Spec.ExtendedResourceName != nil })
}

// minorOf is the minor version of "v1.36.3"; false where that cannot be read.
func minorOf(gitVersion string) (uint, bool) {
	v, err := version.ParseGeneric(gitVersion)
	if err != nil || v.Major() != 1 {
		return 0, false
	}
	return v.Minor(), true
}

// newKubelet says that a node tells enough of the API server: no kubelet may be newer.
func newKubelet(s *snapshot.Snapshot) bool {
	nodes, _ := snapshot.List[*corev1.Node](s, "", nil)
	return slices.ContainsFunc(nodes, func(n *corev1.Node) bool {
		minor, known := minorOf(n.Status.NodeInfo.KubeletVersion)
		return known && minor >= firstWithExtended
	})
}

// gateOff says that claims do not count as extended resources: by the version, and
// no class that was read speaks against it. Where the version was not read the
// gate is taken to be on.
func gateOff(s *snapshot.Snapshot, classes []*resourcev1.DeviceClass) bool {
	server, a := snapshot.Get[*snapshot.ServerVersion](s, "", snapshot.ServerVersionName)
	if a.State != snapshot.Present {
		return false
	}
	minor, known := minorOf(server.GitVersion)
	return known && minor < firstWithExtended && !namesExtended(classes)
}

// deviceClasses is what quotas look up about claims for devices
// (dynamic-resource-allocation/deviceclass/extendedresourcecache).
type deviceClasses struct {
	// known says that all classes were read, or that there can be none.
	known bool
	// off: an API server with the gate off is meant.
	off bool
	// gives is the extended resource that a class names, by class.
	gives map[string]corev1.ResourceName
	// claimed are the quotas' names for resources that classes give out.
	claimed map[corev1.ResourceName]bool
}

func newDeviceClasses(all []*resourcev1.DeviceClass, known bool) *deviceClasses {
	d := &deviceClasses{known: known, gives: map[string]corev1.ResourceName{}, claimed: map[corev1.ResourceName]bool{}}
	for _, c := range all {
		d.claimed[corev1.ResourceName(corev1.ResourceImplicitExtendedClaimsPerClass+c.Name)] = true
		if name := c.Spec.ExtendedResourceName; name != nil {
			d.gives[c.Name] = corev1.DefaultResourceRequestsPrefix + corev1.ResourceName(*name)
			d.claimed[d.gives[c.Name]] = true
		}
	}
	return d
}

// deviceClassList takes the classes from a snapshot. An API server without
// resource.k8s.io/v1 is older than v1.34, and counts no claims by their classes.
func deviceClassList(s *snapshot.Snapshot) ([]*resourcev1.DeviceClass, snapshot.Answer) {
	all, a := snapshot.List[*resourcev1.DeviceClass](s, "", nil)
	if a.NotServed {
		a.State = snapshot.Present
	}
	return all, a
}

func deviceClassesOf(s *snapshot.Snapshot) *deviceClasses {
	all, a := deviceClassList(s)
	if gateOff(s, all) {
		return claimsAlone()
	}
	return newDeviceClasses(all, a.State == snapshot.Present)
}

// claimsAlone is what an API server with the gate off knows of classes.
func claimsAlone() *deviceClasses { return &deviceClasses{known: true, off: true} }

// counts says whether claims count under a quota's name (resource_claims.go, MatchingResources).
func (d *deviceClasses) counts(name corev1.ResourceName) bool {
	return tracksDevices(name) || d.claimed[name]
}

// mayCount is counts, and true as well where only an unread class could tell.
func (d *deviceClasses) mayCount(name corev1.ResourceName) bool {
	return d.counts(name) || !d.known && isQuotaForExtended(name)
}

// usage is what a claim counts for: as an object, for the devices of each class,
// and for those as extended resources, as far as the pod that the claim was made
// for does not count for them already (addExtendedResourceQuota).
func (d *deviceClasses) usage(claim *resourcev1.ResourceClaim, pod corev1.ResourceList) corev1.ResourceList {
	out := deviceUsage(claim)
	if d.off {
		return out
	}
	extended := corev1.ResourceList{}
	for name, n := range out {
		class, ok := strings.CutSuffix(string(name), corev1.ResourceClaimsPerClass)
		if !ok || class == "" {
			continue
		}
		as := corev1.ResourceList{corev1.ResourceName(corev1.ResourceImplicitExtendedClaimsPerClass + class): n}
		if explicit, ok := d.gives[class]; ok {
			as[explicit] = n
		}
		raiseTo(extended, as)
	}
	for name, n := range extended {
		n = n.DeepCopy()
		n.Sub(pod[name])
		if n.Sign() > 0 {
			out[name] = n
		}
	}
	return out
}

// chance says that what the claim counts for is left to chance: of two classes of
// one extended resource the API server takes the devices of either.
func (d *deviceClasses) chance(claim *resourcev1.ResourceClaim) bool {
	seen := map[corev1.ResourceName]bool{}
	for name := range deviceUsage(claim) {
		class, _ := strings.CutSuffix(string(name), corev1.ResourceClaimsPerClass)
		if explicit, ok := d.gives[class]; ok {
			if seen[explicit] {
				return true
			}
			seen[explicit] = true
		}
	}
	return false
}

// claimsCount says whether the quota counts claims for devices at all: one with a
// scope does not, and another does where one of its names is one for claims, of
// which it then counts whatever it has a limit for.
func (d *deviceClasses) claimsCount(q *corev1.ResourceQuota) bool {
	return len(selectors(q)) == 0 && slices.ContainsFunc(names(q.Spec.Hard), d.counts)
}
