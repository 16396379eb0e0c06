package inspect

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// loadViewMessages adds the words of the tree, the time line, the diff and the lessons to those of the explanations.
var loadViewMessages = sync.OnceValues(func() (lang.Catalogue, error) {
	all := lang.Catalogue{}
	base, err := loadMessages()
	if err != nil {
		return nil, err
	}
	maps.Copy(all, base)
	for _, name := range []string{"messages_views.yaml", "lessons.yaml"} {
		own, err := lang.Load(viewMessageFiles, name)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, own)
	}
	return all, nil
})

// The relations that only a tree shows.
const (
	// ScaledBy: a HorizontalPodAutoscaler sets the number of replicas.
	ScaledBy Relation = "scaled-by"
	// GuardedBy: a PodDisruptionBudget bounds how many pods an eviction may take.
	GuardedBy Relation = "guarded-by"
	// RoutedBy: an Ingress or a route sends requests to the Service.
	RoutedBy Relation = "routed-by"
)

// TreeReport is what belongs together: owners above, what is controlled below,
// what is referred to, and what depends on it.
type TreeReport struct {
	finding.Report
	// Why says that only the unhealthy paths were kept.
	Why  bool       `json:"why"`
	Tree []TreeNode `json:"tree"`
}

// Base gives the part that every report has.
func (r TreeReport) Base() finding.Report { return r.Report }

// TreeNode is one object, or several like ones, and what hangs under it.
type TreeNode struct {
	Object finding.Ref `json:"object"`
	// Relation says how the object belongs to the one above it; empty for the top.
	Relation Relation `json:"relation,omitempty"`
	// Target: this was asked about.
	Target bool   `json:"target,omitempty"`
	Health Health `json:"health"`
	Status string `json:"status"`
	// Count is how many like objects the node stands for; Members names them where there are several.
	Count   int      `json:"count"`
	Members []string `json:"members"`
	// Causes are the findings whose object this is.
	Causes []TreeCause `json:"causes"`
	// Again: the object hangs elsewhere in the tree too, and what lies below it is shown there.
	Again    bool       `json:"again,omitempty"`
	Children []TreeNode `json:"children"`
}

// TreeCause is a finding in one line.
type TreeCause struct {
	Rule     string           `json:"rule"`
	Severity finding.Severity `json:"severity"`
	Title    string           `json:"title"`
	// Pods says how many suffer from it; 0 where it is not about pods.
	Pods int `json:"pods,omitempty"`
}

// TreeOptions shape the tree.
type TreeOptions struct {
	Options
	// Why keeps only what is unhealthy, and the way to it.
	Why bool
}

// Tree answers from the snapshot. Its errors are those of Inspect.
func Tree(s *snapshot.Snapshot, q Query, o TreeOptions) (TreeReport, error) {
	if _, err := labels.Parse(q.Selector); err != nil {
		return TreeReport{}, fmt.Errorf("selector %q: %w", q.Selector, err)
	}
	if err := rule.Exist(s, q.Targets, q.Namespace); err != nil {
		return TreeReport{}, err
	}
	targets, _ := resolve(s, q)
	scope, _ := treeReach(s, targets)
	needs := treeNeeds(s, q)
	findings := rule.Diagnose(scope, rule.Run(s, scope, Rules()), o.Catalogue, o.Lang)
	e, err := newViewer(s, scope, findings, o.Options)
	if err != nil {
		return TreeReport{}, err
	}
	g := newGrower(e)
	var tree []TreeNode
	for _, top := range g.tops(scope.Targets) {
		tree = append(tree, g.grow(top, "", nil))
	}
	for i := range tree {
		tree[i] = fold(tree[i])
		if o.Why {
			tree[i], _ = prune(tree[i])
		}
	}
	asked := finding.Scope{Context: s.Context, Namespace: namespaceOf(s, q, targets)}
	for _, t := range targets {
		asked.Targets = append(asked.Targets, t.String())
	}
	return TreeReport{
		Report: finding.NewReport("tree", s.TakenAt, asked, findings, append(e.settled(unchecked(s, q, e.unread), needs.Objects), e.unasked(s.Missing(needs), treeBudget(q))...), s.Requests),
		Why:    o.Why, Tree: tree,
	}, nil
}

// newViewer is an explainer with the words of the views.
func newViewer(s *snapshot.Snapshot, scope *rule.Scope, findings []finding.Finding, o Options) (explainer, error) {
	texts, err := loadViewMessages()
	if err != nil {
		return explainer{}, err
	}
	unread, err := rule.NewUnread(o.Lang)
	if err != nil {
		return explainer{}, err
	}
	return explainer{s: s, scope: scope, findings: findings, catalogue: o.Catalogue, texts: texts, lang: o.Lang, unread: unread}, nil
}

// prune keeps what is unhealthy and what leads there; it says whether anything is left.
func prune(n TreeNode) (TreeNode, bool) {
	kept := []TreeNode{}
	for _, c := range n.Children {
		if c, ok := prune(c); ok {
			kept = append(kept, c)
		}
	}
	n.Children = kept
	waits := n.Health == Progressing && n.Relation != GuardedBy // a budget waits for the pods, and is not why they are as they are
	ill := n.Health == Unwell || waits || slices.ContainsFunc(n.Causes, func(c TreeCause) bool { return c.Severity != finding.Info })
	return n, ill || len(kept) > 0
}
