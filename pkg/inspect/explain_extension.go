package inspect

import (
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	nodev1 "k8s.io/api/node/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// groupOf is the API group of an apiVersion; the core group is empty.
func groupOf(apiVersion string) string {
	if group, _, grouped := strings.Cut(apiVersion, "/"); grouped {
		return group
	}
	return ""
}

func (e explainer) tellExtension(o snapshot.Object) (told, bool) {
	switch v := o.(type) {
	case *snapshot.CustomResourceDefinition:
		return e.definition(v), true
	case *snapshot.APIService:
		return e.apiService(v), true
	case *admissionv1.ValidatingWebhookConfiguration:
		t := told{summary: e.text("webhook-validating", nil), health: Healthy, status: e.text("webhooks", map[string]any{"n": len(v.Webhooks)})}
		for _, w := range v.Webhooks {
			e.webhook(&t, w.Name, w.Rules, w.FailurePolicy, w.ClientConfig)
		}
		return t, true
	case *admissionv1.MutatingWebhookConfiguration:
		t := told{summary: e.text("webhook-mutating", nil), health: Healthy, status: e.text("webhooks", map[string]any{"n": len(v.Webhooks)})}
		for _, w := range v.Webhooks {
			e.webhook(&t, w.Name, w.Rules, w.FailurePolicy, w.ClientConfig)
		}
		return t, true
	case *nodev1.RuntimeClass:
		return told{summary: e.text("runtimeclass", map[string]any{"handler": v.Handler}), health: Healthy, status: v.Handler}, true
	case *appsv1.ControllerRevision:
		return told{summary: e.text("controllerrevision", map[string]any{"n": int(v.Revision)}), health: Healthy, status: e.text("revision", map[string]any{"n": int(v.Revision)})}, true
	}
	return told{}, false
}

func (e explainer) definition(v *snapshot.CustomResourceDefinition) told {
	t := told{
		summary: e.text("definition", map[string]any{"kind": v.Spec.Names.Kind, "group": v.Spec.Group, "namespaced": v.Spec.Scope == "Namespaced"}),
		health:  Progressing, status: e.text("not-established", nil),
	}
	for _, c := range v.Status.Conditions {
		good := "True"
		switch c.Type {
		case "Established":
			if c.Status == good {
				t.health, t.status = Healthy, "Established"
			}
		case "NamesAccepted":
			if c.Status != good {
				t.health, t.status = Unwell, c.Reason
			}
		default:
			good = "False" // NonStructuralSchema, Terminating, …
		}
		t.rows = append(t.rows, named(c.Type, good, observedCondition(c.Status, c.Reason, c.Message), judged(c.Status == good)))
	}
	for _, ver := range v.Spec.Versions {
		t.rows = append(t.rows, named(e.text("what-version", map[string]any{"version": ver.Name}), "",
			e.text("version-state", map[string]any{"served": ver.Served, "storage": ver.Storage, "deprecated": ver.Deprecated}), nil))
	}
	if c := v.Spec.Conversion; c != nil && c.Webhook != nil && c.Webhook.ClientConfig != nil && c.Webhook.ClientConfig.Service != nil {
		s := c.Webhook.ClientConfig.Service
		t.points(RefersTo, "Service", s.Namespace, s.Name)
	}
	return t
}

// observedCondition is a condition's value with its reason, and the message of one that is not as it should be.
func observedCondition(status, reason, message string) string {
	if reason != "" && reason != status {
		status += " (" + reason + ")"
	}
	if message != "" && !strings.HasPrefix(status, "True") {
		status += ": " + message
	}
	return status
}

func (e explainer) apiService(v *snapshot.APIService) told {
	t := told{
		summary: e.text("apiservice", map[string]any{"group": v.Spec.Group + "/" + v.Spec.Version, "local": v.Spec.Service == nil}),
		health:  Unknown, status: e.text("node-unknown", nil),
	}
	for _, c := range v.Status.Conditions {
		if c.Type == "Available" {
			t.health, t.status = Unwell, c.Reason
			if c.Status == "True" {
				t.health, t.status = Healthy, "Available"
			}
			t.rows = append(t.rows, named("Available", "True", observedCondition(c.Status, c.Reason, c.Message), judged(c.Status == "True")))
		}
	}
	if s := v.Spec.Service; s != nil {
		t.points(RefersTo, "Service", s.Namespace, s.Name)
	}
	return t
}

// webhook is one hook: what it is asked about, and who answers.
func (e explainer) webhook(t *told, name string, rules []admissionv1.RuleWithOperations, policy *admissionv1.FailurePolicyType, client admissionv1.WebhookClientConfig) {
	var about []string
	for _, r := range rules {
		var operations []string
		for _, o := range r.Operations {
			operations = append(operations, string(o))
		}
		text := strings.Join(operations, "/") + " " + strings.Join(r.Resources, ",")
		if !slices.Contains(about, text) {
			about = append(about, text)
		}
	}
	ignore := policy != nil && *policy == admissionv1.Ignore
	row := named(name, strings.Join(about, "; "), e.text("webhook-policy", map[string]any{"ignore": ignore}), nil)
	if s := client.Service; s != nil {
		found := e.route(s.Namespace, name, s.Name, "")
		row.OK = found.OK
		row.Observed = found.Desired + ": " + found.Observed + "; " + row.Observed
		t.points(RefersTo, "Service", s.Namespace, s.Name)
	}
	if row.OK != nil && !*row.OK && !ignore {
		t.health = Unwell
	}
	t.rows = append(t.rows, row)
}
