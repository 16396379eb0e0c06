package inspect

import (
	"regexp"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const (
	ruleDenied      = "workload/admission-denied"
	rulePodSecurity = "workload/podsecurity-denied"
	ruleWebhookDown = "workload/webhook-unavailable"
	ruleLimitRange  = "workload/limitrange-blocked"
)

// refusedRules find who refuses a controller's pods, beside quotas and missing ServiceAccounts.
func refusedRules() []rule.Rule {
	return diagnosis{
		ids: []string{ruleDenied, rulePodSecurity, ruleWebhookDown, ruleLimitRange}, reads: refusalReads(),
		needs: refusalNeeds, check: checkRefused,
	}.rules()
}

func refusalReads() []snapshot.Kind {
	return []snapshot.Kind{"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", eventKind, validatingKind, mutatingKind}
}

func refusalNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	if len(eventOnly(s, sc)) > 0 {
		n = eventNeeds(sc)
	}
	if blamed(everyRefusal(s, sc)) { // who configures the webhook that is to blame
		n.Objects = append(n.Objects, snapshot.Need{Kind: validatingKind}, snapshot.Need{Kind: mutatingKind})
	}
	return n
}

// everyRefusal lists what controllers of every kind were refused: by condition,
// and by event for those that keep none.
func everyRefusal(s *snapshot.Snapshot, sc *rule.Scope) []refusal {
	out := refusals(s, sc)
	for _, o := range eventOnly(s, sc) {
		owner, ok := controller(o)
		if !ok {
			owner = rule.RefTo(o)
		}
		events, _ := eventsAbout(s, o)
		for _, e := range events {
			if e.Reason == "FailedCreate" && s.TakenAt.Sub(rule.LastSeen(e)) < warningAge {
				out = append(out, refusal{owner: owner, at: rule.RefTo(o), message: e.Message, event: e})
				break // the newest one tells
			}
		}
	}
	return out
}

// evidence is where the refusal was read.
func (r refusal) evidence() finding.Evidence {
	if r.event != nil {
		return eventEvidence(r.event)
	}
	return finding.Evidence{Object: r.at.String(), Path: "status.conditions[ReplicaFailure]", Value: r.message}
}

// The API server's words (plugin/pkg/admission/limitranger, k8s.io/pod-security-admission,
// apiserver/pkg/admission/plugin/webhook and .../policy/validating).
var (
	limitRangeSaid  = regexp.MustCompile(`((?:minimum|maximum) [a-z./-]+ usage per .+|[a-z./-]+ max limit to request ratio per .+)$`)
	podSecuritySaid = regexp.MustCompile(`violates PodSecurity "([^"]+)": (.+)$`)
	webhookDenied   = regexp.MustCompile(`admission webhook "([^"]+)" denied the request(?: without explanation)?:? ?(.*)$`)
	policyDenied    = regexp.MustCompile(`ValidatingAdmissionPolicy '([^']+)' with binding '[^']*' denied request: (.*)$`)
	webhookFailed   = regexp.MustCompile(`failed calling webhook "([^"]+)": (.*)$`)
	webhookURL      = regexp.MustCompile(`https?://([^/:"]+)\.([^./:"]+)\.svc[:/]`)
	otherwiseSaid   = regexp.MustCompile(`is (?:forbidden|invalid): (.+)$`)
)

// checkRefused reads from the API server's words who refuses the pods.
func checkRefused(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, r := range everyRefusal(s, sc) {
		if refusedBy(r.message) != "" || accountMissing.MatchString(r.message) {
			continue
		}
		f := finding.Finding{Object: r.owner, At: r.at, Evidence: []finding.Evidence{r.evidence()}, Args: map[string]any{
			"owner": r.owner.String(), "namespace": r.at.Namespace, "said": "", "by": "", "policy": "",
		}}
		if r.name(&f) {
			if f.Rule == ruleWebhookDown {
				joinHook(s, &f)
			}
			out = append(out, f)
		}
	}
	return out
}

func (r refusal) name(f *finding.Finding) bool {
	message := strings.ReplaceAll(r.message, "\n", " ")
	first := func(pattern *regexp.Regexp) []string { return pattern.FindStringSubmatch(message) }
	if m := first(webhookFailed); m != nil {
		webhookDown(f, m[1], m[2])
		return true
	}
	if m := first(podSecuritySaid); m != nil {
		f.Rule, f.Args["level"], f.Args["said"] = rulePodSecurity, m[1], m[2]
		return true
	}
	if m := first(limitRangeSaid); m != nil {
		f.Rule, f.Args["said"] = ruleLimitRange, m[1]
		return true
	}
	f.Rule = ruleDenied
	if m := first(webhookDenied); m != nil {
		f.Args["by"], f.Args["said"] = m[1], m[2]
		return true
	}
	if m := first(policyDenied); m != nil {
		f.Args["policy"], f.Args["said"] = m[1], m[2]
		return true
	}
	m := first(otherwiseSaid)
	if m != nil {
		f.Args["said"] = m[1]
	}
	return m != nil
}

// webhookDown: the API server could not ask a webhook without which it admits
// nothing. What must change is the Service behind it, where it has one.
func webhookDown(f *finding.Finding, webhook, said string) {
	f.Rule = ruleWebhookDown
	f.Args["webhook"], f.Args["said"], f.Args["service"], f.Args["serviceNamespace"] = webhook, said, "", ""
	f.Args["why"] = webhookWhy(said)
	if m := webhookURL.FindStringSubmatch(said); m != nil {
		f.Args["service"], f.Args["serviceNamespace"] = m[1], m[2]
		f.Object = finding.Ref{Kind: "Service", Namespace: m[2], Name: m[1]}
		f.Via = []finding.Ref{f.Object}
	}
	f.Args["signer"] = strings.Contains(said, "unknown authority")
}

func webhookWhy(said string) string {
	switch {
	case strings.Contains(said, "not found"):
		return "gone"
	case strings.Contains(said, "no endpoints available"):
		return "empty"
	case strings.Contains(said, "x509"), strings.Contains(said, "tls:"):
		return "certificate"
	case strings.Contains(said, "connection refused"):
		return "refused"
	case strings.Contains(said, "deadline exceeded"), strings.Contains(said, "i/o timeout"):
		return "timeout"
	}
	return ""
}
