package policy

import (
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// in is what a policy of the called pod says of the caller.
func in(p *networkingv1.NetworkPolicy, from, to End, port Port) Ruling {
	best := Ruling{Passes: No}
	for i, r := range p.Spec.Ingress {
		best.better(fmt.Sprintf("spec.ingress[%d]", i), r.From, p.Namespace, from, r.Ports, to, port)
	}
	return best
}

// out is what a policy of the caller says of the called.
func out(p *networkingv1.NetworkPolicy, to End, port Port) Ruling {
	best := Ruling{Passes: No}
	for i, r := range p.Spec.Egress {
		best.better(fmt.Sprintf("spec.egress[%d]", i), r.To, p.Namespace, to, r.Ports, to, port)
	}
	return best
}

// better takes a rule in that lets more through than those before it. Ports are
// always those of the called end: a Service has been taken apart by then.
func (r *Ruling) better(path string, peers []networkingv1.NetworkPolicyPeer, namespace string, peer End, ports []networkingv1.NetworkPolicyPort, called End, port Port) {
	who, doubt := anyPeer(peers, namespace, peer)
	which, portDoubt := anyPort(ports, called, port)
	answer := both(who, which)
	if answer == Unknown && who != Unknown {
		doubt = portDoubt
	}
	if answer == No || either(r.Passes, answer) == r.Passes && r.Passes != No {
		return
	}
	r.Passes, r.Path, r.Doubt = answer, path, doubt
}

// anyPeer: a rule without peers is for everybody, also outside of the cluster.
func anyPeer(peers []networkingv1.NetworkPolicyPeer, namespace string, end End) (Answer, Doubt) {
	if len(peers) == 0 {
		return Yes, NoDoubt
	}
	answer, doubt := No, NoDoubt
	for _, p := range peers {
		a, d := onePeer(p, namespace, end)
		if a == Yes && d == NoDoubt {
			return Yes, NoDoubt
		}
		if answer == No || answer == Unknown && a == Yes {
			answer, doubt = a, d
		}
	}
	return answer, doubt
}

func onePeer(p networkingv1.NetworkPolicyPeer, namespace string, end End) (Answer, Doubt) {
	if p.IPBlock != nil {
		return inBlock(p.IPBlock, end)
	}
	if end.Outside || p.PodSelector == nil && p.NamespaceSelector == nil {
		return No, NoDoubt
	}
	answer, doubt := Yes, NoDoubt
	if p.NamespaceSelector == nil {
		if end.Namespace != namespace {
			return No, NoDoubt
		}
	} else {
		answer, doubt = inNamespace(p.NamespaceSelector, end)
	}
	if answer == No || p.PodSelector != nil && !selects(p.PodSelector, end.Labels) {
		return No, NoDoubt
	}
	if end.HostNetwork {
		return Unknown, DoubtHost // to most plugins it is its node, and matches no selector
	}
	return answer, doubt
}

// inNamespace holds a selector against a Namespace. Of one that was not read
// its name is known, which the API server also keeps as a label
// (corev1.LabelMetadataName, since 1.22).
func inNamespace(s *metav1.LabelSelector, end End) (Answer, Doubt) {
	set := end.NamespaceLabels
	if !end.NamespaceSeen {
		for _, key := range keysOf(s) {
			if key != corev1.LabelMetadataName {
				return Unknown, DoubtNamespace
			}
		}
		set = map[string]string{corev1.LabelMetadataName: end.Namespace}
	}
	if selects(s, set) {
		return Yes, NoDoubt
	}
	return No, NoDoubt
}

func keysOf(s *metav1.LabelSelector) []string {
	var out []string
	for k := range s.MatchLabels {
		out = append(out, k)
	}
	for _, e := range s.MatchExpressions {
		out = append(out, e.Key)
	}
	return out
}

func inBlock(b *networkingv1.IPBlock, end End) (Answer, Doubt) {
	if len(end.IPs) == 0 {
		return Unknown, DoubtAddress
	}
	block, err := netip.ParsePrefix(b.CIDR)
	if err != nil {
		return No, NoDoubt // the API server takes no such policy
	}
	for _, ip := range end.IPs {
		if !block.Contains(ip) || excepted(b.Except, ip) {
			continue
		}
		if end.Outside || end.HostNetwork {
			return Yes, NoDoubt
		}
		return Yes, DoubtBlock
	}
	return No, NoDoubt
}

func excepted(blocks []string, ip netip.Addr) bool {
	for _, e := range blocks {
		if block, err := netip.ParsePrefix(e); err == nil && block.Contains(ip) {
			return true
		}
	}
	return false
}

// anyPort: a rule without ports is for all of them.
func anyPort(ports []networkingv1.NetworkPolicyPort, called End, asked Port) (Answer, Doubt) {
	switch {
	case len(ports) == 0:
		return Yes, NoDoubt
	case asked.Any():
		return Partly, NoDoubt
	}
	answer, doubt := No, NoDoubt
	for _, p := range ports {
		a, d := onePort(p, called, asked)
		if a == Yes {
			return Yes, NoDoubt
		}
		if a == Unknown {
			answer, doubt = a, d
		}
	}
	return answer, doubt
}

// onePort holds a port of a rule against the one asked about: the number on the
// pod, or the name that the called pod gives to one. endPort goes with a number only.
func onePort(p networkingv1.NetworkPolicyPort, called End, asked Port) (Answer, Doubt) {
	protocol := corev1.ProtocolTCP
	if p.Protocol != nil {
		protocol = *p.Protocol
	}
	if protocol != asked.protocol() {
		return No, NoDoubt
	}
	if p.Port == nil {
		return Yes, NoDoubt
	}
	number := asked.on(called)
	if number == 0 {
		return Unknown, DoubtPortName
	}
	if p.Port.Type == intstr.String {
		if called.Outside {
			return Unknown, DoubtPortName
		}
		return yesNo(Port{Name: p.Port.StrVal, Protocol: protocol}.on(called) == number), NoDoubt
	}
	last := p.Port.IntVal
	if p.EndPort != nil {
		last = *p.EndPort
	}
	return yesNo(p.Port.IntVal <= number && number <= last), NoDoubt
}

func yesNo(b bool) Answer {
	if b {
		return Yes
	}
	return No
}

func (p Port) protocol() corev1.Protocol {
	if p.Protocol == "" {
		return corev1.ProtocolTCP
	}
	return p.Protocol
}

// on is the number that the port has on a pod, 0 where the pod has none of that name.
func (p Port) on(pod End) int32 {
	if p.Number != 0 {
		return p.Number
	}
	for _, c := range pod.Ports {
		protocol := c.Protocol
		if protocol == "" {
			protocol = corev1.ProtocolTCP
		}
		if c.Name == p.Name && protocol == p.protocol() {
			return c.ContainerPort
		}
	}
	return 0
}

// Resolve gives the port its number on a pod; false where the pod has none of that name.
func (p Port) Resolve(pod End) (Port, bool) {
	if p.Any() {
		return p, true
	}
	p.Number, p.Protocol = p.on(pod), p.protocol()
	return p, p.Number != 0
}

// String is how people write it: "8080/TCP (http)", "" for any.
func (p Port) String() string {
	if p.Any() {
		return ""
	}
	text := p.Name + "/" + string(p.protocol())
	if p.Number != 0 {
		text = fmt.Sprintf("%d/%s", p.Number, p.protocol())
		if p.Name != "" {
			text += " (" + p.Name + ")"
		}
	}
	return strings.TrimSpace(text)
}
