package quota

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Rules are what admission looks up: the quotas and LimitRanges of a namespace
// and the classes of the cluster.
type Rules struct {
	Quotas      []*corev1.ResourceQuota
	LimitRanges []*corev1.LimitRange
	Priorities  []*schedulingv1.PriorityClass
	Runtimes    []*nodev1.RuntimeClass
	Storage     []*storagev1.StorageClass
	// DeviceTemplates are those of the namespace from which claims for devices are made.
	DeviceTemplates []*resourcev1.ResourceClaimTemplate
	// Devices are the classes of devices, by which claims count as extended resources.
	Devices []*resourcev1.DeviceClass
	// ClaimsAlone says that claims count as claims alone: the API server is older than that.
	ClaimsAlone bool
	// Unread are the kinds above that could not be read, with the reason.
	Unread map[snapshot.Kind]string
}

// Space is a namespace as admission sees it. What it admits it charges, so that
// the next object meets quotas that are fuller. It is not safe for use by
// several goroutines.
type Space struct {
	rules   Rules
	at      time.Time
	ledgers []*ledger
	classes *deviceClasses
	ranges  []*corev1.LimitRange
	// made are the new objects that were let in, as they are stored.
	made []batch
	// known are the answers of admissible, where they are kept.
	known map[finding.Ref]Outcome
}

// batch is so many objects that differ by name alone.
type batch struct {
	object snapshot.Object
	n      int
}

// NewSpace begins with the use that the quotas' status tells.
func NewSpace(r Rules, at time.Time) *Space {
	_, unread := r.Unread["DeviceClass"]
	s := &Space{rules: r, at: at, classes: newDeviceClasses(r.Devices, !unread)}
	if r.ClaimsAlone {
		s.classes = claimsAlone()
	}
	for _, q := range r.Quotas {
		s.ledgers = append(s.ledgers, newLedger(q, s.classes))
	}
	for _, lr := range r.LimitRanges {
		s.ranges = append(s.ranges, withRangeDefaults(lr))
	}
	slices.SortStableFunc(s.ledgers, func(a, b *ledger) int { return strings.Compare(a.quota.Name, b.quota.Name) })
	slices.SortStableFunc(s.ranges, func(a, b *corev1.LimitRange) int { return strings.Compare(a.Name, b.Name) })
	return s
}

// learn takes in a class that a manifest makes.
func (r *Rules) learn(o snapshot.Object) {
	switch o := o.(type) {
	case *schedulingv1.PriorityClass:
		r.Priorities = append(r.Priorities, o)
	case *nodev1.RuntimeClass:
		r.Runtimes = append(r.Runtimes, o)
	case *storagev1.StorageClass:
		r.Storage = append(r.Storage, o)
	case *resourcev1.DeviceClass:
		r.Devices = append(slices.DeleteFunc(slices.Clone(r.Devices), func(c *resourcev1.DeviceClass) bool { return c.Name == o.Name }), o)
	}
}

// learn takes in a class that a manifest makes or changes.
func (s *Space) learn(o snapshot.Object) {
	s.rules.learn(o)
	if _, ok := o.(*resourcev1.DeviceClass); ok && !s.classes.off {
		*s.classes = *newDeviceClasses(s.rules.Devices, s.classes.known)
	}
}

// addQuota takes in a quota that a manifest makes or changes, as it will be once
// it has been counted: with what is known to be there, and with what was let in
// before it. Of what could not be read there may be more; a name that this tool
// cannot count stays uncounted.
func (s *Space) addQuota(q *corev1.ResourceQuota, old snapshot.Object, known func(snapshot.Kind) ([]snapshot.Object, bool)) {
	q = q.DeepCopy()
	roundUp(q.Spec.Hard)
	r := recount{classes: s.classes, at: s.at, read: map[snapshot.Kind]bool{}}
	for _, kind := range r.kinds(q) {
		all, complete := known(kind)
		r.objects, r.read[kind] = append(r.objects, all...), complete
	}
	counted, sure := r.names(q)
	q.Status.Hard, q.Status.Used = q.Spec.Hard, r.count(q, counted)
	l := newLedger(q, s.classes)
	l.atLeast = map[corev1.ResourceName]snapshot.Kind{}
	for _, name := range names(q.Spec.Hard) {
		kind, countable := CountedKind(name)
		switch {
		case slices.Contains(sure, name) || !countable:
		case slices.Contains(counted, name):
			l.atLeast[name] = "DeviceClass"
		default:
			l.atLeast[name], q.Status.Used[name] = kind, count(0)
		}
	}
	for _, m := range s.made {
		if l.matches(m.object) {
			for name, one := range only(l.takes(m.object, s.at), names(q.Status.Used)) {
				addTo(q.Status.Used, corev1.ResourceList{name: *product(one, int64(m.n))})
			}
		}
	}
	l.used = sum(q.Status.Used)
	s.ledgers = slices.DeleteFunc(s.ledgers, func(other *ledger) bool {
		if other.quota.Name != q.Name || old == nil {
			return false
		}
		for name, used := range only(other.used, names(q.Spec.Hard)) {
			l.used[name], q.Status.Used[name] = used, used
			delete(l.atLeast, name)
		}
		return true
	})
	s.ledgers = append(s.ledgers, l)
	slices.SortStableFunc(s.ledgers, func(a, b *ledger) int { return strings.Compare(a.quota.Name, b.quota.Name) })
}

// addRange takes in a LimitRange that a manifest makes or changes.
func (s *Space) addRange(lr *corev1.LimitRange) {
	s.ranges = slices.DeleteFunc(s.ranges, func(other *corev1.LimitRange) bool { return other.Name == lr.Name })
	s.ranges = append(s.ranges, withRangeDefaults(lr))
	slices.SortStableFunc(s.ranges, func(a, b *corev1.LimitRange) int { return strings.Compare(a.Name, b.Name) })
}

// Outcome is what the API server would say of an object.
type Outcome struct {
	// Refusals is empty where nothing known refuses the object. The first is what
	// the API server says; where several stand there it could say any of them.
	Refusals []Refusal
	// Unknown are kinds that could not be read and might refuse it as well.
	Unknown []snapshot.Kind
	// Unseen says that the object may be there already, and count already.
	Unseen bool
	// Object is the object as it would be stored, with all defaults.
	Object snapshot.Object
	// Filled are the defaults that LimitRanges gave.
	Filled []Filled
}

// Admitted says that nothing known refuses the object.
func (o Outcome) Admitted() bool { return len(o.Refusals) == 0 }

// Admit says what the API server would say of a new object, or of a changed one
// where old is given, and charges it where it is let in.
func (s *Space) Admit(o, old snapshot.Object) Outcome {
	out, charged := s.judge(o, old)
	if out.Admitted() {
		charge{object: out.Object, old: old, at: s.at}.take(charged)
		settle(out.Object, old)
		if old == nil {
			s.made = append(s.made, batch{out.Object, 1})
		}
	}
	return out
}

// Try is Admit that leaves the quotas as they are.
func (s *Space) Try(o, old snapshot.Object) Outcome {
	out, _ := s.judge(o, old)
	settle(out.Object, old)
	return out
}

// judge asks in the order of the API server: defaults, then the plugins that
// change objects, then validation, then the plugins that only refuse, of which
// ResourceQuota is the last (pkg/kubeapiserver/options/plugins.go;
// apiserver/pkg/registry/generic/registry/store.go).
func (s *Space) judge(o, old snapshot.Object) (Outcome, []*ledger) {
	copied, _ := o.DeepCopyObject().(snapshot.Object)
	out := Outcome{Object: copied}
	switch o := copied.(type) {
	case *corev1.Pod:
		if old == nil {
			s.admitPod(o, &out)
		}
	case *corev1.PersistentVolumeClaim:
		s.admitClaim(o, old, &out)
	case *resourcev1.ResourceClaim:
		defaultDevices(&o.Spec)
		s.unsureOfExtended(o, &out)
	}
	if !out.Admitted() {
		return out, nil
	}
	c := charge{object: copied, old: old, at: s.at}
	if m := meterOf(o); old != nil && m != serviceMeter && m != claimMeter && m != deviceMeter {
		return out, nil // only Services and claims are counted again when they change
	}
	s.unread(&out, "ResourceQuota")
	var counting []*ledger
	out.Refusals, counting = c.check(s.ledgers)
	for _, kind := range c.unsure(counting) {
		if !slices.Contains(out.Unknown, kind) {
			out.Unknown = append(out.Unknown, kind)
		}
	}
	return out, counting
}

// settle makes of the object what a reader gets: defaults apply again whenever
// it is read, now behind those of LimitRanges.
func settle(o snapshot.Object, old snapshot.Object) {
	if pod, ok := o.(*corev1.Pod); ok && old == nil {
		applyDefaults(pod)
	}
}

func (s *Space) admitPod(pod *corev1.Pod, out *Outcome) {
	pod.Status = corev1.PodStatus{Phase: corev1.PodPending, QOSClass: pod.Status.QOSClass}
	applyDefaults(pod)
	s.unread(out, "LimitRange")
	for _, lr := range s.ranges {
		out.Filled = append(out.Filled, fillFromRange(pod, lr)...)
	}
	if !s.resolvePriority(pod, out) || !s.resolveRuntime(pod, out) {
		return
	}
	pod.Status.QOSClass = QoS(pod)
	if errs := validatePodResources(&pod.Spec, field.NewPath("spec")); len(errs) > 0 {
		out.Refusals = append(out.Refusals, invalid(pod, errs))
		return
	}
	for _, lr := range s.ranges {
		if found := checkRange(pod, lr); len(found) > 0 {
			out.Refusals = append(out.Refusals, outOfRange(pod, lr, found))
		}
	}
	if out.Admitted() {
		s.checkOverhead(pod, out)
	}
}

func outOfRange(o snapshot.Object, lr *corev1.LimitRange, found []Breach) Refusal {
	r := Refusal{By: ByLimitRange, Cause: OutOfRange, Name: lr.Name, Breaches: found}
	for _, b := range found {
		if !slices.Contains(r.Resources, b.Resource) {
			r.Resources = append(r.Resources, b.Resource)
		}
	}
	r.Message = forbidden(o, together(found).Error())
	return r
}

// admitClaim: DefaultStorageClass sets the class of a new claim, LimitRanger
// looks at new and changed ones.
func (s *Space) admitClaim(claim *corev1.PersistentVolumeClaim, old snapshot.Object, out *Outcome) {
	roundUp(claim.Spec.Resources.Limits, claim.Spec.Resources.Requests)
	_, annotated := claim.Annotations[corev1.BetaStorageClassAnnotation]
	if old == nil && claim.Spec.StorageClassName == nil && !annotated {
		s.unread(out, "StorageClass")
		if class := defaultStorage(s.rules.Storage); class != "" {
			claim.Spec.StorageClassName = &class
		}
	}
	s.unread(out, "LimitRange")
	for _, lr := range s.ranges {
		if found := checkClaimRange(claim, lr); len(found) > 0 {
			out.Refusals = append(out.Refusals, outOfRange(claim, lr, found))
		}
	}
}

// unread notes that a kind which could refuse the object was not read.
func (s *Space) unread(out *Outcome, kind snapshot.Kind) {
	if _, unread := s.rules.Unread[kind]; unread && !slices.Contains(out.Unknown, kind) {
		out.Unknown = append(out.Unknown, kind)
	}
}
