package inspect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// serviceRules find why a Service leads nowhere.
func serviceRules() []rule.Rule {
	return []rule.Rule{
		{ID: "service/no-matching-pods", Reads: []snapshot.Kind{"Service", "Pod", "Deployment", "ReplicaSet"}, Check: checkNoMatchingPods},
		{ID: "service/no-ready-endpoints", Reads: []snapshot.Kind{"Service", "Pod", "EndpointSlice"}, Check: checkNoReadyEndpoints},
		{ID: "service/port-name-unresolved", Reads: []snapshot.Kind{"Service", "Pod"}, Check: checkPortNames},
	}
}

// selecting are the scope's Services that select pods.
func selecting(s *snapshot.Snapshot, sc *rule.Scope) []*corev1.Service {
	var out []*corev1.Service
	for _, svc := range rule.Members[*corev1.Service](s, sc) {
		if len(svc.Spec.Selector) > 0 && svc.Spec.Type != corev1.ServiceTypeExternalName && svc.DeletionTimestamp == nil {
			out = append(out, svc)
		}
	}
	return out
}

// behind are the pods that a Service selects and that could serve: finished
// pods and pods that are being deleted are no endpoints.
func behind(s *snapshot.Snapshot, svc *corev1.Service) ([]*corev1.Pod, snapshot.Answer) {
	all, answer := snapshot.List[*corev1.Pod](s, svc.Namespace, labels.SelectorFromSet(svc.Spec.Selector))
	var out []*corev1.Pod
	for _, pod := range all {
		if pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed {
			out = append(out, pod)
		}
	}
	return out, answer
}

// checkNoMatchingPods: the selector matches no pod, seen in a complete list.
// Where a workload's template does match, its rules say why it has no pods.
func checkNoMatchingPods(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, svc := range selecting(s, sc) {
		pods, answer := behind(s, svc)
		if answer.State != snapshot.Present || len(pods) > 0 {
			continue
		}
		ref := rule.RefTo(svc)
		f := finding.Finding{Object: ref, Args: map[string]any{
			"service": svc.Name, "namespace": svc.Namespace, "selector": labels.FormatLabels(svc.Spec.Selector),
			"workload": "", "refused": false, "leaving": 0, "nearest": "", "differs": lang.Text{}, "corrected": "",
		}}
		f.Evidence = append(f.Evidence, finding.Evidence{Object: ref.String(), Path: "spec.selector", Value: labels.FormatLabels(svc.Spec.Selector)})
		f.Args["leaving"] = leaving(s, svc)
		d := matchingDeployment(s, svc)
		if d != nil && starting(s, d) {
			continue
		}
		if d != nil {
			f.Args["workload"] = rule.RefTo(d).String()
			f.Evidence = append(f.Evidence, finding.Evidence{
				Object: rule.RefTo(d).String(), Path: "status.replicas",
				Value: fmt.Sprintf("%d of %d", d.Status.Replicas, replicasOf(d.Spec.Replicas)),
			})
			refused := refusedEvidence(d)
			f.Args["refused"] = len(refused) > 0
			f.Evidence = append(f.Evidence, refused...)
		} else if near := nearestWorkloads(s, svc); len(near) > 0 && f.Args["leaving"] == 0 {
			f.Args["nearest"], f.Args["differs"] = near[0].ref.String(), near[0].differs()
			f.Args["corrected"] = near[0].corrected(svc.Spec.Selector)
			for _, n := range near {
				f.Evidence = append(f.Evidence, finding.Evidence{Object: n.ref.String(), Path: "labels of its pods", Value: labels.FormatLabels(n.labels)})
			}
		}
		out = append(out, f)
	}
	return out
}

// starting says that a Deployment has only just been asked for pods, and was not refused them.
func starting(s *snapshot.Snapshot, d *appsv1.Deployment) bool {
	fresh := s.TakenAt.Sub(d.CreationTimestamp.Time) < freshPods || d.Status.ObservedGeneration < d.Generation
	return fresh && replicasOf(d.Spec.Replicas) > 0 && len(refusedEvidence(d)) == 0
}

// leaving counts the pods that a Service selects and that are finished or being
// deleted: the selector is right, and nobody is left to serve.
func leaving(s *snapshot.Snapshot, svc *corev1.Service) int {
	all, _ := snapshot.List[*corev1.Pod](s, svc.Namespace, labels.SelectorFromSet(svc.Spec.Selector))
	return len(all)
}

// freshPods is how young all pods behind a Service may be for an empty Service
// to be an ordinary start rather than a fault.
const freshPods = time.Minute

// checkNoReadyEndpoints: pods match, and none of them is ready.
func checkNoReadyEndpoints(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, svc := range selecting(s, sc) {
		pods, _ := behind(s, svc)
		if len(pods) == 0 || svc.Spec.PublishNotReadyAddresses || slices.ContainsFunc(pods, unobserved) {
			continue
		}
		f := finding.Finding{Object: rule.RefTo(svc), Args: map[string]any{"service": svc.Name, "namespace": svc.Namespace, "pods": len(pods)}}
		ready, total, answer := endpoints(s, svc)
		switch {
		case answer.State == snapshot.Present && ready > 0, readyPods(pods) > 0:
			continue
		case answer.State == snapshot.Present:
			f.Evidence = append(f.Evidence, finding.Evidence{Object: f.Object.String(), Path: "endpointslices", Value: fmt.Sprintf("%d ready of %d", ready, total)})
		default:
			f.Confidence = finding.Likely // by the pods alone
			f.Evidence = append(f.Evidence, finding.Evidence{Object: f.Object.String(), Path: "pods", Value: fmt.Sprintf("0 ready of %d", len(pods))})
		}
		if youngest(s, pods) {
			f.Severity = finding.Warning
		}
		out = append(out, f)
	}
	return out
}

// unobserved: a manifest; what the API server stored has a phase from the start.
func unobserved(pod *corev1.Pod) bool { return pod.Status.Phase == "" }

func readyPods(pods []*corev1.Pod) int {
	n := 0
	for _, pod := range pods {
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
				n++
			}
		}
	}
	return n
}

func youngest(s *snapshot.Snapshot, pods []*corev1.Pod) bool {
	for _, pod := range pods {
		if s.TakenAt.Sub(pod.CreationTimestamp.Time) > freshPods {
			return false
		}
	}
	return true
}

// checkPortNames: a targetPort by name that no container of a selected pod
// declares gives that pod no such port in the EndpointSlices. Names are the one
// case in which containerPort is more than a note.
func checkPortNames(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, svc := range selecting(s, sc) {
		pods, answer := behind(s, svc)
		if len(pods) == 0 {
			continue
		}
		for _, p := range svc.Spec.Ports {
			target := targetPort(p)
			if target.Type != intstr.String {
				continue
			}
			var lacking []*corev1.Pod
			for _, pod := range pods {
				if _, ok := portNumber(pod, target.StrVal, p.Protocol); !ok {
					lacking = append(lacking, pod)
				}
			}
			if len(lacking) == 0 {
				continue
			}
			out = append(out, portNameFinding(svc, p, pods, lacking, answer))
		}
	}
	return out
}

func portNameFinding(svc *corev1.Service, p corev1.ServicePort, pods, lacking []*corev1.Pod, answer snapshot.Answer) finding.Finding {
	ref, name := rule.RefTo(svc), targetPort(p).StrVal
	declared := declaredPorts(lacking)
	f := finding.Finding{Object: ref, Args: map[string]any{
		"service": svc.Name, "namespace": svc.Namespace, "name": name, "port": int(p.Port), "declared": strings.Join(declared, ", "),
		"some": len(lacking) < len(pods), "lacking": len(lacking), "pods": len(pods),
	}}
	if len(lacking) < len(pods) || answer.State != snapshot.Present {
		f.Severity = finding.Warning // part of the pods still serve the port
	}
	f.Evidence = append(f.Evidence,
		finding.Evidence{Object: ref.String(), Path: fmt.Sprintf("spec.ports[%d].targetPort", p.Port), Value: name},
		finding.Evidence{Object: rule.RefTo(lacking[0]).String(), Path: "spec.containers[*].ports", Value: orNone(declaredPorts(lacking[:1]))})
	return f
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "(none)"
	}
	return strings.Join(list, ", ")
}

// declaredPorts lists the named ports that the pods' containers declare, each once: "http 8080".
func declaredPorts(pods []*corev1.Pod) []string {
	var out []string
	seen := map[string]bool{}
	for _, pod := range pods {
		for _, c := range containers(pod) {
			for _, p := range c.spec.Ports {
				text := fmt.Sprintf("%s %d", p.Name, p.ContainerPort)
				if c.role != initial && p.Name != "" && !seen[text] {
					seen[text] = true
					out = append(out, text)
				}
			}
		}
	}
	return out
}
