package fit

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Reason is the kind of constraint that refuses.
type Reason string

// The reasons, in the order in which the scheduler asks.
const (
	// Cordoned: spec.unschedulable of the node (NodeUnschedulable).
	Cordoned Reason = "cordoned"
	// OtherNode: spec.nodeName of the pod names another node (NodeName).
	OtherNode Reason = "other-node"
	// Tainted: a NoSchedule or NoExecute taint without a toleration (TaintToleration).
	Tainted Reason = "taint"
	// NotSelected: nodeSelector or required node affinity (NodeAffinity).
	NotSelected Reason = "selector"
	// PortTaken: another pod holds the host port (NodePorts).
	PortTaken Reason = "port"
	// Insufficient: too little of a resource is free (NodeResourcesFit).
	Insufficient Reason = "resource"
	// ClaimMissing, ClaimUnbound, ClaimLost and ClaimDeleting: the claim cannot be used by any node yet (VolumeBinding).
	ClaimMissing  Reason = "claim-missing"
	ClaimUnbound  Reason = "claim-unbound"
	ClaimLost     Reason = "claim-lost"
	ClaimDeleting Reason = "claim-deleting"
	// ClaimInUse: a ReadWriteOncePod claim that another pod uses (VolumeRestrictions).
	ClaimInUse Reason = "claim-in-use"
	// VolumeMissing: the claim is bound to a volume that is not there (VolumeBinding).
	VolumeMissing Reason = "volume-missing"
	// VolumeElsewhere: the volume can only be used on other nodes (VolumeBinding, VolumeZone).
	VolumeElsewhere Reason = "volume-elsewhere"
	// Skewed: one more pod here would spread them too unevenly (PodTopologySpread).
	Skewed Reason = "spread"
	// NoTopologyLabel: the node lacks the label that pods are spread by (PodTopologySpread).
	NoTopologyLabel Reason = "spread-label"
	// AffinityUnmet: no pod that it wants to be near is there (InterPodAffinity).
	AffinityUnmet Reason = "affinity"
	// AntiAffinity: a pod that it must not be near is there (InterPodAffinity).
	AntiAffinity Reason = "anti-affinity"
	// KeptAway: a pod that is there must not be near this one (InterPodAffinity).
	KeptAway Reason = "kept-away"
)

// Refusal is one constraint that refuses the pod; the field that belongs to its reason is set.
type Refusal struct {
	Reason   Reason
	Shortage *Shortage     // Insufficient
	Taint    *corev1.Taint // Tainted
	Missing  []Requirement // NotSelected
	Port     *PortClash    // PortTaken
	Claim    *ClaimIssue   // Claim…, Volume…
	Skew     *Skew         // Skewed, NoTopologyLabel
	Term     *Term         // AffinityUnmet, AntiAffinity, KeptAway
	// NodeName is the node asked for (OtherNode).
	NodeName string
}

// Shortage is a resource of which too little is free. Short = Asked − Free. Free
// = Allocatable − what bound pods hold, and is negative where they hold more
// than the node offers.
type Shortage struct {
	Resource                        corev1.ResourceName
	Asked, Free, Allocatable, Short resource.Quantity
}

// TooBig says that even the empty node would be too small.
func (s Shortage) TooBig() bool { return s.Asked.Cmp(s.Allocatable) > 0 }

// Requirement is one demand on a node's labels (or its name) that is not met.
type Requirement struct {
	// Text is the demand: "disktype=ssd", "topology.kubernetes.io/zone in (a,b)".
	Text string
	// Key is the label; Want is a value that would do, where one can be named.
	Key, Want string
	// Has is the node's value; Lacks says that it has no such label.
	Has   string
	Lacks bool
}

// PortClash is a host port that is taken.
type PortClash struct {
	Port     int32
	Protocol corev1.Protocol
	// HostIP is the address asked for; empty is every address.
	HostIP string
	// Holder is the pod that has it: "namespace/name".
	Holder string
}

// ClaimIssue is what is wrong with a volume.
type ClaimIssue struct {
	Claim, Volume string
	// Needs is what the volume demands of a node (VolumeElsewhere).
	Needs string
	// Holder is the pod that uses the claim (ClaimInUse): "namespace/name".
	Holder string
}

// Skew is the arithmetic of a topology spread constraint: Matching + Self −
// Least must not exceed MaxSkew.
type Skew struct {
	Key, Domain string
	// Matching pods are in the node's domain now; Self is 1 where the pod counts itself.
	Matching, Self int
	// Least is the smallest count over all domains, found in LeastDomain; 0
	// where there are fewer domains than MinDomains.
	Least       int
	LeastDomain string
	MaxSkew     int
	// Domains are those that exist; MinDomains those demanded.
	Domains, MinDomains int
	Selector            string
}

// Term is a required pod affinity or anti-affinity term.
type Term struct {
	Key, Domain string
	// NoLabel says that the node has no label Key.
	NoLabel  bool
	Selector string
	// Namespaces that the term looks at, in words.
	Namespaces string
	// Other is the pod that stands in the way: "namespace/name".
	Other string
}

// Gap is something that may refuse the pod as well and was not reckoned with.
type Gap struct {
	Kind GapKind
	// What names it: a claim, a resource, a scheduler.
	What string
}

// GapKind is the kind of thing that was not reckoned with.
type GapKind string

// What is not modelled, or could not be for lack of what was read.
const (
	// UnboundClaim: a claim that waits for its first pod; which nodes could
	// provide it hangs on classes, drivers and capacities that were not read.
	UnboundClaim GapKind = "unbound-claim"
	// UnreadClaim and UnreadVolume could not be read.
	UnreadClaim  GapKind = "unread-claim"
	UnreadVolume GapKind = "unread-volume"
	// UnreadNamespaces: a namespaceSelector needs the labels of namespaces.
	UnreadNamespaces GapKind = "unread-namespaces"
	// VolumeLimit: how many volumes a CSI driver attaches to one node.
	VolumeLimit GapKind = "volume-limit"
	// InlineDisk: a disk named in the pod itself that only one node may use.
	InlineDisk GapKind = "inline-disk"
	// DeviceClaim: a ResourceClaim (dynamic resource allocation, KEP-4381).
	DeviceClaim GapKind = "device-claim"
	// DeviceClass: an extended resource that some node does not offer may stand for a device class there (KEP-5004).
	DeviceClass GapKind = "device-class"
	// PodGroup: the pod is scheduled together with others (KEP-4671).
	PodGroup GapKind = "pod-group"
	// OtherScheduler decides for this pod, by rules of its own.
	OtherScheduler GapKind = "other-scheduler"
	// Reserved: room on a node is kept for a pod that preempts others.
	Reserved GapKind = "reserved"
	// NodeFeature: the pod needs a feature that only some kubelets declare (KEP-5328).
	NodeFeature GapKind = "node-feature"
)
