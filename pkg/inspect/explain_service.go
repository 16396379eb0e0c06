package inspect

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

func (e explainer) service(out *Object, svc *corev1.Service) {
	dns := svc.Name + "." + svc.Namespace + ".svc"
	switch {
	case svc.Spec.Type == corev1.ServiceTypeExternalName:
		out.Summary = e.text("service-external-name", map[string]any{"dns": dns, "external": svc.Spec.ExternalName})
		out.Health, out.Status = Unknown, e.text("status-alias", nil)
		return
	case len(svc.Spec.Selector) == 0:
		out.Summary = e.text("service-no-selector", map[string]any{"dns": dns})
	default:
		out.Summary = e.text("service", map[string]any{"dns": dns, "selector": labels.FormatLabels(svc.Spec.Selector), "all": svc.Spec.PublishNotReadyAddresses})
	}
	ready, total, answer := endpoints(e.s, svc)
	if answer.State != snapshot.Present {
		out.Health, out.Status = Unknown, e.text("unknown-endpoints", nil)
	} else {
		out.Health, out.Status = Healthy, e.text("status-endpoints-ready", map[string]any{"ready": ready, "total": total})
		if ready == 0 {
			out.Health = Unknown // whether that is wrong is for a rule to say
		}
		row := e.compare("what-endpoints", nil, e.text("want-at-least-one", nil), strconv.Itoa(ready), ready > 0)
		if total == 0 && len(svc.Spec.Selector) == 0 {
			// Some keep nothing but a name, as what elects a leader does.
			out.Status, row.OK = e.text("status-endpoints-unwritten", nil), nil
		}
		out.Compare = append(out.Compare, row)
	}
	if len(svc.Spec.Selector) > 0 {
		out.Compare = append(out.Compare, e.ports(svc)...)
	}
	for _, m := range e.scope.Below(out.Object) {
		if m.Kind != "Pod" && m.Kind != "ReplicaSet" {
			out.Related = append(out.Related, e.link(Selects, m))
		}
	}
	out.Related = append(out.Related, e.podsUnder(Selects, out.Object)...)
}

// ports compares each port of the Service with what the pods behind it declare.
func (e explainer) ports(svc *corev1.Service) []Comparison {
	pods, _ := snapshot.List[*corev1.Pod](e.s, svc.Namespace, labels.SelectorFromSet(svc.Spec.Selector))
	var out []Comparison
	for _, p := range svc.Spec.Ports {
		name := strconv.Itoa(int(p.Port))
		if p.Name != "" {
			name = p.Name + " " + name
		}
		target := targetPort(p)
		row := Comparison{What: e.text("what-port", map[string]any{"port": name}), Desired: target.String(), Observed: target.String()}
		if target.Type == intstr.String && len(pods) > 0 {
			found := namedPorts(pods, target.StrVal, p.Protocol)
			ok := len(found) > 0
			row.OK, row.Observed = &ok, e.text("unresolved", nil)
			if ok {
				row.Observed = e.text("reaches", map[string]any{"ports": strings.Join(found, ", ")})
			}
		}
		out = append(out, row)
	}
	return out
}

// targetPort is where the Service sends a port; the API server defaults a missing one to the port itself.
func targetPort(p corev1.ServicePort) intstr.IntOrString {
	if p.TargetPort.Type == intstr.Int && p.TargetPort.IntVal == 0 {
		return intstr.FromInt32(p.Port)
	}
	return p.TargetPort
}

// namedPorts lists the numbers that a port name stands for in the pods.
func namedPorts(pods []*corev1.Pod, name string, protocol corev1.Protocol) []string {
	numbers := map[string]bool{}
	for _, pod := range pods {
		if n, ok := portNumber(pod, name, protocol); ok {
			numbers[strconv.Itoa(int(n))] = true
		}
	}
	out := make([]string, 0, len(numbers))
	for n := range numbers {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

// portNumber resolves a named target port in one pod as the EndpointSlice
// controller does: containers and sidecars, same name, same protocol (podutil.FindPort).
func portNumber(pod *corev1.Pod, name string, protocol corev1.Protocol) (int32, bool) {
	for _, c := range containers(pod) {
		if c.role == initial {
			continue
		}
		for _, p := range c.spec.Ports {
			if p.Name == name && protocolOf(p.Protocol) == protocolOf(protocol) {
				return p.ContainerPort, true
			}
		}
	}
	return 0, false
}

func protocolOf(p corev1.Protocol) corev1.Protocol {
	if p == "" {
		return corev1.ProtocolTCP
	}
	return p
}

// endpoints counts the pods (addresses) behind a Service by its EndpointSlices.
// Dual-stack Services have a slice for each family; the family with more counts.
func endpoints(s *snapshot.Snapshot, svc *corev1.Service) (ready, total int, answer snapshot.Answer) {
	selector, err := labels.Parse(sliceSelector(svc.Name))
	if err != nil {
		return 0, 0, snapshot.Answer{Why: fmt.Sprintf("selector: %v", err)}
	}
	slices, answer := snapshot.List[*discoveryv1.EndpointSlice](s, svc.Namespace, selector)
	byFamily := map[discoveryv1.AddressType][2]int{}
	for _, slice := range slices {
		counts := byFamily[slice.AddressType]
		for _, ep := range slice.Endpoints {
			counts[1]++
			if ep.Conditions.Ready == nil || *ep.Conditions.Ready {
				counts[0]++
			}
		}
		byFamily[slice.AddressType] = counts
	}
	for _, c := range byFamily {
		ready, total = max(ready, c[0]), max(total, c[1])
	}
	return ready, total, answer
}
