package quota

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// AuditReport is what is asked for, granted and used, by namespace, workload and container.
type AuditReport struct {
	finding.Report
	Namespaces []NamespaceUse `json:"namespaces"`
	// Groups are by GroupedBy: nodes, zones, values of a label, ….
	GroupedBy string     `json:"groupedBy,omitempty"`
	Groups    []GroupUse `json:"groups"`
	// Prometheus is where the history of quotas is from, Window how far back that
	// was asked for; both are empty where none was asked.
	Prometheus string `json:"prometheus,omitempty"`
	Window     string `json:"window,omitempty"`

	// View, Sort and Top say how the text groups and orders it.
	View View  `json:"-"`
	Sort Order `json:"-"`
	Top  int   `json:"-"`
}

// Base gives the part that every report has.
func (r AuditReport) Base() finding.Report { return r.Report }

// NamespaceUse is one namespace.
type NamespaceUse struct {
	Namespace string        `json:"namespace"`
	Pods      int           `json:"pods"`
	Requests  []Amount      `json:"requests"`
	Limits    []Amount      `json:"limits"`
	Usage     []Amount      `json:"usage"`
	Quotas    []QuotaUse    `json:"quotas"`
	Workloads []WorkloadUse `json:"workloads"`
	// Resources is the same by resource, with where each number comes from.
	Resources   []ResourceUse `json:"resources"`
	LimitRanges []RangeUse    `json:"limitRanges"`
}

// WorkloadUse is one workload with all its pods that have not finished.
type WorkloadUse struct {
	Workload   finding.Ref    `json:"workload"`
	Pods       int            `json:"pods"`
	QoS        string         `json:"qos"`
	Requests   []Amount       `json:"requests"`
	Limits     []Amount       `json:"limits"`
	Usage      []Amount       `json:"usage"`
	Containers []ContainerUse `json:"containers"`
	Resources  []ResourceUse  `json:"resources"`
	// Formulas tell how the numbers come about, where that was asked for.
	Formulas []Formula `json:"formulas,omitempty"`
}

// ContainerUse is one container of the workload's pods, for one pod: usage is the
// mean of those that the metrics API had a sample of.
type ContainerUse struct {
	Container string   `json:"container"`
	Init      bool     `json:"init"`
	Requests  []Amount `json:"requests"`
	Limits    []Amount `json:"limits"`
	Usage     []Amount `json:"usage"`
}

// Amount is so much of a resource.
type Amount struct {
	Resource string `json:"resource"`
	Quantity string `json:"quantity"`

	exact resource.Quantity
}

// Exact is the amount as a quantity.
func (a Amount) Exact() resource.Quantity { return a.exact }

// QuotaUse is one line of a ResourceQuota.
type QuotaUse struct {
	Quota    string `json:"quota"`
	Resource string `json:"resource"`
	Used     string `json:"used"`
	Hard     string `json:"hard"`
	// Soft is the soft limit, empty for none.
	Soft    string `json:"soft,omitempty"`
	Percent int    `json:"percent"`
	Level   Level  `json:"level"`
	// SoftFrom says who set the soft limit.
	SoftFrom Source `json:"softFrom,omitempty"`
	// Formula tells which workloads add up to what is used, where that was asked for.
	Formula string `json:"formula,omitempty"`
	// Outlook is where it is heading; nil where no history was read.
	Outlook *Outlook `json:"outlook,omitempty"`
}

// Level is how far a quota is used up.
type Level string

// The levels. Warn is nearPercent of the soft limit or more, of the hard limit
// where there is no soft one.
const (
	LevelOK   Level = "ok"
	LevelWarn Level = "warn"
	LevelSoft Level = "soft"
	LevelHard Level = "hard"
)

// nearPercent is where kube-prometheus begins to warn (KubeQuotaAlmostFull).
const nearPercent = 90

// AuditOf answers. A namespace that is not there is a *rule.NotFoundError.
func AuditOf(s *snapshot.Snapshot, q Query, soft SoftLimits, v View, catalogue finding.Catalogue, l lang.Lang) (AuditReport, error) {
	report := AuditReport{Namespaces: []NamespaceUse{}, Groups: []GroupUse{}, View: v}
	if err := rule.Exist(s, nil, q.Namespace); err != nil {
		return report, err
	}
	scope, refs := auditScope(s, q)
	past := newQuotaPast(s, quotaHistory(q, v.Window), soft)
	found := rule.Run(s, scope, append(auditRules(soft), past.rule()))
	unread, err := rule.NewUnread(l)
	if err != nil {
		return report, err
	}
	asked := finding.Scope{Context: s.Context, Namespace: q.Namespace}
	for _, r := range refs {
		asked.Targets = append(asked.Targets, r.String())
	}
	findings := rule.Diagnose(scope, found, catalogue, l)
	notChecked := slices.Concat(unread.NotChecked(s), onlyWritten(s, l), badSoft(s, scope, l), past.notChecked(s, l))
	report.Report = finding.NewReport("quota audit", s.TakenAt, asked, findings, notChecked, s.Requests)
	uses := workUses(s, scope, q)
	report.Namespaces = namespaceUses(s, scope, soft, v, uses)
	if report.Groups = groups(s, uses, v); v.By.Grouped() {
		report.GroupedBy = strings.TrimSuffix(string(v.By)+":"+v.Label, ":")
	}
	if past.read {
		past.look(s, report.Namespaces)
		report.Window = lasting(v.Window)
	}
	return report, nil
}

// auditKinds are the workloads that an audit looks at.
func auditKinds() []snapshot.Kind {
	return []snapshot.Kind{"Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "ReplicaSet", "Pod"}
}

// auditScope is every namespace that was read, with the workloads that nobody
// owns, the quotas and the LimitRanges below it.
func auditScope(s *snapshot.Snapshot, q Query) (*rule.Scope, []finding.Ref) {
	spaces := map[string]bool{}
	var members []finding.Ref
	for _, kind := range auditKinds() {
		for _, o := range s.OfKind(kind, q.Namespace) {
			if w, ok := topWorkOf(o); ok && q.matches(o) {
				members = append(members, w.Ref)
				spaces[o.GetNamespace()] = true
			}
		}
	}
	for _, kind := range []snapshot.Kind{"ResourceQuota", "LimitRange"} {
		for _, o := range s.OfKind(kind, q.Namespace) {
			if q.Selector == "" || spaces[o.GetNamespace()] {
				members = append(members, rule.RefTo(o))
				spaces[o.GetNamespace()] = true
			}
		}
	}
	var targets []finding.Ref
	for _, name := range sortedKeys(spaces) {
		targets = append(targets, finding.Ref{Kind: "Namespace", Name: name})
	}
	scope := rule.NewScope(targets...)
	for _, m := range members {
		scope.Add(finding.Ref{Kind: "Namespace", Name: m.Namespace}, m)
	}
	return scope, targets
}

// amounts writes a list, CPU and memory first.
func amounts(list corev1.ResourceList) []Amount { return written(list, true) }

// sampled writes what was measured, as kubectl top does: CPU, which the metrics
// API has in billionths, rounded up to thousandths, and memory down to whole Mi.
func sampled(list corev1.ResourceList) []Amount { return written(list, false) }

func written(list corev1.ResourceList, up bool) []Amount {
	out := []Amount{}
	for _, name := range ordered(list) {
		shown := list[name].DeepCopy()
		shown.RoundUp(resource.Milli)
		out = append(out, Amount{Resource: string(name), Quantity: fit.Human(name, shown, up), exact: list[name]})
	}
	return out
}

func ordered(list corev1.ResourceList) []corev1.ResourceName {
	rank := func(n corev1.ResourceName) int {
		return slices.Index([]corev1.ResourceName{corev1.ResourceEphemeralStorage, corev1.ResourceMemory, corev1.ResourceCPU}, n)
	}
	out := names(list)
	slices.SortStableFunc(out, func(a, b corev1.ResourceName) int { return cmp.Compare(rank(b), rank(a)) })
	return out
}

// Of finds a resource in a list of amounts.
func Of(list []Amount, name string) (resource.Quantity, bool) {
	for _, a := range list {
		if a.Resource == name {
			return a.exact, true
		}
	}
	return resource.Quantity{}, false
}

// level grades the use of a quota.
func level(used, hard resource.Quantity, soft *resource.Quantity) (Level, int) {
	most := hard
	if soft != nil {
		most = *soft
	}
	percent := percentOf(used, hard)
	switch {
	case used.Cmp(hard) >= 0 && (hard.Sign() > 0 || used.Sign() > 0):
		return LevelHard, percent
	case soft != nil && used.Cmp(*soft) > 0:
		return LevelSoft, percent
	case percentOf(used, most) >= nearPercent:
		return LevelWarn, percent
	}
	return LevelOK, percent
}

// percentOf rounds down; of nothing everything is none.
func percentOf(part, whole resource.Quantity) int {
	if whole.Sign() <= 0 {
		return 0
	}
	return int(part.AsApproximateFloat64()*100/whole.AsApproximateFloat64() + 1e-9)
}

// quotaUses lists the lines of a quota.
func quotaUses(s *snapshot.Snapshot, q *corev1.ResourceQuota, soft SoftLimits) []QuotaUse {
	limits, _ := soft.softFor(s, q)
	var out []QuotaUse
	for _, name := range names(q.Status.Hard) {
		used, hard := q.Status.Used[name], q.Status.Hard[name]
		u := QuotaUse{Quota: q.Name, Resource: string(name), Used: fit.Human(plain(name), used, true), Hard: fit.Human(plain(name), hard, false)}
		var limit *resource.Quantity
		if t, ok := limits.find(name); ok {
			at := t.of(hard)
			limit, u.Soft, u.SoftFrom = &at, fit.Human(plain(name), at, false), t.From
		}
		u.Level, u.Percent = level(used, hard, limit)
		out = append(out, u)
	}
	return out
}

// onlyWritten: manifests tell nothing of the cluster that they are for.
func onlyWritten(s *snapshot.Snapshot, l lang.Lang) []finding.NotChecked {
	if s.Source != snapshot.FromManifests {
		return nil
	}
	return []finding.NotChecked{{What: say(l, "cluster", nil), Why: say(l, "only-manifests", nil)}}
}

// badSoft names the annotations that cannot be read: nothing was held against them.
func badSoft(s *snapshot.Snapshot, sc *rule.Scope, l lang.Lang) []finding.NotChecked {
	var out []finding.NotChecked
	note := func(of finding.Ref, o snapshot.Object) {
		if _, err := parseSoft(o.GetAnnotations()[SoftAnnotation]); err != nil {
			out = append(out, finding.NotChecked{What: say(l, "soft-annotation", map[string]any{"object": of.String(), "namespace": o.GetNamespace()}), Why: err.Error()})
		}
	}
	for _, ns := range sc.Targets {
		if o, a := s.Find("Namespace", "", ns.Name); a.State == snapshot.Present {
			note(ns, o)
		}
	}
	for _, q := range quotasIn(s, sc) {
		note(rule.RefTo(q), q)
	}
	return out
}

// matches says whether the selector takes the object.
func (q Query) matches(o snapshot.Object) bool {
	if q.Selector == "" {
		return true
	}
	return selectorOf(q.Selector).Matches(labelsOf(o))
}
