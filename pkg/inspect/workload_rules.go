package inspect

import (
	"regexp"
	"sort"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// workloadRules find why a controller does not reach what it was asked for.
func workloadRules() []rule.Rule {
	return []rule.Rule{
		{ID: "workload/progress-deadline", Reads: []snapshot.Kind{"Deployment"}, Check: checkProgressDeadline},
		{ID: "workload/quota-blocked", Reads: append(refusalReads(), "ResourceQuota"), Needs: quotaNeeds, Check: checkQuotaBlocked},
		{ID: "workload/scaled-to-zero", Reads: []snapshot.Kind{"Deployment", "Service", "Pod"}, Check: checkScaledToZero},
	}
}

// checkProgressDeadline: the rollout made no progress for longer than its
// deadline. It is a symptom: what the new pods lack explains it.
func checkProgressDeadline(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, d := range rule.Members[*appsv1.Deployment](s, sc) {
		c := deploymentCondition(d, appsv1.DeploymentProgressing)
		if c == nil || c.Status != corev1.ConditionFalse || c.Reason != "ProgressDeadlineExceeded" || d.Status.ObservedGeneration < d.Generation {
			continue
		}
		deadline := int32(600)
		if d.Spec.ProgressDeadlineSeconds != nil {
			deadline = *d.Spec.ProgressDeadlineSeconds
		}
		ref := rule.RefTo(d)
		f := finding.Finding{
			Object: ref,
			Args: map[string]any{
				"first": d.Annotations[revisionAnnotation] == "1", // nothing to go back to
				"name":  d.Name, "namespace": d.Namespace, "deadline": int(deadline),
				"updated": int(d.Status.UpdatedReplicas), "desired": replicasOf(d.Spec.Replicas), "available": int(d.Status.AvailableReplicas),
			},
			Evidence: []finding.Evidence{{Object: ref.String(), Path: "status.conditions[Progressing]", Value: words(c.Reason, c.Message)}},
		}
		f.Evidence = append(f.Evidence, refusedEvidence(d)...)
		out = append(out, f)
	}
	return out
}

// refusedEvidence quotes why the API server refuses a Deployment's pods, where it does.
func refusedEvidence(d *appsv1.Deployment) []finding.Evidence {
	c := deploymentCondition(d, appsv1.DeploymentReplicaFailure)
	if c == nil || c.Status != corev1.ConditionTrue {
		return nil
	}
	return []finding.Evidence{{Object: rule.RefTo(d).String(), Path: "status.conditions[ReplicaFailure]", Value: c.Message}}
}

func deploymentCondition(d *appsv1.Deployment, t appsv1.DeploymentConditionType) *appsv1.DeploymentCondition {
	for i := range d.Status.Conditions {
		if d.Status.Conditions[i].Type == t {
			return &d.Status.Conditions[i]
		}
	}
	return nil
}

// refusal is the API server's refusal to create a controller's pod, as the
// controller reports it.
type refusal struct {
	// owner must change; at is the object that carries the condition.
	owner, at finding.Ref
	message   string
	// event is nil where a condition says it.
	event *corev1.Event
}

// refusals lists what the ReplicaSets in the scope were refused. A Deployment
// repeats its new ReplicaSet's condition; it speaks where that is not in view.
func refusals(s *snapshot.Snapshot, sc *rule.Scope) []refusal {
	var out []refusal
	covered := map[finding.Ref]bool{}
	for _, rs := range rule.Members[*appsv1.ReplicaSet](s, sc) {
		owner, ok := controller(rs)
		if !ok {
			owner = rule.RefTo(rs)
		}
		covered[owner] = true
		for _, c := range rs.Status.Conditions {
			if c.Type == appsv1.ReplicaSetReplicaFailure && c.Status == corev1.ConditionTrue && int(rs.Status.Replicas) < replicasOf(rs.Spec.Replicas) {
				out = append(out, refusal{owner: owner, at: rule.RefTo(rs), message: c.Message})
			}
		}
	}
	for _, d := range rule.Members[*appsv1.Deployment](s, sc) {
		c := deploymentCondition(d, appsv1.DeploymentReplicaFailure)
		if ref := rule.RefTo(d); c != nil && c.Status == corev1.ConditionTrue && !covered[ref] {
			out = append(out, refusal{owner: ref, at: ref, message: c.Message})
		}
	}
	return out
}

// The API server's words (plugin/pkg/admission/resourcequota, controller.go).
var (
	exceededQuota = regexp.MustCompile(`exceeded quota: ([^,]+), requested: (.+), used: (.+), limited: (.+)$`)
	failedQuota   = regexp.MustCompile(`failed quota: ([^:]+): must specify (.+)$`)
)

func quotaNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	n := refusalNeeds(s, sc)
	for _, r := range everyRefusal(s, sc) {
		if name := refusedBy(r.message); name != "" {
			n.Objects = append(n.Objects, snapshot.Need{Kind: "ResourceQuota", Namespace: r.at.Namespace, Name: name})
		}
	}
	return n
}

func refusedBy(message string) string {
	for _, pattern := range []*regexp.Regexp{exceededQuota, failedQuota} {
		if m := pattern.FindStringSubmatch(message); m != nil {
			return m[1]
		}
	}
	return ""
}

// checkQuotaBlocked: the API server refuses a controller's pods because a
// ResourceQuota has no room for them, or wants a key that they do not set.
func checkQuotaBlocked(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, r := range everyRefusal(s, sc) {
		args := map[string]any{
			"owner": r.owner.String(), "namespace": r.at.Namespace,
			"quota": "", "requested": "", "used": "", "limited": "", "missing": "", "room": false, "by": r.at.String(),
		}
		if m := exceededQuota.FindStringSubmatch(r.message); m != nil {
			args["quota"], args["requested"], args["used"], args["limited"] = m[1], m[2], m[3], m[4]
		} else if m := failedQuota.FindStringSubmatch(r.message); m != nil {
			args["quota"], args["missing"] = m[1], strings.ReplaceAll(m[2], ";", ", ")
		} else {
			continue
		}
		quota := finding.Ref{Kind: "ResourceQuota", Namespace: r.at.Namespace, Name: args["quota"].(string)}
		f := finding.Finding{Object: r.owner, At: r.at, Via: []finding.Ref{quota}, Args: args}
		f.Evidence = append(f.Evidence, r.evidence())
		if q, a := snapshot.Get[*corev1.ResourceQuota](s, quota.Namespace, quota.Name); a.State == snapshot.Present {
			f.Evidence = append(f.Evidence, finding.Evidence{Object: quota.String(), Path: "status", Value: quotaNow(q)})
			if args["missing"] == "" && roomFor(q, args["requested"].(string)) {
				args["room"], f.Severity = true, finding.Warning
			}
		}
		out = append(out, f)
	}
	return out
}

// roomFor says whether the quota, as its status has it now, would take what an
// earlier refusal says was asked: "pods=1,requests.cpu=500m". The controller that was
// refused may not know yet: it tries again with growing pauses.
func roomFor(q *corev1.ResourceQuota, requested string) bool {
	for _, part := range strings.Split(requested, ",") {
		key, asked, _ := strings.Cut(part, "=")
		need, err := resource.ParseQuantity(asked)
		hard, limited := q.Status.Hard[corev1.ResourceName(key)]
		if err != nil || !limited {
			return false
		}
		need.Add(q.Status.Used[corev1.ResourceName(key)])
		if need.Cmp(hard) > 0 {
			return false
		}
	}
	return true
}

// quotaNow writes used of hard for every key: "pods 3 of 4, requests.cpu 1 of 2".
func quotaNow(q *corev1.ResourceQuota) string {
	keys := make([]string, 0, len(q.Status.Hard))
	for k := range q.Status.Hard {
		keys = append(keys, string(k))
	}
	sort.Strings(keys)
	parts := make([]string, 0, len(keys))
	for _, k := range keys {
		hard, used := q.Status.Hard[corev1.ResourceName(k)], q.Status.Used[corev1.ResourceName(k)]
		parts = append(parts, k+" "+used.String()+" of "+hard.String())
	}
	return strings.Join(parts, ", ")
}

// checkScaledToZero: a Service that was asked about has nobody behind it
// because its Deployment is scaled to zero. Zero is an ordinary wish; it is
// worth a word only where somebody sends traffic there, so it stays silent when
// asked about the Deployment itself or when other pods serve.
func checkScaledToZero(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, svc := range selecting(s, sc) {
		if pods, a := behind(s, svc); a.State != snapshot.Present || len(pods) > 0 {
			continue
		}
		for _, d := range rule.Members[*appsv1.Deployment](s, sc) {
			ref := rule.RefTo(d)
			if replicasOf(d.Spec.Replicas) != 0 || !sc.Under(rule.RefTo(svc), ref) {
				continue
			}
			out = append(out, finding.Finding{
				Object:   ref,
				Args:     map[string]any{"name": d.Name, "namespace": d.Namespace, "service": svc.Name},
				Evidence: []finding.Evidence{{Object: ref.String(), Path: "spec.replicas", Value: "0"}},
			})
		}
	}
	return out
}
