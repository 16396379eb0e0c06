package inspect

import (
	"regexp"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// The words of those who miss an aggregated API: the autoscaler's clients
// (podautoscaler/metrics) and discovery (client-go/discovery).
var unservedGroup = regexp.MustCompile(`([a-z0-9.-]+\.(?:io|com|dev|org|net))/(v[0-9][a-z0-9]*)`)

// checkAPIs: an API that another server should serve does not answer, by the
// word of a controller that depends on it.
func checkAPIs(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, h := range rule.Members[*autoscaler](s, sc) {
		c := hpaCondition(h, autoscalingv2.ScalingActive)
		if c == nil || c.Status != corev1.ConditionFalse || !strings.HasPrefix(c.Reason, "FailedGet") {
			continue
		}
		if name := metricsServiceOf(c.Message); name != "" {
			f := unavailable(name, c.Message)
			f.At = rule.RefTo(h)
			f.Evidence = append(f.Evidence, hpaEvidence(h, c))
			out = append(out, f)
		}
	}
	for _, api := range rule.Members[*snapshot.APIService](s, sc) {
		for _, c := range api.Status.Conditions {
			if c.Type != "Available" || c.Status != "False" {
				continue
			}
			f := unavailable(api.Name, words(c.Reason, c.Message))
			f.At, f.Via = f.Object, nil
			f.Evidence = append(f.Evidence, seen(api, "status.conditions[Available]", words(c.Reason, c.Message)))
			out = append(out, f)
		}
	}
	for _, ns := range rule.Members[*corev1.Namespace](s, sc) {
		for _, c := range ns.Status.Conditions {
			if !overdue(s, ns) || c.Type != corev1.NamespaceDeletionDiscoveryFailure || c.Status != corev1.ConditionTrue {
				continue
			}
			for _, m := range unservedGroup.FindAllStringSubmatch(c.Message, -1) {
				f := unavailable(m[2]+"."+m[1], c.Message)
				f.At = rule.RefTo(ns)
				f.Evidence = append(f.Evidence, seen(ns, "status.conditions["+string(c.Type)+"]", c.Message))
				out = append(out, f)
			}
		}
	}
	return out
}

// metricsServiceOf names the APIService that an autoscaler misses; "" where it
// got an answer that it cannot use.
func metricsServiceOf(message string) string {
	gone := strings.Contains(message, "could not find the requested resource") || strings.Contains(message, "currently unable to handle the request") || strings.Contains(message, "no custom metrics API") || strings.Contains(message, "no external metrics API")
	switch {
	case !gone:
		return ""
	case strings.Contains(message, "custom metrics API"):
		return "v1beta2.custom.metrics.k8s.io"
	case strings.Contains(message, "external metrics API"):
		return "v1beta1.external.metrics.k8s.io"
	}
	return "v1beta1.metrics.k8s.io"
}

func unavailable(name, said string) finding.Finding {
	version, group, _ := strings.Cut(name, ".")
	ref := finding.Ref{Kind: "APIService", Name: name}
	return finding.Finding{Object: ref, Via: []finding.Ref{ref}, Args: map[string]any{
		"name": name, "group": group, "version": version, "said": firstLine(said), "metrics": group == "metrics.k8s.io",
	}}
}
