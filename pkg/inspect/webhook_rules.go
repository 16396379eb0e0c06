package inspect

import (
	"fmt"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const (
	validatingKind snapshot.Kind = "ValidatingWebhookConfiguration"
	mutatingKind   snapshot.Kind = "MutatingWebhookConfiguration"
	sliceKind      snapshot.Kind = "EndpointSlice"
)

// webhookRules find admission webhooks that must be asked and cannot be.
func webhookRules() []rule.Rule {
	return []rule.Rule{{
		ID: "api/webhook-unavailable", Reads: []snapshot.Kind{validatingKind, mutatingKind, "Service", sliceKind}, Needs: webhookNeeds, Check: checkWebhooks,
	}}
}

// hook is one webhook of a configuration.
type hook struct {
	config  snapshot.Object
	name    string
	ignored bool
	about   string
	service *admissionv1.ServiceReference
}

// port is that of the Service; the API server defaults it (admissionregistration/v1).
func (h hook) port() int32 {
	if h.service.Port != nil {
		return *h.service.Port
	}
	return 443
}

func (h hook) ref() finding.Ref {
	return finding.Ref{Kind: "Service", Namespace: h.service.Namespace, Name: h.service.Name}
}

// hooksOf lists the webhooks of a configuration of either kind.
func hooksOf(o snapshot.Object) []hook {
	var out []hook
	add := func(name string, rules []admissionv1.RuleWithOperations, policy *admissionv1.FailurePolicyType, client admissionv1.WebhookClientConfig) {
		var about []string
		for _, r := range rules {
			for _, one := range r.Resources {
				about = addNew(about, one)
			}
		}
		out = append(out, hook{config: o, name: name, ignored: policy != nil && *policy == admissionv1.Ignore, about: strings.Join(about, ", "), service: client.Service})
	}
	switch v := o.(type) {
	case *admissionv1.ValidatingWebhookConfiguration:
		for _, w := range v.Webhooks {
			add(w.Name, w.Rules, w.FailurePolicy, w.ClientConfig)
		}
	case *admissionv1.MutatingWebhookConfiguration:
		for _, w := range v.Webhooks {
			add(w.Name, w.Rules, w.FailurePolicy, w.ClientConfig)
		}
	}
	return out
}

// neededHooks are the webhooks in a scope that the API server reaches by a
// Service, and without whose answer it refuses.
func neededHooks(s *snapshot.Snapshot, sc *rule.Scope) []hook {
	var out []hook
	for m := range sc.Members() {
		if kind := snapshot.Kind(m.Kind); kind != validatingKind && kind != mutatingKind {
			continue
		}
		o, a := s.Find(snapshot.Kind(m.Kind), "", m.Name)
		if a.State != snapshot.Present || o.GetDeletionTimestamp() != nil {
			continue
		}
		for _, h := range hooksOf(o) {
			if h.service != nil && !h.ignored {
				out = append(out, h)
			}
		}
	}
	return out
}

// webhookNeeds wants the Services behind them; their endpoints are read as a Service is reached.
func webhookNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	for _, h := range neededHooks(s, sc) {
		n.Objects = append(n.Objects,
			snapshot.Need{Kind: "Service", Namespace: h.service.Namespace, Name: h.service.Name},
			snapshot.Need{Kind: sliceKind, Namespace: h.service.Namespace, Selector: sliceSelector(h.service.Name)})
	}
	return n
}

// checkWebhooks: the Service is not there, has not the port, or has nobody behind it.
func checkWebhooks(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, h := range neededHooks(s, sc) {
		why, shown := h.trouble(s)
		if why == "" {
			continue
		}
		at := rule.RefTo(h.config)
		out = append(out, finding.Finding{
			Object: at, Via: []finding.Ref{h.ref()},
			Args: map[string]any{
				"webhook": h.name, "config": at.String(), "service": h.service.Name, "serviceNamespace": h.service.Namespace,
				"port": h.port(), "why": why, "about": h.about,
			},
			Evidence: []finding.Evidence{
				seen(h.config, "webhooks["+h.name+"].failurePolicy", "Fail"),
				seen(h.config, "webhooks["+h.name+"].clientConfig.service", h.service.Namespace+"/"+h.service.Name),
				shown,
			},
		})
	}
	return out
}

// trouble says why a webhook cannot be asked, "" where nothing of that was seen.
func (h hook) trouble(s *snapshot.Snapshot) (why string, shown finding.Evidence) {
	svc, a := snapshot.Get[*corev1.Service](s, h.service.Namespace, h.service.Name)
	switch {
	case a.State == snapshot.Absent:
		return "gone", finding.Evidence{Object: h.ref().String(), Path: "metadata.name", Value: "not found"}
	case a.State != snapshot.Present || svc.Spec.Type == corev1.ServiceTypeExternalName:
		return "", shown
	}
	var ports []string
	for _, p := range svc.Spec.Ports {
		ports = append(ports, fmt.Sprint(p.Port))
	}
	if !slices.Contains(ports, fmt.Sprint(h.port())) {
		return "port", seen(svc, "spec.ports", orNone(ports))
	}
	ready, total, answer := endpoints(s, svc)
	if answer.State != snapshot.Present || ready > 0 || !hadTime(s, svc) {
		return "", shown
	}
	return "empty", finding.Evidence{Object: h.ref().String(), Path: "endpoints", Value: fmt.Sprintf("%d of %d ready", ready, total)}
}

// hadTime leaves a Service that is new the time to get its endpoints.
func hadTime(s *snapshot.Snapshot, svc *corev1.Service) bool {
	return len(s.OfKind(sliceKind, svc.Namespace)) > 0 && hasSlice(s, svc) || s.TakenAt.Sub(svc.CreationTimestamp.Time) > settleTime
}

func hasSlice(s *snapshot.Snapshot, svc *corev1.Service) bool {
	return slices.ContainsFunc(s.OfKind(sliceKind, svc.Namespace), func(o snapshot.Object) bool {
		return o.GetLabels()[discoveryv1.LabelServiceName] == svc.Name
	})
}

// blamed says whether a refusal names a webhook that could not be asked.
func blamed(all []refusal) bool {
	return slices.ContainsFunc(all, func(r refusal) bool { return webhookFailed.MatchString(r.message) })
}

// joinHook adds to a refusal what configures the webhook that it names.
func joinHook(s *snapshot.Snapshot, f *finding.Finding) {
	f.Args["config"] = ""
	for _, kind := range []snapshot.Kind{validatingKind, mutatingKind} {
		for _, o := range s.OfKind(kind, "") {
			for _, h := range hooksOf(o) {
				if h.name != f.Args["webhook"] || h.ignored {
					continue
				}
				f.Args["config"] = rule.RefTo(o).String()
				if f.Args["why"] == "certificate" { // the Service answers; what it is held against is written here
					f.Object, f.Via = rule.RefTo(o), append(f.Via, rule.RefTo(o))
				}
				f.Evidence = append(f.Evidence, seen(o, "webhooks["+h.name+"].failurePolicy", "Fail"))
				return
			}
		}
	}
}
