package quota

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule/ruletest"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/file"
)

// fitCase is a question and its answers, written short.
type fitCase struct {
	// Ask is the target; the manifests are those of the fixture.
	Ask      string   `json:"ask"`
	Replicas *int     `json:"replicas"`
	Drain    []string `json:"drain"`
	Add      int      `json:"add"`
	Like     string   `json:"like"`
	// Rows are "workload fits/asked (running)", "| reasons", "~ what is not modelled".
	Rows    []string `json:"rows"`
	Pending []string `json:"pending"`
	// Drained is "pods fits stays; lost; budgets".
	Drained string `json:"drained"`
}

// Every file under testdata/fit is one case.
func TestFitFixtures(t *testing.T) {
	for _, path := range ruletest.Files(t, "fit") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			f, state := loadFixture(t, path)
			report := fitFixture(t, f, state, lang.English)
			ruletest.Compare(t, f.Want, report.Findings)
			rows, pending := []string{}, []string{}
			for _, r := range report.Fit {
				rows = append(rows, shortFit(r))
			}
			for _, p := range report.Pending {
				pending = append(pending, shortPending(p))
			}
			if diff := cmp.Diff(f.Fit.Rows, rows); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(append([]string{}, f.Fit.Pending...), pending); diff != "" {
				t.Errorf("pending (-want +got):\n%s", diff)
			}
			if got := shortDrain(report.Drain); got != f.Fit.Drained {
				t.Errorf("drained %q, want %q", got, f.Fit.Drained)
			}
			if korean := fitFixture(t, f, state, lang.Korean); len(korean.Findings) != len(report.Findings) {
				t.Errorf("%d findings in Korean, %d in English", len(korean.Findings), len(report.Findings))
			}
		})
	}
}

func fitFixture(t *testing.T, f fixture, state *snapshot.Snapshot, l lang.Lang) FitReport {
	t.Helper()
	q := FitQuery{Query: Query{Namespace: "shop"}, Replicas: f.Fit.Replicas, Drain: f.Fit.Drain, Add: f.Fit.Add, Like: f.Fit.Like}
	if kind, name, ok := strings.Cut(f.Fit.Ask, "/"); ok {
		info, _ := snapshot.Resolve(kind)
		q.Targets = []finding.Ref{{Kind: string(info.Kind), Namespace: "shop", Name: name}}
	}
	if f.Manifests != "" {
		manifests, err := file.Load([]string{"-"}, strings.NewReader(f.Manifests), file.Options{Namespace: "shop", Now: f.TakenAt})
		if err != nil {
			t.Fatal(err)
		}
		q.Manifests = manifests
	}
	report, err := FitOf(state, q, ruletest.Catalogue(t), l)
	if err != nil {
		t.Fatal(err)
	}
	ruletest.Readable(t, report.Findings)
	return report
}

func shortFit(r Fit) string {
	fits := "?"
	if r.Fits != nil {
		fits = fmt.Sprint(*r.Fits)
	}
	if r.FitsAtMost != nil {
		fits += fmt.Sprintf("-%d", *r.FitsAtMost)
	}
	return fmt.Sprintf("%s %s/%d (%d)", r.Workload, fits, r.Asked, r.Running) + shortWhy(r.Refused, r.NotModelled)
}

func shortWhy(refused []Refused, gaps []NotModelled) string {
	s := ""
	for _, r := range refused {
		s += fmt.Sprintf(" | %d %s", r.Nodes, r.Words)
	}
	for _, g := range gaps {
		s += strings.TrimSuffix(fmt.Sprintf(" ~ %s %s", g.Kind, g.What), " ")
	}
	return s
}

func shortPending(p Pending) string {
	fits := "?"
	if p.Fits != nil {
		fits = fmt.Sprint(*p.Fits)
	}
	s := fmt.Sprintf("%s %s/%d", p.Workload, fits, p.Pods) + shortWhy(p.Refused, p.NotModelled)
	if p.Change != "" {
		s += " > " + p.Change
	}
	return s
}

func shortDrain(d *Drain) string {
	if d == nil {
		return ""
	}
	fits := "?"
	if d.Fits != nil {
		fits = fmt.Sprint(*d.Fits)
	}
	s := fmt.Sprintf("%d %s %d; %s;", d.Pods, fits, d.Stays, strings.Join(d.Lost, ","))
	if !d.BudgetsKnown {
		return s + " unread"
	}
	for _, b := range d.Budgets {
		s += fmt.Sprintf(" %s %d/%d %v", b.Name, b.Allowed, b.Pods, b.Blocks)
	}
	return s
}

// A node that is not there is as wrong as a workload that is not.
func TestFitOfNothing(t *testing.T) {
	_, s := loadFixture(t, filepath.Join("testdata", "fit", "drain.yaml"))
	for _, c := range []struct {
		q    FitQuery
		want string
	}{
		{FitQuery{Drain: []string{"nowhere"}}, "node/nowhere"},
		{FitQuery{Add: 1, Like: "nowhere"}, "node/nowhere"},
		{FitQuery{Query: Query{Targets: []finding.Ref{{Kind: "Deployment", Namespace: "shop", Name: "none"}}}}, "deployment/none"},
	} {
		_, err := FitOf(s, c.q, ruletest.Catalogue(t), lang.English)
		var missing *rule.NotFoundError
		if !errors.As(err, &missing) || len(missing.Targets) != 1 || missing.Targets[0].String() != c.want {
			t.Errorf("%+v: %v", c.q, err)
		}
	}
}

// A node that is added has the labels of its model, but for its name, and none of
// the taints that pass.
func TestAnother(t *testing.T) {
	like := parse[corev1.Node](t, `{metadata: {name: a, labels: {kubernetes.io/hostname: a, zone: x}}, spec: {unschedulable: true, taints: [{key: node.kubernetes.io/unschedulable, effect: NoSchedule}, {key: team, value: red, effect: NoSchedule}]}}`)
	got := another(like, 1)
	want := parse[corev1.Node](t, `{metadata: {name: a-added-2, labels: {kubernetes.io/hostname: a-added-2, zone: x}}, spec: {taints: [{key: team, value: red, effect: NoSchedule}]}}`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if like.Labels["kubernetes.io/hostname"] != "a" || len(like.Spec.Taints) != 2 {
		t.Errorf("the model has changed: %+v", like)
	}
}
