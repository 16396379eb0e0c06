package inspect

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Query is what was asked about: named objects, or all objects of some kinds
// (all that inspect explains where Kinds is empty too), narrowed by a label selector.
type Query struct {
	// Namespace is where kinds are listed; empty lists all namespaces.
	Namespace string
	Targets   []finding.Ref
	Kinds     []snapshot.Kind
	// Selector is a label selector in kubectl's form.
	Selector string
}

// glances says that a namespace is asked about, or all of them, and nothing in particular.
func (q Query) glances() bool { return len(q.Targets) == 0 && len(q.Kinds) == 0 }

// list is the read of all objects of a kind that are asked about, wherever that
// kind's objects lie: a Node lies in no namespace.
func (q Query) list(s *snapshot.Snapshot, k snapshot.Kind) snapshot.Need {
	n := snapshot.Need{Kind: k, Namespace: q.Namespace, Selector: q.Selector}
	if info, known := s.Info(k); known && !info.Namespaced {
		n.Namespace = ""
	}
	return n
}

// within is the namespace that is asked about: none where no kind of the query lies in one.
func (q Query) within(s *snapshot.Snapshot) string {
	if len(q.Kinds) > 0 && !slices.ContainsFunc(q.Kinds, func(k snapshot.Kind) bool { return q.list(s, k).Namespace != "" }) {
		return ""
	}
	return q.Namespace
}

// Options shape the report.
type Options struct {
	Lang      lang.Lang
	Catalogue finding.Catalogue
}

// Explained lists the kinds of a namespace at a glance, in its order.
func Explained() []snapshot.Kind {
	return []snapshot.Kind{
		"Ingress", gatewayAPIKind, "HTTPRoute", "GRPCRoute", "Service", "Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "ReplicaSet", "Pod",
		"HorizontalPodAutoscaler", "PodDisruptionBudget", "PersistentVolumeClaim", "ResourceQuota",
	}
}

// seldom are kinds that few namespaces have any of: a glance lists them last, and
// where the cluster serves their like.
func seldom() []snapshot.Kind { return []snapshot.Kind{gatewayAPIKind, "GRPCRoute"} }

// eventsFirst: what controllers and kubelets said answers for more than any other list.
func eventsFirst(all []snapshot.Need) []snapshot.Need {
	event := func(n snapshot.Need) bool { return n.Kind == eventKind }
	rest := slices.DeleteFunc(slices.Clone(all), event)
	return append(slices.DeleteFunc(all, func(n snapshot.Need) bool { return !event(n) }), rest...)
}

// goOn: the HTTPRoutes of the glance are read, as far as they may be, and the
// cluster did not say that it knows no such kind.
func goOn(s *snapshot.Snapshot, q Query) bool {
	routes := q.list(s, "HTTPRoute")
	return s.Missing(snapshot.Needs{Objects: []snapshot.Need{routes}}).Empty() && !s.Asked(routes).NotServed
}

// Rules are all rules that inspect runs.
func Rules() []rule.Rule {
	var all []rule.Rule
	all = append(all, imageRules()...)
	all = append(all, configRules()...)
	all = append(all, containerRules()...)
	all = append(all, serviceRules()...)
	all = append(all, workloadRules()...)
	all = append(all, unschedulableRules()...)
	return append(all, furtherRules()...)
}

// Plan says what is still to be read to answer the query, given what is known
// so far. It is asked again after each round of reading until it wants nothing,
// or until the query's budget of requests is used up.
func Plan(s *snapshot.Snapshot, q Query) snapshot.Needs {
	needs := asked(s, q)
	targets, _ := resolve(s, q)
	scope, further := reach(s, targets)
	first, late := wants(s, q, scope, further)
	needs.Add(affordable(s, first, late, budget(q)-cost(s, s.Missing(needs).Objects)))
	return s.Missing(needs)
}

// asked is what must be read in any case: the objects that the query names.
func asked(s *snapshot.Snapshot, q Query) snapshot.Needs {
	targets, needs := resolve(s, q)
	if ns := q.within(s); len(targets) == 0 && ns != "" && s.Missing(needs).Empty() {
		// Nothing there: is the namespace itself?
		needs.Objects = append(needs.Objects, snapshot.Need{Kind: "Namespace", Name: ns})
	}
	return needs
}

// wants is everything that the answer would like to look at besides, the most
// telling first: at the very first what leads further from what was reached.
func wants(s *snapshot.Snapshot, q Query, scope *rule.Scope, further snapshot.Needs) (first, late snapshot.Needs) {
	first = further
	if !q.glances() { // what lies around each object is not looked for
		first.Add(kindNeeds(s, scope))
	}
	first.Add(rule.Needs(s, scope, telling()))
	first.Add(warningNeeds(s, scope))
	if q.glances() {
		first.Objects = eventsFirst(first.Objects)
		for _, k := range seldom() {
			if goOn(s, q) {
				first.Objects = append(first.Objects, q.list(s, k))
			}
		}
	}
	return first, rule.Needs(s, scope, policyRules())
}

// desires are everything that the answer would like to look at.
func desires(s *snapshot.Snapshot, q Query, scope *rule.Scope, further snapshot.Needs) snapshot.Needs {
	out := asked(s, q)
	first, late := wants(s, q, scope, further)
	out.Add(first)
	out.Add(late)
	return out
}

// telling are the rules without that of what policies deny, which reads much and seldom is the cause.
func telling() []rule.Rule {
	return slices.DeleteFunc(Rules(), func(r rule.Rule) bool { return r.ID == rulePolicyDenies })
}

// Inspect answers the query from the snapshot. Its errors: *rule.NotFoundError, or a
// selector that does not parse. A target that could not be read is no error: it
// is reported as not checked, with whatever else could be told.
func Inspect(s *snapshot.Snapshot, q Query, o Options) (Report, error) {
	if _, err := labels.Parse(q.Selector); err != nil {
		return Report{}, fmt.Errorf("selector %q: %w", q.Selector, err)
	}
	targets, _ := resolve(s, q)
	if err := rule.Exist(s, q.Targets, q.Namespace); err != nil {
		return Report{}, err
	}
	scope, further := reach(s, targets)
	findings := rule.Diagnose(scope, rule.Run(s, scope, Rules()), o.Catalogue, o.Lang)
	texts, err := loadMessages()
	if err != nil {
		return Report{}, err
	}
	unread, err := rule.NewUnread(o.Lang)
	if err != nil {
		return Report{}, err
	}
	e := explainer{s: s, scope: scope, findings: findings, catalogue: o.Catalogue, texts: texts, lang: o.Lang, unread: unread}
	about := finding.Scope{Context: s.Context, Namespace: namespaceOf(s, q, targets)}
	for _, t := range targets {
		about.Targets = append(about.Targets, t.String())
	}
	desired := desires(s, q, scope, further)
	return Report{
		Report:  finding.NewReport("inspect", s.TakenAt, about, findings, append(e.settled(e.notChecked(q), desired.Objects), e.unasked(s.Missing(desired), budget(q))...), s.Requests),
		Objects: e.objects(),
	}, nil
}

// resolve turns the query into targets, and says what must be read for that.
func resolve(s *snapshot.Snapshot, q Query) ([]finding.Ref, snapshot.Needs) {
	var needs snapshot.Needs
	targets := append([]finding.Ref{}, q.Targets...)
	for _, t := range q.Targets {
		needs.Objects = append(needs.Objects, snapshot.Need{Kind: snapshot.Kind(t.Kind), Namespace: t.Namespace, Name: t.Name})
	}
	kinds, glance := q.Kinds, q.glances()
	if glance {
		kinds = Explained()
	}
	selector, err := labels.Parse(q.Selector)
	if err != nil {
		return targets, needs
	}
	leaving := false
	for _, k := range kinds {
		list := q.list(s, k)
		if !glance || !slices.Contains(seldom(), k) {
			needs.Objects = append(needs.Objects, list)
		}
		for _, o := range s.OfKind(k, list.Namespace) {
			if !selector.Matches(labels.Set(o.GetLabels())) || glance && ownerStandsFor(s, selector, o) {
				continue
			}
			targets = append(targets, rule.RefTo(o))
			leaving = leaving || o.GetDeletionTimestamp() != nil
		}
	}
	if !glance || q.Namespace == "" {
		return targets, needs
	}
	if leaving { // with the whole namespace?
		needs.Objects = append(needs.Objects, snapshot.Need{Kind: "Namespace", Name: q.Namespace})
	}
	if ns, a := snapshot.Get[*corev1.Namespace](s, "", q.Namespace); a.State == snapshot.Present && ns.DeletionTimestamp != nil {
		targets = append([]finding.Ref{rule.RefTo(ns)}, targets...)
	}
	return targets, needs
}

// ownerStandsFor says whether a glance shows the object with its owner. It does
// not where the owner could not be read, is gone, is left out by the selector,
// or is of a kind that inspect does not explain.
func ownerStandsFor(s *snapshot.Snapshot, selector labels.Selector, o snapshot.Object) bool {
	ref, ok := controller(o)
	if !ok || !slices.Contains(Explained(), snapshot.Kind(ref.Kind)) {
		return false
	}
	owner, a := s.Find(snapshot.Kind(ref.Kind), ref.Namespace, ref.Name)
	return a.State == snapshot.Present && selector.Matches(labels.Set(owner.GetLabels()))
}

// namespaceOf is the namespace that the answer is about: the one asked for,
// else the one that all targets lie in; empty for several.
func namespaceOf(s *snapshot.Snapshot, q Query, targets []finding.Ref) string {
	ns := q.within(s)
	for _, t := range targets {
		switch {
		case ns == "":
			ns = t.Namespace
		case t.Namespace != "" && t.Namespace != ns:
			return ""
		}
	}
	return ns
}
