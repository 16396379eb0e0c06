package plan

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// checkSelectorOverlap: other Pods behind the same Service take a part of its
// traffic. Under a ratio the shares are then other than planned; a pin to one
// version's hash would cut these Pods off altogether.
func (d *draft) checkSelectorOverlap() []finding.Finding {
	var out []finding.Finding
	d.each(func(svc *corev1.Service) {
		if len(svc.Spec.Selector) == 0 {
			return
		}
		pods, _ := snapshot.List[*corev1.Pod](d.s, d.w.ref.Namespace, labels.SelectorFromSet(svc.Spec.Selector))
		strangers := map[string]int{}
		for _, pod := range pods {
			if !ended(pod) && !d.owns(pod) {
				strangers[ownerOf(pod)]++
			}
		}
		if len(strangers) == 0 {
			return
		}
		f := d.overlap(svc, strangers)
		if d.spec.Via == rollout.ViaService {
			f.Severity = finding.Error
		}
		out = append(out, f)
	})
	return out
}

func (d *draft) overlap(svc *corev1.Service, strangers map[string]int) finding.Finding {
	var owners []string
	n := 0
	for owner, pods := range strangers {
		owners = append(owners, owner)
		n += pods
	}
	slices.Sort(owners)
	f := d.foundAt(rule.RefTo(svc), map[string]any{
		"service": svc.Name, "n": n, "others": strings.Join(owners, ", "), "pinned": d.spec.Via == rollout.ViaService,
		"selector": labels.Set(svc.Spec.Selector).String(),
	}, finding.Evidence{Object: "service/" + svc.Name, Path: "spec.selector", Value: labels.Set(svc.Spec.Selector).String()})
	for _, owner := range owners {
		f.Evidence = append(f.Evidence, finding.Evidence{Object: owner, Path: "pods behind service/" + svc.Name, Value: fmt.Sprint(strangers[owner])})
	}
	return f
}

// ownerOf names who made a Pod; of a ReplicaSet, what it is named after: its Deployment.
func ownerOf(pod *corev1.Pod) string {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return "pod/" + pod.Name
	}
	hash := pod.Labels[rollout.HashLabel("Deployment")]
	if name, ok := strings.CutSuffix(owner.Name, "-"+hash); ok && owner.Kind == "ReplicaSet" && hash != "" {
		return "deployment/" + name
	}
	return strings.ToLower(owner.Kind) + "/" + owner.Name
}

// checkSessionAffinity: with ClientIP a client stays with the Pod that it had
// first, so that shares hold for new clients only. A flip of the selector takes
// those Pods away, and the affinity with them: blue-green has no such trouble.
func (d *draft) checkSessionAffinity() []finding.Finding {
	if d.spec.Via != rollout.ViaRatio {
		return nil
	}
	var out []finding.Finding
	d.each(func(svc *corev1.Service) {
		if svc.Spec.SessionAffinity != corev1.ServiceAffinityClientIP {
			return
		}
		after := int32(10800) // the API's default (pkg/apis/core/v1/defaults.go)
		if c := svc.Spec.SessionAffinityConfig; c != nil && c.ClientIP != nil && c.ClientIP.TimeoutSeconds != nil {
			after = *c.ClientIP.TimeoutSeconds
		}
		out = append(out, d.foundAt(rule.RefTo(svc), map[string]any{"service": svc.Name, "seconds": int(after)},
			finding.Evidence{Object: "service/" + svc.Name, Path: "spec.sessionAffinity", Value: "ClientIP"}))
	})
	return out
}

// checkUnevenRouting: where a client does not pick among all ready endpoints, a
// ratio of Pods is not the ratio of traffic. A node or a zone may hold Pods of
// one version only; the clients of a headless Service pick by themselves.
func (d *draft) checkUnevenRouting() []finding.Finding {
	if d.spec.Via != rollout.ViaRatio {
		return nil
	}
	var out []finding.Finding
	d.each(func(svc *corev1.Service) {
		for _, c := range uneven(svc) {
			out = append(out, d.foundAt(rule.RefTo(svc), map[string]any{"service": svc.Name, "field": c.path, "value": c.value, "headless": c.path == "spec.clusterIP"},
				finding.Evidence{Object: "service/" + svc.Name, Path: c.path, Value: c.value}))
		}
	})
	return out
}

type setting struct{ path, value string }

// uneven lists the settings by which not all endpoints are picked among alike.
func uneven(svc *corev1.Service) []setting {
	var out []setting
	if svc.Spec.ClusterIP == corev1.ClusterIPNone {
		return []setting{{"spec.clusterIP", "None"}}
	}
	if p := svc.Spec.InternalTrafficPolicy; p != nil && *p == corev1.ServiceInternalTrafficPolicyLocal {
		out = append(out, setting{"spec.internalTrafficPolicy", string(*p)})
	}
	if svc.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal {
		out = append(out, setting{"spec.externalTrafficPolicy", string(svc.Spec.ExternalTrafficPolicy)})
	}
	if t := svc.Spec.TrafficDistribution; t != nil && *t != "" {
		out = append(out, setting{"spec.trafficDistribution", *t})
	}
	return out
}

// checkUnreadyPublished: with publishNotReadyAddresses a Pod gets traffic as
// soon as it has an address, whatever its probes say. On a headless Service that
// is how members of a cluster find one another, and no client's way in.
func (d *draft) checkUnreadyPublished() []finding.Finding {
	var out []finding.Finding
	d.each(func(svc *corev1.Service) {
		if !svc.Spec.PublishNotReadyAddresses {
			return
		}
		f := d.foundAt(rule.RefTo(svc), map[string]any{"service": svc.Name, "headless": svc.Spec.ClusterIP == corev1.ClusterIPNone},
			finding.Evidence{Object: "service/" + svc.Name, Path: "spec.publishNotReadyAddresses", Value: "true"})
		if svc.Spec.ClusterIP == corev1.ClusterIPNone {
			f.Severity = finding.Warning
		}
		out = append(out, f)
	})
	return out
}
