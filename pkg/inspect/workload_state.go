package inspect

import (
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// stateRules find what a controller's own state says about why it stands still.
func stateRules() []rule.Rule {
	return []rule.Rule{
		{ID: "workload/paused", Reads: []snapshot.Kind{"Deployment"}, Check: checkPaused},
		{ID: "workload/controller-behind", Reads: []snapshot.Kind{"Deployment", "StatefulSet", "DaemonSet"}, Check: checkBehind},
		{ID: "workload/owner-missing", Reads: []snapshot.Kind{"Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob"}, Check: checkOwners},
		{ID: "workload/governing-service-missing", Reads: []snapshot.Kind{"StatefulSet", "Service"}, Needs: governingNeeds, Check: checkGoverning},
		{ID: "workload/ordinal-blocked", Reads: []snapshot.Kind{"StatefulSet", "Pod"}, Check: checkOrdinals},
		{ID: "workload/revision-stuck", Reads: []snapshot.Kind{"StatefulSet", "Pod"}, Check: checkStuckRevision},
	}
}

// checkPaused: a note, and a warning where a change of the template waits.
func checkPaused(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, d := range rule.Members[*appsv1.Deployment](s, sc) {
		if !d.Spec.Paused || d.DeletionTimestamp != nil {
			continue
		}
		waits := int(d.Status.UpdatedReplicas) < replicasOf(d.Spec.Replicas) && d.Status.ObservedGeneration >= d.Generation
		f := finding.Finding{Object: rule.RefTo(d), Severity: finding.Info, Args: map[string]any{
			"name": d.Name, "namespace": d.Namespace, "waits": waits, "first": d.Status.Replicas == 0,
			"updated": int(d.Status.UpdatedReplicas), "desired": replicasOf(d.Spec.Replicas),
		}}
		if waits {
			f.Severity = finding.Warning
		}
		f.Evidence = append(f.Evidence, seen(d, "spec.paused", "true"), seen(d, "status.updatedReplicas", strconv.Itoa(int(d.Status.UpdatedReplicas))))
		out = append(out, f)
	}
	return out
}

// behindPatience is how long a controller may take to look at a new object.
const behindPatience = time.Minute

// older says that the object was made longer ago than that; not where its age is not known.
func older(s *snapshot.Snapshot, o snapshot.Object, than time.Duration) bool {
	created := o.GetCreationTimestamp()
	return !created.IsZero() && s.TakenAt.Sub(created.Time) >= than
}

// checkBehind: a controller has not looked at the object at all, long after it
// was made. Of a later change it is not known when it was made, so that one
// generation of difference may be a moment's.
func checkBehind(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	add := func(o snapshot.Object, observed int64) {
		created := o.GetCreationTimestamp()
		if observed != 0 || o.GetGeneration() == 0 || !older(s, o, behindPatience) {
			return
		}
		ref := rule.RefTo(o)
		out = append(out, finding.Finding{
			Object: ref, Args: map[string]any{"owner": ref.String(), "namespace": ref.Namespace},
			Evidence: []finding.Evidence{
				seen(o, "metadata.generation", strconv.FormatInt(o.GetGeneration(), 10)), seen(o, "status.observedGeneration", "0"),
				seen(o, "metadata.creationTimestamp", created.UTC().Format(time.RFC3339)),
			},
		})
	}
	for _, d := range rule.Members[*appsv1.Deployment](s, sc) {
		add(d, d.Status.ObservedGeneration)
	}
	for _, d := range rule.Members[*appsv1.StatefulSet](s, sc) {
		add(d, d.Status.ObservedGeneration)
	}
	for _, d := range rule.Members[*appsv1.DaemonSet](s, sc) {
		add(d, d.Status.ObservedGeneration)
	}
	return out
}

// checkOwners: an object that was asked about names a controller that is gone,
// or another one of that name. The garbage collector deletes such an object
// within seconds, so that one that is old stays for a reason.
func checkOwners(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, t := range sc.Targets {
		switch t.Kind {
		case "Pod", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "Deployment":
		default:
			continue
		}
		o, a := s.Find(snapshot.Kind(t.Kind), t.Namespace, t.Name)
		if a.State != snapshot.Present || o.GetDeletionTimestamp() != nil || !older(s, o, behindPatience) {
			continue
		}
		ref := metav1.GetControllerOfNoCopy(o)
		if ref == nil {
			continue
		}
		switch ref.Kind {
		case "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob":
		default:
			continue
		}
		owner, a := s.Find(snapshot.Kind(ref.Kind), t.Namespace, ref.Name)
		other := a.State == snapshot.Present && ref.UID != "" && owner.GetUID() != "" && owner.GetUID() != ref.UID
		if a.State != snapshot.Absent && !other {
			continue
		}
		text := strings.ToLower(ref.Kind) + "/" + ref.Name
		out = append(out, finding.Finding{
			Object: t, Args: map[string]any{"object": t.String(), "owner": text, "namespace": t.Namespace, "other": other},
			Evidence: []finding.Evidence{seen(o, "metadata.ownerReferences[0]", text+" uid "+string(ref.UID)), {Object: text, Path: "metadata.uid", Value: ownerUID(owner)}},
		})
	}
	return out
}

func ownerUID(o snapshot.Object) string {
	if o == nil {
		return "not found"
	}
	return string(o.GetUID())
}

func governingNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	all := rule.Members[*appsv1.StatefulSet](s, sc)
	for _, sts := range all {
		if sts.Spec.ServiceName == "" {
			continue
		}
		need := snapshot.Need{Kind: "Service", Namespace: sts.Namespace, Name: sts.Spec.ServiceName}
		if len(all) > fewTargets {
			need.Name = ""
		}
		n.Objects = append(n.Objects, need)
	}
	return n
}

// checkGoverning: the Service that gives a StatefulSet's pods their names is not there.
func checkGoverning(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, sts := range rule.Members[*appsv1.StatefulSet](s, sc) {
		if sts.Spec.ServiceName == "" || sts.DeletionTimestamp != nil {
			continue
		}
		if _, a := snapshot.Get[*corev1.Service](s, sts.Namespace, sts.Spec.ServiceName); a.State != snapshot.Absent {
			continue
		}
		service := finding.Ref{Kind: "Service", Namespace: sts.Namespace, Name: sts.Spec.ServiceName}
		out = append(out, finding.Finding{
			Object: rule.RefTo(sts), Via: []finding.Ref{service},
			Args: map[string]any{"name": sts.Name, "namespace": sts.Namespace, "service": sts.Spec.ServiceName},
			Evidence: []finding.Evidence{
				seen(sts, "spec.serviceName", sts.Spec.ServiceName), {Object: service.String(), Path: "metadata.name", Value: "not found"},
			},
		})
	}
	return out
}
