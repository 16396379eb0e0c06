package fit

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// String says in a few words what refuses, with the numbers.
func (r Refusal) String() string {
	switch r.Reason {
	case Cordoned:
		return "cordoned"
	case OtherNode:
		return "not node " + r.NodeName
	case Tainted:
		return "taint " + r.Taint.ToString()
	case NotSelected:
		return requirementsText(r.Missing)
	case PortTaken:
		return fmt.Sprintf("host port %s is held by pod %s", r.Port, r.Port.Holder)
	case Insufficient:
		return r.Shortage.String()
	case NoTopologyLabel:
		return "the node has no label " + r.Skew.Key + ", by which pods are spread"
	case Skewed:
		return r.Skew.String()
	case AffinityUnmet, AntiAffinity, KeptAway:
		return r.Term.describe(r.Reason)
	case ClaimMissing, ClaimUnbound, ClaimLost, ClaimDeleting, ClaimInUse, VolumeMissing, VolumeElsewhere:
		return r.Claim.describe(r.Reason)
	}
	return string(r.Reason)
}

func requirementsText(missing []Requirement) string {
	parts := make([]string, 0, len(missing))
	for _, m := range missing {
		switch {
		case m.Key == "":
			parts = append(parts, m.Text)
		case m.Lacks:
			parts = append(parts, fmt.Sprintf("asks for %s, the node has no label %s", m.Text, m.Key))
		default:
			parts = append(parts, fmt.Sprintf("asks for %s, the node has %s=%s", m.Text, m.Key, m.Has))
		}
	}
	return strings.Join(parts, "; ")
}

// String names the port as people write it: "8080/TCP", "10.0.0.1:8080/TCP".
func (p PortClash) String() string {
	port := fmt.Sprintf("%d/%s", p.Port, p.Protocol)
	if p.HostIP == "" {
		return port
	}
	return p.HostIP + ":" + port
}

// String is the arithmetic: "short of 300m cpu (asks 500m, 200m free of 2)".
func (s Shortage) String() string {
	if s.Resource == corev1.ResourcePods {
		held := s.Allocatable.Value() - s.Free.Value()
		return fmt.Sprintf("full: %d pods of at most %d", held, s.Allocatable.Value())
	}
	asked, allocatable := Human(s.Resource, s.Asked, true), Human(s.Resource, s.Allocatable, false)
	if s.Allocatable.IsZero() {
		return fmt.Sprintf("has no %s (asks %s)", s.Resource, asked)
	}
	return fmt.Sprintf("short of %s %s (asks %s, %s free of %s)",
		Human(s.Resource, s.Short, true), s.Resource, asked, Human(s.Resource, s.Free, false), allocatable)
}

// String is the arithmetic of the skew.
func (s Skew) String() string {
	sum := fmt.Sprintf("%s=%s has %d matching pods", s.Key, s.Domain, s.Matching)
	least := fmt.Sprintf("the fewest are %d in %s", s.Least, s.LeastDomain)
	if s.Domains < s.MinDomains {
		least = fmt.Sprintf("only %d domains of at least %d exist, so the fewest count as 0", s.Domains, s.MinDomains)
	}
	return fmt.Sprintf("%s, %s: skew would be %d, maxSkew is %d", sum, least, s.Matching+s.Self-s.Least, s.MaxSkew)
}

func (t Term) describe(r Reason) string {
	place := fmt.Sprintf("%s=%s", t.Key, t.Domain)
	switch {
	case t.NoLabel:
		return fmt.Sprintf("the node has no label %s, which the pod affinity goes by", t.Key)
	case r == AffinityUnmet:
		return fmt.Sprintf("no pod with %s (%s) in %s", t.Selector, t.Namespaces, place)
	case r == AntiAffinity:
		return fmt.Sprintf("pod %s is in %s, which the pod must keep away from (%s)", t.Other, place, t.Selector)
	}
	return fmt.Sprintf("pod %s is in %s and keeps this pod away (%s)", t.Other, place, t.Selector)
}

func (c ClaimIssue) describe(r Reason) string {
	switch r {
	case ClaimMissing:
		return fmt.Sprintf("claim %s is not there", c.Claim)
	case ClaimUnbound:
		return fmt.Sprintf("claim %s is not bound to a volume", c.Claim)
	case ClaimLost:
		return fmt.Sprintf("claim %s has lost its volume %s", c.Claim, c.Volume)
	case ClaimDeleting:
		return fmt.Sprintf("claim %s is being deleted", c.Claim)
	case ClaimInUse:
		return fmt.Sprintf("claim %s is ReadWriteOncePod and used by pod %s", c.Claim, c.Holder)
	case VolumeMissing:
		return fmt.Sprintf("claim %s is bound to volume %s, which is not there", c.Claim, c.Volume)
	default: // VolumeElsewhere
		return fmt.Sprintf("volume %s of claim %s needs %s", c.Volume, c.Claim, c.Needs)
	}
}

// String says what was not reckoned with.
func (g Gap) String() string {
	switch g.Kind {
	case UnboundClaim:
		return fmt.Sprintf("claim %s is not bound yet; which nodes could provide it was not worked out", g.What)
	case UnreadClaim:
		return fmt.Sprintf("claim %s could not be read", g.What)
	case UnreadVolume:
		return fmt.Sprintf("volume %s could not be read", g.What)
	case UnreadNamespaces:
		return "the labels of namespaces could not be read: " + g.What
	case VolumeLimit:
		return fmt.Sprintf("how many volumes driver %s attaches to a node", g.What)
	case InlineDisk:
		return fmt.Sprintf("volume %s names a disk that only one node may use", g.What)
	case DeviceClaim:
		return fmt.Sprintf("resource claim %s (dynamic resource allocation)", g.What)
	case DeviceClass:
		return fmt.Sprintf("a device class behind resource %s", g.What)
	case PodGroup:
		return "the pod is scheduled together with its group"
	case OtherScheduler:
		return fmt.Sprintf("scheduler %s has rules of its own", g.What)
	case Reserved:
		return "room is kept for pod " + g.What
	case NodeFeature:
		return "needs a feature that not every kubelet has: " + g.What
	}
	return string(g.Kind)
}
