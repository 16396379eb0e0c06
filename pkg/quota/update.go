package quota

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// releasePods takes n pods of a workload out of the quotas, as when they are
// deleted and gone: as they were stored, with their claims for devices. Those for
// volumes stay behind. Pods that wait for a claim go first, for a controller that
// has the choice deletes what is not ready, and they have none to give back.
func (s *Space) releasePods(w Work, n int, waiting map[string]int) {
	w.Claims = nil
	if pod, ok := s.Try(w.Pod(0), nil).Object.(*corev1.Pod); ok {
		for _, o := range s.replica(w, pod) {
			s.release(o, n-waiting[o.GetAnnotations()[podClaimAnnotation]])
		}
	}
}

// waiting is how many pods of a workload have no claim for devices yet, by the
// claim's name in the pod: a quota may have refused it. Pods that were not read
// are taken to have theirs.
func (c *checker) waiting(w Work) map[string]int {
	out := map[string]int{}
	if c.in.Alone || len(deviceTemplatesOf(w)) == 0 {
		return out
	}
	pods, _ := snapshot.List[*corev1.Pod](c.in.State, w.Ref.Namespace, nil)
	for _, p := range pods {
		if p.DeletionTimestamp != nil || !charged(p, c.in.State.TakenAt) || rule.TemplateOwner(c.in.State, p) != w.Ref {
			continue
		}
		for _, claim := range p.Spec.ResourceClaims {
			made := func(s corev1.PodResourceClaimStatus) bool { return s.Name == claim.Name }
			if claim.ResourceClaimTemplateName != nil && !slices.ContainsFunc(p.Status.ResourceClaimStatuses, made) {
				out[claim.Name]++
			}
		}
	}
	return out
}

// release takes n objects like this one out of the ledgers that count it.
func (s *Space) release(o snapshot.Object, n int) {
	for _, l := range s.ledgers {
		if n < 1 || !l.matches(o) {
			continue
		}
		freed := l.takes(o, s.at)
		for name, q := range freed {
			q.Mul(int64(n))
			freed[name] = q
		}
		for name, q := range less(only(l.used, names(freed)), freed) {
			l.used[name] = q
		}
	}
}

// clone is a copy whose quotas can be charged by themselves.
func (s *Space) clone() *Space {
	out := *s
	out.made = slices.Clip(s.made)
	out.ledgers = make([]*ledger, len(s.ledgers))
	for i, l := range s.ledgers {
		out.ledgers[i] = &ledger{quota: l.quota, used: sum(l.used), classes: l.classes, atLeast: l.atLeast}
	}
	return &out
}

// fenceposts are maxSurge, rounded up, and maxUnavailable, rounded down, in
// pods; where both come to none, one may be unavailable
// (pkg/controller/deployment/util, ResolveFenceposts).
func fenceposts(u *appsv1.RollingUpdateDeployment, replicas int) (surge, unavailable int) {
	quarter := intstr.FromString("25%")
	s, a := &quarter, &quarter
	if u != nil {
		if u.MaxSurge != nil {
			s = u.MaxSurge
		}
		if u.MaxUnavailable != nil {
			a = u.MaxUnavailable
		}
	}
	surge, err1 := intstr.GetScaledValueFromIntOrPercent(s, replicas, true)
	unavailable, err2 := intstr.GetScaledValueFromIntOrPercent(a, replicas, false)
	if err1 != nil || err2 != nil {
		return 0, 1 // validation lets no other in
	}
	if surge == 0 && unavailable == 0 {
		unavailable = 1
	}
	return max(surge, 0), min(max(unavailable, 0), replicas)
}

// sameTemplate says whether applying the new workload leaves the template as it
// is: all that the manifest says is there already. What it leaves out stays.
func sameTemplate(desired, live Work) bool {
	return equality.Semantic.DeepDerivative(desired.Template.Spec, live.Template.Spec) &&
		equality.Semantic.DeepDerivative(desired.Template.Labels, live.Template.Labels) &&
		equality.Semantic.DeepDerivative(desired.Template.Annotations, live.Template.Annotations)
}

// running is how many pods a workload that is there has now, by its own word.
func running(o snapshot.Object) int {
	switch o := o.(type) {
	case *appsv1.Deployment:
		return int(o.Status.Replicas)
	case *appsv1.ReplicaSet:
		return int(o.Status.Replicas)
	case *appsv1.StatefulSet:
		return int(o.Status.Replicas)
	case *appsv1.DaemonSet:
		return int(o.Status.CurrentNumberScheduled)
	}
	return 0
}

// overlap is how many pods an update may have beyond the number asked for, and
// how many fewer; step is false where all old ones go before any new one comes.
func overlap(o snapshot.Object, pods int) (surge, unavailable int, step bool) {
	switch o := o.(type) {
	case *appsv1.Deployment:
		if o.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
			return 0, pods, false
		}
		surge, unavailable = fenceposts(o.Spec.Strategy.RollingUpdate, pods)
		return surge, unavailable, true
	case *appsv1.DaemonSet:
		u := o.Spec.UpdateStrategy.RollingUpdate
		one, none := intstr.FromInt32(1), intstr.FromInt32(0)
		r := &appsv1.RollingUpdateDeployment{MaxSurge: &none, MaxUnavailable: &one}
		if u != nil && u.MaxSurge != nil {
			r.MaxSurge = u.MaxSurge
		}
		if u != nil && u.MaxUnavailable != nil {
			r.MaxUnavailable = u.MaxUnavailable
		}
		surge, unavailable = fenceposts(r, pods)
		return surge, unavailable, true
	}
	return 0, 1, true // a StatefulSet takes its pods one by one, the old one first
}
