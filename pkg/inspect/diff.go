package inspect

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// DiffReport is what changed between the newest revision of workloads and the one before.
type DiffReport struct {
	finding.Report
	Diffs []Diff `json:"diffs"`
}

// Base gives the part that every report has.
func (r DiffReport) Base() finding.Report { return r.Report }

// Diff compares the pod templates of two revisions.
type Diff struct {
	Object finding.Ref `json:"object"`
	// From and To are the revisions; From is nil where no earlier one is kept.
	From    *Revision `json:"from"`
	To      *Revision `json:"to"`
	Changes []Edit    `json:"changes"`
}

// Revision is one version of a pod template that the cluster keeps.
type Revision struct {
	Number int64 `json:"number"`
	// Name is that of the ReplicaSet or ControllerRevision that keeps it.
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	// Cause is the change cause that somebody wrote on it.
	Cause string `json:"cause,omitempty"`

	template map[string]any
}

// Edit is one field that differs; Before or After is nil where it is not there.
type Edit struct {
	Path   string  `json:"path"`
	Before *string `json:"before"`
	After  *string `json:"after"`
}

// DiffPlan reads the workloads and what keeps their revisions.
func DiffPlan(s *snapshot.Snapshot, q Query) snapshot.Needs {
	targets, needs := resolve(s, q)
	for _, t := range targets {
		o, a := s.Find(snapshot.Kind(t.Kind), t.Namespace, t.Name)
		if a.State != snapshot.Present {
			continue
		}
		if kind, selector := keptBy(o); kind != "" {
			needs.Objects = append(needs.Objects, snapshot.Need{Kind: kind, Namespace: t.Namespace, Selector: selector.String()})
		}
	}
	return s.Missing(needs)
}

// keptBy says which kind keeps an object's revisions, and by which labels.
func keptBy(o snapshot.Object) (snapshot.Kind, labels.Selector) {
	var kind snapshot.Kind
	switch o.(type) {
	case *appsv1.Deployment:
		kind = "ReplicaSet"
	case *appsv1.StatefulSet, *appsv1.DaemonSet:
		kind = "ControllerRevision"
	}
	selector, err := metav1.LabelSelectorAsSelector(rule.Selector(o))
	if kind == "" || err != nil || selector.Empty() {
		return "", nil
	}
	return kind, selector
}

// Differ compares each target's two newest revisions. Kinds without revisions
// are an error, as is what Inspect refuses.
func Differ(s *snapshot.Snapshot, q Query, o Options) (DiffReport, error) {
	if err := rule.Exist(s, q.Targets, q.Namespace); err != nil {
		return DiffReport{}, err
	}
	targets, _ := resolve(s, q)
	words, err := rule.NewUnread(o.Lang)
	if err != nil {
		return DiffReport{}, err
	}
	asked := finding.Scope{Context: s.Context, Namespace: namespaceOf(s, q, targets)}
	diffs := []Diff{}
	for _, t := range targets {
		asked.Targets = append(asked.Targets, t.String())
		found, a := s.Find(snapshot.Kind(t.Kind), t.Namespace, t.Name)
		if a.State != snapshot.Present {
			continue
		}
		if kind, _ := keptBy(found); kind != "" {
			diffs = append(diffs, differ(s, found))
		} else if !slices.Contains(Versioned(), snapshot.Kind(t.Kind)) {
			return DiffReport{}, &NoRevisionsError{Target: t}
		}
	}
	return DiffReport{
		Report: finding.NewReport("inspect", s.TakenAt, asked, nil, unchecked(s, q, words), s.Requests),
		Diffs:  diffs,
	}, nil
}

// Versioned lists the kinds whose revisions the cluster keeps.
func Versioned() []snapshot.Kind { return []snapshot.Kind{"Deployment", "StatefulSet", "DaemonSet"} }

// NoRevisionsError says that the cluster keeps no revisions of such an object.
type NoRevisionsError struct{ Target finding.Ref }

func (e *NoRevisionsError) Error() string {
	return fmt.Sprintf("%s has no revisions: only a Deployment, StatefulSet or DaemonSet has", e.Target)
}

func differ(s *snapshot.Snapshot, o snapshot.Object) Diff {
	d := Diff{Object: rule.RefTo(o), Changes: []Edit{}}
	all := revisions(s, o)
	if len(all) > 0 {
		d.To = &all[len(all)-1]
	}
	if len(all) > 1 {
		d.From = &all[len(all)-2]
		d.Changes = edits(d.From.template, d.To.template)
	}
	return d
}

// revisions lists what the cluster keeps, the oldest first. A Deployment numbers
// its ReplicaSets by annotation (deploymentutil.SetNewReplicaSetAnnotations); going
// back to an old one gives it the next number.
func revisions(s *snapshot.Snapshot, o snapshot.Object) []Revision {
	var out []Revision
	kind, _ := keptBy(o)
	for _, kept := range s.OfKind(kind, o.GetNamespace()) {
		owner := metav1.GetControllerOfNoCopy(kept)
		if owner == nil || owner.UID != o.GetUID() {
			continue
		}
		r := Revision{Name: kept.GetName(), Created: kept.GetCreationTimestamp().UTC(), Cause: kept.GetAnnotations()["kubernetes.io/change-cause"]}
		switch v := kept.(type) {
		case *appsv1.ReplicaSet:
			n, err := strconv.ParseInt(v.Annotations[revisionAnnotation], 10, 64)
			if err != nil {
				continue
			}
			r.Number, r.template = n, plainTemplate(v.Spec.Template)
		case *appsv1.ControllerRevision:
			var data struct {
				Spec struct {
					Template map[string]any `json:"template"`
				} `json:"spec"`
			}
			if json.Unmarshal(v.Data.Raw, &data) != nil {
				continue
			}
			delete(data.Spec.Template, "$patch") // it is stored as a patch that replaces (history/controller_history.go)
			r.Number, r.template = v.Revision, data.Spec.Template
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(x, y Revision) int { return int(x.Number - y.Number) })
	return out
}

// plainTemplate is a template as JSON, without the label that the Deployment controller adds.
func plainTemplate(t any) map[string]any {
	data, err := json.Marshal(t)
	if err != nil {
		return nil
	}
	var out map[string]any
	if json.Unmarshal(data, &out) != nil {
		return nil
	}
	if meta, ok := out["metadata"].(map[string]any); ok {
		if l, ok := meta["labels"].(map[string]any); ok {
			delete(l, appsv1.DefaultDeploymentUniqueLabelKey)
		}
		delete(meta, "creationTimestamp")
	}
	return out
}
