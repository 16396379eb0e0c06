package inspect

import (
	"embed"
	"maps"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

//go:embed messages_kinds.yaml
var kindMessageFiles embed.FS

// withKinds adds the texts of all kinds but workloads to those of workloads.
func withKinds(base lang.Catalogue, err error) (lang.Catalogue, error) {
	if err != nil {
		return nil, err
	}
	more, err := lang.Load(kindMessageFiles, "messages_kinds.yaml")
	if err != nil {
		return nil, err
	}
	maps.Copy(base, more)
	return base, nil
}

// told is what is told of one object of a kind that is not a workload.
type told struct {
	summary string
	health  Health
	status  string
	rows    []Comparison
	refs    []pointer
}

// pointer is a related object before it is looked up.
type pointer struct {
	relation Relation
	to       finding.Ref
}

func (t *told) points(relation Relation, kind, namespace, name string) {
	if name != "" {
		t.refs = append(t.refs, pointer{relation, finding.Ref{Kind: kind, Namespace: namespace, Name: name}})
	}
}

// shownLinks bounds how many related objects of one object are looked up.
const shownLinks = 20

// kind explains an object of any kind but workloads, pods and Services.
func (e explainer) kind(out *Object, o snapshot.Object) {
	t := e.tell(o)
	out.Summary, out.Health, out.Status = t.summary, t.health, t.status
	out.Compare = append(out.Compare, t.rows...)
	seen := map[finding.Ref]bool{}
	for _, r := range t.refs {
		if !seen[r.to] && len(out.Related) < shownLinks {
			seen[r.to] = true
			out.Related = append(out.Related, e.link(r.relation, r.to))
		}
	}
}

// kindStatus is an object's health by its own word.
func (e explainer) kindStatus(o snapshot.Object) (Health, string) {
	t := e.tell(o)
	return t.health, t.status
}

// tell explains what Kubernetes itself brings; each group of kinds has a file.
func (e explainer) tell(o snapshot.Object) told {
	switch v := o.(type) {
	case *unstructured.Unstructured:
		return e.custom(v)
	case *batchv1.CronJob:
		return e.cronJob(v)
	case *corev1.Service:
		h, s := e.serviceWord(v)
		return told{health: h, status: s}
	case *discoveryv1.EndpointSlice:
		return e.endpointSlice(v)
	case *networkingv1.Ingress:
		return e.ingress(v)
	case *networkingv1.IngressClass:
		return e.ingressClass(v)
	case *networkingv1.NetworkPolicy:
		return e.networkPolicy(v)
	case *autoscalingv2.HorizontalPodAutoscaler:
		return e.autoscaler(v)
	case *policyv1.PodDisruptionBudget:
		return e.budget(v)
	case *corev1.Node:
		return e.node(v)
	case *corev1.Namespace:
		return e.namespace(v)
	case *coordinationv1.Lease:
		return e.lease(v)
	case *corev1.Event:
		return e.event(v)
	case *schedulingv1.PriorityClass:
		return e.priorityClass(v)
	}
	if t, ok := e.tellStorage(o); ok {
		return t
	}
	if t, ok := e.tellConfig(o); ok {
		return t
	}
	if t, ok := e.tellAccess(o); ok {
		return t
	}
	if t, ok := e.tellExtension(o); ok {
		return t
	}
	r := rule.RefTo(o)
	return told{summary: e.text("other", map[string]any{"kind": r.Kind, "name": r.Name}), health: Unknown}
}

// fact is a row in which nothing was asked for.
func (e explainer) fact(id, observed string) Comparison {
	return Comparison{What: e.text(id, nil), Observed: observed}
}

// named is a row with a name of the cluster's own.
func named(what, desired, observed string, ok *bool) Comparison {
	return Comparison{What: what, Desired: desired, Observed: observed, OK: ok}
}

func judged(ok bool) *bool { return &ok }

// ago is how long before the snapshot something was, as kubectl shows ages.
func (e explainer) ago(t time.Time) string {
	if t.IsZero() {
		return e.text("never", nil)
	}
	return e.text("ago", map[string]any{"age": duration.HumanDuration(max(0, e.s.TakenAt.Sub(t)))})
}

func (e explainer) agoOf(t *metav1.Time) string {
	if t == nil {
		return e.text("never", nil)
	}
	return e.ago(t.Time)
}

// yesNo is a boolean in words.
func (e explainer) yesNo(b bool) string {
	if b {
		return e.text("yes", nil)
	}
	return e.text("no", nil)
}

// serviceWord is how a Service is, as far as its endpoints were read.
func (e explainer) serviceWord(svc *corev1.Service) (Health, string) {
	if svc.Spec.Type == corev1.ServiceTypeExternalName {
		return Unknown, e.text("status-alias", nil)
	}
	ready, total, answer := endpoints(e.s, svc)
	switch {
	case answer.State != snapshot.Present:
		return Unknown, ""
	case ready == 0:
		return Unknown, e.text("status-endpoints-ready", map[string]any{"ready": ready, "total": total})
	}
	return Healthy, e.text("status-endpoints-ready", map[string]any{"ready": ready, "total": total})
}

func (e explainer) event(v *corev1.Event) told {
	health := Healthy
	if v.Type == corev1.EventTypeWarning {
		health = Unknown // what became of it since is for the object to say
	}
	n := max(1, occurrences(v))
	about := finding.Ref{Kind: v.InvolvedObject.Kind, Namespace: v.InvolvedObject.Namespace, Name: v.InvolvedObject.Name}
	t := told{
		summary: e.text("event", map[string]any{"reason": v.Reason, "message": v.Message, "from": v.Source.Component + v.ReportingController}),
		health:  health, status: e.text("event-status", map[string]any{"type": v.Type, "reason": v.Reason, "object": about.String(), "n": n, "ago": e.ago(rule.LastSeen(v))}),
	}
	t.points(RefersTo, about.Kind, about.Namespace, about.Name)
	return t
}

func (e explainer) lease(v *coordinationv1.Lease) told {
	holder, length := "", int32(0)
	if v.Spec.HolderIdentity != nil {
		holder = *v.Spec.HolderIdentity
	}
	if v.Spec.LeaseDurationSeconds != nil {
		length = *v.Spec.LeaseDurationSeconds
	}
	t := told{summary: e.text("lease", map[string]any{"holder": holder, "seconds": int(length)}), health: Unknown, status: e.text("lease-free", nil)}
	if holder == "" || v.Spec.RenewTime == nil {
		return t
	}
	age := e.s.TakenAt.Sub(v.Spec.RenewTime.Time)
	held := length > 0 && age <= time.Duration(length)*time.Second
	t.status = e.text("lease-lapsed", map[string]any{"holder": holder, "ago": e.ago(v.Spec.RenewTime.Time)})
	if held {
		t.health, t.status = Healthy, e.text("lease-held", map[string]any{"holder": holder})
	}
	t.rows = append(t.rows, e.compare("what-renewed", nil, e.text("within-seconds", map[string]any{"n": int(length)}), e.ago(v.Spec.RenewTime.Time), held))
	return t
}

func (e explainer) priorityClass(v *schedulingv1.PriorityClass) told {
	never := v.PreemptionPolicy != nil && *v.PreemptionPolicy == corev1.PreemptNever
	return told{
		summary: e.text("priorityclass", map[string]any{"value": int(v.Value), "default": v.GlobalDefault, "never": never}),
		health:  Healthy, status: e.text("priority-status", map[string]any{"value": int(v.Value), "default": v.GlobalDefault}),
	}
}

func (e explainer) cronJob(v *batchv1.CronJob) told {
	zone := ""
	if v.Spec.TimeZone != nil {
		zone = *v.Spec.TimeZone
	}
	t := told{
		summary: e.text("cronjob", map[string]any{"schedule": v.Spec.Schedule, "zone": zone, "policy": string(v.Spec.ConcurrencyPolicy)}),
		health:  Healthy, status: e.text("cronjob-status", map[string]any{"n": len(v.Status.Active), "ago": e.agoOf(v.Status.LastScheduleTime), "ever": v.Status.LastScheduleTime != nil}),
	}
	if v.Spec.Suspend != nil && *v.Spec.Suspend {
		t.status = e.text("suspended", nil)
	}
	t.rows = append(t.rows, e.fact("what-last-schedule", e.agoOf(v.Status.LastScheduleTime)), e.fact("what-last-success", e.agoOf(v.Status.LastSuccessfulTime)))
	jobs, _ := snapshot.List[*batchv1.Job](e.s, v.Namespace, nil)
	for _, job := range jobs {
		if owner, ok := controller(job); ok && owner.Kind == "CronJob" && owner.Name == v.Name {
			t.points(Controls, "Job", job.Namespace, job.Name)
		}
	}
	return t
}
