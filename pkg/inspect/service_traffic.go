package inspect

import (
	"fmt"
	"sort"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// trafficRules look at where a Service sends what it gets.
func trafficRules() []rule.Rule {
	return []rule.Rule{
		{ID: "service/target-port-unused", Reads: []snapshot.Kind{"Service", "Pod", eventKind}, Check: checkTargetPorts},
		{ID: "service/external-pending", Reads: []snapshot.Kind{"Service", eventKind}, Needs: externalNeeds, Check: checkExternal},
		{ID: "service/mixed-workloads", Reads: []snapshot.Kind{"Service", "Pod", "ReplicaSet"}, Check: checkMixed},
	}
}

// checkTargetPorts: a port by number that no container declares. Declaring is
// only a note, so that this alone is worth no more than one; it is a fault
// where a probe of that very port was refused, which was seen.
func checkTargetPorts(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, svc := range selecting(s, sc) {
		pods, _ := behind(s, svc)
		for _, p := range svc.Spec.Ports {
			target := targetPort(p)
			if len(pods) == 0 || target.Type != intstr.Int || anyDeclares(pods, target.IntVal) {
				continue
			}
			all := numberedPorts(pods)
			refused := refusedOn(s, pods, target.IntVal)
			if len(all) == 0 {
				continue // who declares nothing tells nothing
			}
			f := finding.Finding{Object: rule.RefTo(svc), Severity: finding.Info, Confidence: finding.Possible, Args: map[string]any{
				"service": svc.Name, "namespace": svc.Namespace, "port": int(p.Port), "target": int(target.IntVal),
				"declared": strings.Join(all, ", "), "refused": refused != nil,
			}}
			f.Evidence = append(f.Evidence, seen(svc, fmt.Sprintf("spec.ports[%d].targetPort", p.Port), target.String()),
				seen(pods[0], "spec.containers[*].ports", orNone(all)))
			if refused != nil {
				f.Severity, f.Confidence = finding.Error, finding.Certain
				f.Evidence = append(f.Evidence, eventEvidence(refused))
			}
			out = append(out, f)
		}
	}
	return out
}

func anyDeclares(pods []*corev1.Pod, port int32) bool {
	for _, pod := range pods {
		for _, c := range containers(pod) {
			for _, p := range c.spec.Ports {
				if c.role != initial && p.ContainerPort == port {
					return true
				}
			}
		}
	}
	return false
}

// numberedPorts lists the ports that the pods' containers declare.
func numberedPorts(pods []*corev1.Pod) []string {
	known := map[string]bool{}
	for _, pod := range pods {
		for _, c := range containers(pod) {
			for _, p := range c.spec.Ports {
				if c.role != initial {
					known[fmt.Sprint(p.ContainerPort)] = true
				}
			}
		}
	}
	out := make([]string, 0, len(known))
	for p := range known {
		out = append(out, p)
	}
	sort.Strings(out)
	return out
}

// refusedOn is a kubelet's account that nobody listens on the port.
func refusedOn(s *snapshot.Snapshot, pods []*corev1.Pod, port int32) *corev1.Event {
	for _, pod := range pods {
		events, _ := eventsAbout(s, pod)
		for _, e := range events {
			said := strings.Contains(e.Message, "connection refused") && (strings.Contains(e.Message, fmt.Sprintf(":%d:", port)) || strings.Contains(e.Message, fmt.Sprintf(":%d/", port)) || strings.Contains(e.Message, fmt.Sprintf(":%d\"", port)))
			if e.Reason == "Unhealthy" && said && s.TakenAt.Sub(rule.LastSeen(e)) < freshEvent {
				return e
			}
		}
	}
	return nil
}

// externalPatience is how long a load balancer may take to come.
const externalPatience = time.Minute

func external(s *snapshot.Snapshot, svc *corev1.Service) bool {
	return svc.Spec.Type == corev1.ServiceTypeLoadBalancer && svc.DeletionTimestamp == nil && len(svc.Status.LoadBalancer.Ingress) == 0 &&
		!svc.CreationTimestamp.IsZero() && s.TakenAt.Sub(svc.CreationTimestamp.Time) > externalPatience
}

func externalNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	for _, svc := range rule.Members[*corev1.Service](s, sc) {
		if external(s, svc) {
			return eventNeeds(sc)
		}
	}
	return snapshot.Needs{}
}

// checkExternal: nobody has given the Service an address outside the cluster.
func checkExternal(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, svc := range rule.Members[*corev1.Service](s, sc) {
		if !external(s, svc) {
			continue
		}
		class := ""
		if svc.Spec.LoadBalancerClass != nil {
			class = *svc.Spec.LoadBalancerClass
		}
		f := finding.Finding{Object: rule.RefTo(svc), Args: map[string]any{
			"service": svc.Name, "namespace": svc.Namespace, "class": class, "said": "", "tried": false,
		}}
		f.Evidence = append(f.Evidence, seen(svc, "status.loadBalancer.ingress", "(none)"))
		events, _ := eventsAbout(s, svc)
		for _, e := range events {
			if e.Reason == "EnsuringLoadBalancer" || e.Reason == "SyncLoadBalancerFailed" {
				f.Args["tried"] = true
				f.Evidence = append(f.Evidence, eventEvidence(e))
				if e.Type == corev1.EventTypeWarning {
					f.Args["said"] = firstLine(e.Message)
				}
				break
			}
		}
		out = append(out, f)
	}
	return out
}

// checkMixed: a selector that catches pods of several workloads. Often that is
// meant (a canary beside the stable version), so that it is a note, unless one
// of them plainly cannot answer: it declares ports, and not the Service's.
func checkMixed(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, svc := range selecting(s, sc) {
		pods, answer := behind(s, svc)
		groups := map[finding.Ref][]*corev1.Pod{}
		for _, pod := range pods {
			owner := rule.TemplateOwner(s, pod)
			if owner.Kind == "Job" {
				owner = rule.RefTo(pod) // each run is another Job
			}
			groups[owner] = append(groups[owner], pod)
		}
		if len(groups) < 2 || answer.State != snapshot.Present || bareOnly(groups) {
			continue
		}
		var names, strangers []string
		for owner, mine := range groups {
			names = append(names, owner.String())
			if !answers(svc, mine) {
				strangers = append(strangers, owner.String())
			}
		}
		sort.Strings(names)
		sort.Strings(strangers)
		f := finding.Finding{Object: rule.RefTo(svc), Severity: finding.Info, Args: map[string]any{
			"service": svc.Name, "namespace": svc.Namespace, "workloads": strings.Join(names, ", "), "strangers": "", "n": len(names),
		}}
		if len(strangers) > 0 && len(strangers) < len(groups) {
			f.Severity, f.Confidence, f.Args["strangers"] = finding.Warning, finding.Likely, strings.Join(strangers, ", ")
		}
		f.Evidence = append(f.Evidence, finding.Evidence{Object: f.Object.String(), Path: "spec.selector", Value: orNone(names)})
		out = append(out, f)
	}
	return out
}

func bareOnly(groups map[finding.Ref][]*corev1.Pod) bool {
	for owner := range groups {
		if owner.Kind != "Pod" {
			return false
		}
	}
	return true
}

// answers says whether the pods may serve one of the Service's ports; pods that
// declare no port at all may serve any.
func answers(svc *corev1.Service, pods []*corev1.Pod) bool {
	if len(numberedPorts(pods)) == 0 {
		return true
	}
	for _, p := range svc.Spec.Ports {
		target := targetPort(p)
		if target.Type == intstr.Int && anyDeclares(pods, target.IntVal) || target.Type == intstr.String && len(namedPorts(pods, target.StrVal, p.Protocol)) > 0 {
			return true
		}
	}
	return false
}
