// Package policy judges NetworkPolicies: would traffic from one pod to another
// pass, and which policy decides. It follows the API (k8s.io/api/networking/v1,
// types.go) and where that is silent the concept page of the documentation
// (concepts/services-networking/network-policies); whether a network plugin
// enforces any of it is not something an API shows. It is pure.
package policy

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
)

// Answer is whether something passes.
type Answer string

// Partly: on some ports only, asked about all of them.
const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Partly  Answer = "partly"
	Unknown Answer = "unknown"
)

// Doubt is why an answer is unknown, or what it rests on.
type Doubt string

// DoubtHost: what a policy does with a pod on its node's network is left to the
// network plugin. DoubtBlock: an ipBlock is meant for addresses outside of the
// cluster; not every plugin holds it against pods. DoubtOthers: policies that are
// no NetworkPolicies may decide otherwise.
const (
	NoDoubt         Doubt = ""
	DoubtPolicies   Doubt = "policies-unread"
	DoubtNamespace  Doubt = "namespace-unread"
	DoubtAddress    Doubt = "address-unknown"
	DoubtHost       Doubt = "host-network"
	DoubtBlock      Doubt = "block-on-pod"
	DoubtPortName   Doubt = "port-name"
	DoubtEndUnknown Doubt = "end-unknown"
	DoubtOthers     Doubt = "other-policies"
)

// Exemption is what no policy can forbid.
type Exemption string

// The documentation knows two: a pod reaches itself, and the node that a pod
// runs on reaches it, and is reached from it. The kubelet's probes are of the second sort.
const (
	NotExempt Exemption = ""
	SamePod   Exemption = "same-pod"
	OwnNode   Exemption = "own-node"
)

// End is one end of the traffic.
type End struct {
	Ref       finding.Ref
	Namespace string
	Labels    map[string]string
	// NamespaceLabels are those of the Namespace; without NamespaceSeen only its name is known.
	NamespaceLabels map[string]string
	NamespaceSeen   bool
	// IPs are its addresses; none where they are not known.
	IPs         []netip.Addr
	HostNetwork bool
	// Node is where it runs; "" where that is not known.
	Node  string
	Ports []corev1.ContainerPort
	// Outside is an address that is no pod's.
	Outside bool
}

// PodEnd is a pod as an end, but for its namespace's labels.
func PodEnd(ref finding.Ref, pod *corev1.Pod) End {
	e := End{Ref: ref, Namespace: ref.Namespace, Labels: pod.Labels, HostNetwork: pod.Spec.HostNetwork, Node: pod.Spec.NodeName}
	for _, ip := range pod.Status.PodIPs {
		if a, err := netip.ParseAddr(ip.IP); err == nil {
			e.IPs = append(e.IPs, a)
		}
	}
	if a, err := netip.ParseAddr(pod.Status.PodIP); err == nil && len(e.IPs) == 0 {
		e.IPs = append(e.IPs, a)
	}
	for _, c := range pod.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			e.Ports = append(e.Ports, c.Ports...)
		}
	}
	for _, c := range pod.Spec.Containers {
		e.Ports = append(e.Ports, c.Ports...)
	}
	return e
}

// Port is a port of the pod that is called; the zero Port is any.
type Port struct {
	Number   int32
	Name     string
	Protocol corev1.Protocol
}

// Any says that no port was named.
func (p Port) Any() bool { return p.Number == 0 && p.Name == "" }

// Listed are the policies of a namespace; there may be more where it is not Complete.
type Listed struct {
	Policies []*networkingv1.NetworkPolicy
	Complete bool
}

// Verdict is the answer for two ends and a port.
type Verdict struct {
	Passes  Answer
	Exempt  Exemption
	Egress  Side
	Ingress Side
}

// Side is the answer of one direction: egress from the caller, ingress to the called.
type Side struct {
	Passes Answer
	// Isolated says that a policy selects the pod for this direction. Where none does, everything passes.
	Isolated bool
	// Rulings are what each policy says that selects the pod, those with rules first.
	Rulings []Ruling
	Doubt   Doubt
}

// Ruling is what one policy says.
type Ruling struct {
	Policy finding.Ref
	Passes Answer
	// Path is the rule that lets the traffic through, or may: "spec.ingress[0]"; "" where none does.
	Path  string
	Doubt Doubt
}

// Judge says whether traffic between two ends passes: it does where both sides
// let it. egress are the policies of the caller's namespace, ingress those of the called one's.
func Judge(from, to End, port Port, egress, ingress Listed) Verdict {
	v := Verdict{Exempt: exempt(from, to)}
	if v.Exempt == SamePod {
		v.Passes, v.Egress.Passes, v.Ingress.Passes = Yes, Yes, Yes
		return v
	}
	v.Egress = side(from, egress, networkingv1.PolicyTypeEgress, func(p *networkingv1.NetworkPolicy) Ruling { return out(p, to, port) })
	v.Ingress = side(to, ingress, networkingv1.PolicyTypeIngress, func(p *networkingv1.NetworkPolicy) Ruling { return in(p, from, to, port) })
	if v.Exempt == OwnNode {
		if to.HostNetwork { // the caller speaks to its own node
			v.Egress.Passes = Yes
		}
		if from.HostNetwork {
			v.Ingress.Passes = Yes
		}
	}
	v.Passes = both(v.Egress.Passes, v.Ingress.Passes)
	return v
}

func exempt(from, to End) Exemption {
	switch {
	case from.Ref == to.Ref && from.Ref.Kind == "Pod":
		return SamePod
	case from.Node != "" && from.Node == to.Node && (from.HostNetwork || to.HostNetwork):
		return OwnNode
	}
	return NotExempt
}

// side asks every policy that selects the pod; policies add up, so that one that
// lets the traffic through is enough. A pod that no policy selects is open.
func side(pod End, listed Listed, direction networkingv1.PolicyType, ask func(*networkingv1.NetworkPolicy) Ruling) Side {
	s := Side{Passes: Yes}
	if pod.Outside {
		return s
	}
	answer := No
	var bare []Ruling // that only isolate: the one to change is rather one that has rules
	for _, p := range listed.Policies {
		if p.Namespace != pod.Namespace || !Directs(p, direction) || !selects(&p.Spec.PodSelector, pod.Labels) {
			continue
		}
		r := ask(p)
		r.Policy = rule.RefTo(p)
		s.Isolated = true
		answer = either(answer, r.Passes)
		if hasRules(p, direction) {
			s.Rulings = append(s.Rulings, r)
		} else {
			bare = append(bare, r)
		}
	}
	s.Rulings = append(s.Rulings, bare...)
	switch {
	case s.Isolated:
		s.Passes = answer
	case !listed.Complete:
		s.Passes = Unknown
	}
	if s.Passes != Yes {
		s.doubts(pod, listed)
	}
	return s
}

// doubts takes a refusal back that is not certain.
func (s *Side) doubts(pod End, listed Listed) {
	switch {
	case !listed.Complete:
		s.Passes, s.Doubt = Unknown, DoubtPolicies
	case pod.HostNetwork:
		s.Passes, s.Doubt = Unknown, DoubtHost
	case s.Passes == Unknown:
		for _, r := range s.Rulings {
			if r.Passes == Unknown {
				s.Doubt = r.Doubt
			}
		}
	}
}

// Directs says whether a policy isolates in a direction. Without policyTypes
// ingress is meant always, and egress where there are egress rules.
func Directs(p *networkingv1.NetworkPolicy, direction networkingv1.PolicyType) bool {
	if len(p.Spec.PolicyTypes) == 0 {
		return direction == networkingv1.PolicyTypeIngress || len(p.Spec.Egress) > 0
	}
	return slices.Contains(p.Spec.PolicyTypes, direction)
}

func hasRules(p *networkingv1.NetworkPolicy, direction networkingv1.PolicyType) bool {
	if direction == networkingv1.PolicyTypeEgress {
		return len(p.Spec.Egress) > 0
	}
	return len(p.Spec.Ingress) > 0
}

func selects(s *metav1.LabelSelector, set map[string]string) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && selector.Matches(labels.Set(set))
}

// either is the answer of rules that add up.
func either(a, b Answer) Answer {
	for _, one := range []Answer{Yes, Partly, Unknown} {
		if a == one || b == one {
			return one
		}
	}
	return No
}

// both is the answer of conditions that must all hold.
func both(a, b Answer) Answer {
	for _, one := range []Answer{No, Unknown, Partly} {
		if a == one || b == one {
			return one
		}
	}
	return Yes
}
