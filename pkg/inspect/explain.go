package inspect

import (
	"embed"
	"slices"
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

//go:embed messages.yaml
var messageFiles embed.FS

var loadMessages = sync.OnceValues(func() (lang.Catalogue, error) { return withKinds(lang.Load(messageFiles, "messages.yaml")) })

// explainer explains objects in one language, knowing what was found.
type explainer struct {
	s        *snapshot.Snapshot
	scope    *rule.Scope
	findings []finding.Finding
	// catalogue tells symptoms from causes.
	catalogue finding.Catalogue
	texts     lang.Catalogue
	lang      lang.Lang
	unread    rule.Unread
}

func (e explainer) text(id string, args map[string]any) string { return e.texts.Text(e.lang, id, args) }

// objects explains each target.
func (e explainer) objects() []Object {
	out := make([]Object, 0, len(e.scope.Targets))
	for _, t := range e.scope.Targets {
		out = append(out, e.object(t))
	}
	return out
}

func (e explainer) object(t finding.Ref) Object {
	out := Object{Object: t, Health: Unknown, Owners: []Link{}, Related: []Link{}, Compare: []Comparison{}}
	o, answer := e.s.Find(snapshot.Kind(t.Kind), t.Namespace, t.Name)
	if answer.State != snapshot.Present {
		out.Status = e.text("unread", map[string]any{"why": e.unread.Reason(answer.Why)})
		return out
	}
	out.Owners = e.owners(o)
	switch v := o.(type) {
	case *corev1.Pod:
		e.pod(&out, v)
	case *appsv1.Deployment:
		e.deployment(&out, v)
	case *appsv1.ReplicaSet:
		e.replicaSet(&out, v)
	case *corev1.Service:
		e.service(&out, v)
	case *appsv1.StatefulSet:
		e.statefulSet(&out, v)
	case *appsv1.DaemonSet:
		e.daemonSet(&out, v)
	case *batchv1.Job:
		e.job(&out, v)
	default:
		e.kind(&out, o)
	}
	out.Managed = e.managed(o)
	leaves := o.GetDeletionTimestamp() != nil
	if leaves {
		out.Health = Progressing // whatever has ended already
	}
	out.Health = e.health(t, out.Health)
	e.warn(&out)
	if leaves {
		out.Status = e.terminating(o)
	}
	if e.s.Source == snapshot.FromManifests {
		out.Health, out.Status, out.Compare = Unknown, e.text("not-observed", nil), []Comparison{}
	}
	return out
}

// health is unwell where a finding lies at or below the object, whatever its own status says.
func (e explainer) health(r finding.Ref, own Health) Health {
	if e.explained(r, func(finding.Finding) bool { return true }) {
		return Unwell
	}
	return own
}

// explained says whether a finding of this sort that is no mere note lies at or below the object.
func (e explainer) explained(r finding.Ref, sort func(finding.Finding) bool) bool {
	return slices.ContainsFunc(e.findings, func(f finding.Finding) bool {
		if !sort(f) {
			return false
		}
		below := f.Object.Object() == r || slices.ContainsFunc(f.Places(), func(place finding.Ref) bool { return e.scope.Under(r, place) })
		return below && f.Severity.Rank() >= finding.Warning.Rank()
	})
}

// link describes a related object as far as it was read.
func (e explainer) link(relation Relation, r finding.Ref) Link {
	l := Link{Relation: relation, Object: r, Health: Unknown}
	o, answer := e.s.Find(snapshot.Kind(r.Kind), r.Namespace, r.Name)
	switch {
	case answer.State == snapshot.Present && e.s.Source == snapshot.FromManifests:
		l.Health, l.Note = e.health(r, Unknown), e.text("not-observed", nil)
	case answer.State == snapshot.Present:
		l.Health, l.Note = e.status(o)
		l.Health = e.health(r, l.Health)
	case answer.State == snapshot.Absent:
		l.Health, l.Note = Unwell, e.text("missing", nil)
	case r.Kind == rbacv1.UserKind || r.Kind == rbacv1.GroupKind:
		l.Note = e.text("no-object", nil)
	case answer.Why != "" && !answer.NotRead():
		l.Note = e.text("unread", map[string]any{"why": e.unread.Reason(answer.Why)})
	}
	return l
}

// terminating says that an object is to be deleted, and which finalizers it waits for.
func (e explainer) terminating(o snapshot.Object) string {
	return e.text("status-terminating", map[string]any{"finalizers": strings.Join(o.GetFinalizers(), ", "), "n": len(o.GetFinalizers())})
}

// status is an object's health by its own word.
func (e explainer) status(o snapshot.Object) (Health, string) {
	if o.GetDeletionTimestamp() != nil {
		return Progressing, e.terminating(o)
	}
	switch v := o.(type) {
	case *corev1.Pod:
		return e.podStatus(v)
	case *appsv1.Deployment:
		return e.deploymentStatus(v)
	case *appsv1.ReplicaSet:
		return e.replicas(v.Spec.Replicas, v.Status.ReadyReplicas)
	case *appsv1.StatefulSet:
		return e.replicas(v.Spec.Replicas, v.Status.ReadyReplicas)
	case *appsv1.DaemonSet:
		return e.replicas(&v.Status.DesiredNumberScheduled, v.Status.NumberReady)
	case *batchv1.Job:
		return e.jobStatus(v)
	}
	return e.kindStatus(o)
}

// well says whether the object is healthy by its own word; of many pods that is
// wanted without their status in words.
func (e explainer) well(o snapshot.Object) bool {
	if pod, ok := o.(*corev1.Pod); ok {
		return pod.DeletionTimestamp == nil && podHealth(pod) == Healthy
	}
	h, _ := e.status(o)
	return h == Healthy
}

func (e explainer) owners(o snapshot.Object) []Link {
	out := []Link{}
	for range 4 { // pod → ReplicaSet → Deployment → whatever made that
		ref, ok := controller(o)
		if !ok {
			break
		}
		out = append(out, e.link(OwnedBy, ref))
		next, answer := e.s.Find(snapshot.Kind(ref.Kind), ref.Namespace, ref.Name)
		if answer.State != snapshot.Present {
			break
		}
		o = next
	}
	return out
}

func (e explainer) compare(id string, args map[string]any, desired, observed string, ok bool) Comparison {
	return Comparison{What: e.text(id, args), Desired: desired, Observed: observed, OK: &ok}
}
