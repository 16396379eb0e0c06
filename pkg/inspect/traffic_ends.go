package inspect

import (
	"net/netip"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/policy"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const networkPolicyKind snapshot.Kind = "NetworkPolicy"

// TrafficKinds are what may stand at an end of traffic.
func TrafficKinds() []snapshot.Kind {
	return []snapshot.Kind{"Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "Service"}
}

// policiesIn are the policies that may select an end.
func policiesIn(s *snapshot.Snapshot, t finding.Ref) policy.Listed {
	if t.Kind == OutsideKind {
		return policy.Listed{Complete: true}
	}
	all, a := snapshot.List[*networkingv1.NetworkPolicy](s, t.Namespace, nil)
	return policy.Listed{Policies: all, Complete: a.State == snapshot.Present || s.Source == snapshot.FromManifests}
}

// asksForNamespaces says whether a policy of this namespace selects others by their labels.
func asksForNamespaces(s *snapshot.Snapshot, namespace string) bool {
	all, _ := snapshot.List[*networkingv1.NetworkPolicy](s, namespace, nil)
	for _, p := range all {
		var peers []networkingv1.NetworkPolicyPeer
		for _, r := range p.Spec.Ingress {
			peers = append(peers, r.From...)
		}
		for _, r := range p.Spec.Egress {
			peers = append(peers, r.To...)
		}
		for _, peer := range peers {
			if n := peer.NamespaceSelector; n != nil && len(n.MatchLabels)+len(n.MatchExpressions) > 0 {
				return namespace != ""
			}
		}
	}
	return false
}

// podsBehind selects the pods of a workload or Service that was read.
func podsBehind(s *snapshot.Snapshot, t finding.Ref) (labels.Selector, bool) {
	o, a := s.Find(snapshot.Kind(t.Kind), t.Namespace, t.Name)
	if a.State != snapshot.Present {
		return nil, false
	}
	if svc, ok := o.(*corev1.Service); ok {
		return labels.SelectorFromSet(svc.Spec.Selector), len(svc.Spec.Selector) > 0
	}
	written := rule.Selector(o)
	if written == nil { // a pod, or a CronJob, whose pods come and go
		return nil, false
	}
	selector, err := metav1.LabelSelectorAsSelector(written)
	return selector, err == nil && !selector.Empty()
}

// podsOf are the pods that are an end's and still run, or are about to.
func podsOf(s *snapshot.Snapshot, t finding.Ref) []*corev1.Pod {
	if t.Kind == "Pod" {
		if pod, a := snapshot.Get[*corev1.Pod](s, t.Namespace, t.Name); a.State == snapshot.Present {
			return []*corev1.Pod{pod}
		}
		return nil
	}
	selector, ok := podsBehind(s, t)
	if !ok {
		return nil
	}
	all, _ := snapshot.List[*corev1.Pod](s, t.Namespace, selector)
	var out []*corev1.Pod
	for _, pod := range all {
		over := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
		if !over && (t.Kind == "Service" || ownedBy(s, pod, t)) {
			out = append(out, pod)
		}
	}
	return out
}

func ownedBy(s *snapshot.Snapshot, pod *corev1.Pod, t finding.Ref) bool {
	owner := metav1.GetControllerOfNoCopy(pod)
	direct := owner != nil && owner.Kind == t.Kind && owner.Name == t.Name
	return direct || rule.TemplateOwner(s, pod) == t
}

// endsOf are the pods of an end; where there are none its template stands for
// them, with addresses and nodes unknown. None at all where it could not be read.
func endsOf(s *snapshot.Snapshot, t finding.Ref) []policy.End {
	if t.Kind == OutsideKind {
		ip, err := netip.ParseAddr(t.Name)
		if err != nil {
			return nil
		}
		return []policy.End{{Ref: t, Outside: true, IPs: []netip.Addr{ip}}}
	}
	var out []policy.End
	for _, pod := range podsOf(s, t) {
		out = append(out, endOf(s, rule.RefTo(pod), pod))
	}
	if len(out) > 0 {
		return out
	}
	if o, a := s.Find(snapshot.Kind(t.Kind), t.Namespace, t.Name); a.State == snapshot.Present {
		if pod := template(o); pod != nil && t.Kind != "Pod" {
			return []policy.End{endOf(s, t, pod)}
		}
	}
	return nil
}

func endOf(s *snapshot.Snapshot, ref finding.Ref, pod *corev1.Pod) policy.End {
	e := policy.PodEnd(ref, pod)
	if ns, a := snapshot.Get[*corev1.Namespace](s, "", ref.Namespace); a.State == snapshot.Present {
		e.NamespaceLabels, e.NamespaceSeen = ns.Labels, true
	}
	return e
}

// servicePorts are the pods' ports behind a Service's: policies know the pods'
// alone, since they are applied once the Service's address has been replaced.
func servicePorts(svc *corev1.Service, asked policy.Port) ([]policy.Port, error) {
	var out []policy.Port
	var have []string
	for _, p := range svc.Spec.Ports {
		have = append(have, policy.Port{Number: p.Port, Name: p.Name, Protocol: p.Protocol}.String())
		named := asked.Name != "" && asked.Name == p.Name
		numbered := asked.Number != 0 && asked.Number == p.Port && (asked.Protocol == "" || asked.Protocol == p.Protocol || p.Protocol == "" && asked.Protocol == corev1.ProtocolTCP)
		if asked.Any() || named || numbered {
			out = append(out, targetOf(p))
		}
	}
	if len(out) == 0 && !asked.Any() {
		typed := asked.Name
		if asked.Number != 0 {
			typed = strconv.Itoa(int(asked.Number))
		}
		return nil, &NoPortError{Target: rule.RefTo(svc), Port: typed, Have: have}
	}
	if len(out) == 0 {
		out = append(out, policy.Port{})
	}
	return out, nil
}

func targetOf(p corev1.ServicePort) policy.Port {
	switch {
	case p.TargetPort.Type == intstr.String && p.TargetPort.StrVal != "":
		return policy.Port{Name: p.TargetPort.StrVal, Protocol: p.Protocol}
	case p.TargetPort.IntVal != 0:
		return policy.Port{Number: p.TargetPort.IntVal, Protocol: p.Protocol}
	}
	return policy.Port{Number: p.Port, Protocol: p.Protocol}
}
