package render

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
)

func fitFixtures() []fixture {
	return []fixture{
		{"quota-fit", fitReport}, {"quota-fit-whole", fitWhole}, {"quota-fit-range", fitRange},
		{"quota-fit-unknown", fitUnknown}, {"quota-fit-drain", fitDrain}, {"quota-fit-drain-ok", fitDrainOK},
	}
}

func fitBase(findings []finding.Finding, notChecked []finding.NotChecked) finding.Report {
	return finding.NewReport("quota fit", takenAt, finding.Scope{Context: "sandbox", Namespace: "shop"}, findings, notChecked, 6)
}

func noGaps() []quota.NotModelled { return []quota.NotModelled{} }

func noRoomFinding(l lang.Lang) finding.Finding {
	return finding.Finding{
		Rule: "quota/no-room", Severity: finding.Warning, Confidence: finding.Likely, Object: ref("Deployment", "web"), Count: 1, Chain: []string{"deployment/web"},
		Title:    either(l, "The nodes have room for 3 of the 5 new pods of deployment/web", "deployment/web의 새 Pod 5개 중 3개만 노드에 배치할 수 있습니다"),
		Why:      either(l, "They would be created and stay Pending: 0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu.", "생성되더라도 Pending 상태로 남습니다: 0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu."),
		Evidence: []finding.Evidence{{Object: "node/node-1", Value: "short of 100m cpu (asks 500m, 400m free of 2)"}},
		Fix:      []finding.Fix{{Text: either(l, "The smallest change that places the next one: on node-1: free 100m cpu, or ask for at most 400m cpu.", "다음 Pod를 배치할 수 있는 가장 작은 변경: on node-1: free 100m cpu, or ask for at most 400m cpu")}},
	}
}

func scarce() []quota.Refused {
	return []quota.Refused{
		{Constraint: fit.Insufficient, Resource: "cpu", Words: "Insufficient cpu", Nodes: 2},
		{Constraint: fit.Tainted, Words: "node(s) had untolerated taint(s)", Nodes: 1},
	}
}

func fitReport(l lang.Lang) any {
	gaps := []quota.NotModelled{
		{Kind: quota.GapOrder, What: "1-2"}, {Kind: quota.GapPreemption}, {Kind: quota.GapGate, What: "example.com/wait"}, {Kind: quota.GapUpdate},
		{Kind: quota.GapAdmission, What: "LimitRange"}, {Kind: fit.UnboundClaim, What: "data"}, {Kind: fit.UnreadClaim, What: "data"}, {Kind: fit.UnreadVolume, What: "pv-1"},
		{Kind: fit.UnreadNamespaces, What: "team=a"}, {Kind: fit.VolumeLimit, What: "ebs.csi.aws.com"}, {Kind: fit.InlineDisk, What: "disk"}, {Kind: fit.DeviceClaim, What: "gpu"},
		{Kind: fit.DeviceClass, What: "example.com/gpu"}, {Kind: fit.PodGroup}, {Kind: fit.OtherScheduler, What: "mine"}, {Kind: fit.Reserved, What: "shop/big on node-1"},
		{Kind: fit.NodeFeature, What: "hostNetwork with a user namespace"},
	}
	return quota.FitReport{
		Report: fitBase([]finding.Finding{noRoomFinding(l)}, nil), Nodes: 3,
		Fit: []quota.Fit{
			{Workload: ref("Deployment", "api"), Asked: 3, Running: 3, Fits: placed(3), NotModelled: noGaps()},
			{Workload: ref("Deployment", "web"), Asked: 7, Running: 2, Fits: placed(5), Refused: scarce(), NotModelled: noGaps()},
			{Workload: ref("StatefulSet", "db"), Asked: 2, Fits: placed(1), FitsAtMost: placed(2), NotModelled: gaps},
			{Workload: finding.Ref{Kind: "DaemonSet", Namespace: "kube-system", Name: "agent"}, Asked: 3, Fits: placed(3), NotModelled: gaps[:1]},
		},
		Pending: []quota.Pending{
			{Workload: ref("Deployment", "web"), Pod: "web-1-a", Pods: 2, Fits: placed(0), Refused: scarce(), Change: "on node-1: free 100m cpu, or ask for at most 400m cpu"},
			{Workload: ref("Job", "report"), Pod: "report-x", Pods: 1, Fits: placed(1)},
		},
	}
}

func fitWhole(lang.Lang) any {
	return quota.FitReport{Report: fitBase(nil, nil), Nodes: 5, Pending: []quota.Pending{}, Added: &quota.AddedNodes{Nodes: 2, Like: "node-1"},
		Fit: []quota.Fit{{Workload: ref("Deployment", "web"), Asked: 10, Running: 3, Fits: placed(10), NotModelled: noGaps()}}}
}

func fitRange(lang.Lang) any {
	return quota.FitReport{Report: fitBase(nil, nil), Nodes: 3, Pending: []quota.Pending{}, Fit: []quota.Fit{
		{Workload: ref("Deployment", "web"), Asked: 6, Fits: placed(4), FitsAtMost: placed(6), Refused: scarce(), NotModelled: []quota.NotModelled{{Kind: quota.GapOrder, What: "4-6"}}},
	}}
}

func fitUnknown(lang.Lang) any {
	return quota.FitReport{
		Report:  fitBase(nil, []finding.NotChecked{{What: "list nodes", Why: "forbidden: list nodes"}}),
		Pending: []quota.Pending{}, Fit: []quota.Fit{{Workload: ref("Deployment", "web"), Asked: 3, NotModelled: noGaps()}},
	}
}

func fitDrain(l lang.Lang) any {
	f := finding.Finding{
		Rule: "quota/drain-blocked", Severity: finding.Error, Confidence: finding.Certain, Object: ref("PodDisruptionBudget", "web"), Count: 1, Chain: []string{"poddisruptionbudget/web"},
		Title:    either(l, "Draining node-1 stops at PodDisruptionBudget web: it allows no eviction now", "node-1 드레인이 PodDisruptionBudget web에서 멈춥니다. 지금은 축출이 하나도 허용되지 않습니다"),
		Why:      either(l, "3 pods are healthy and 3 must stay so.", "정상 Pod는 3개이고 3개를 유지해야 합니다."),
		Evidence: []finding.Evidence{{Object: "poddisruptionbudget/web", Path: "status.disruptionsAllowed", Value: "0"}},
		Fix:      []finding.Fix{{Text: either(l, "Add a replica, or loosen the budget.", "복제본을 늘리거나 PDB를 완화하십시오."), Command: "kubectl -n shop describe poddisruptionbudget web"}},
	}
	return quota.FitReport{
		Report: fitBase([]finding.Finding{f}, nil), Nodes: 3, Pending: []quota.Pending{},
		Fit: []quota.Fit{{Workload: ref("Deployment", "web"), Asked: 3, Fits: placed(2), Refused: scarce(), NotModelled: noGaps()}, {Workload: ref("Deployment", "api"), Asked: 1, Fits: placed(1), NotModelled: noGaps()}},
		Drain: &quota.Drain{Nodes: []string{"node-1"}, Pods: 5, Fits: placed(3), Stays: 2, Lost: []string{"shop/by-hand"}, BudgetsKnown: true, Budgets: []quota.Budget{
			{Namespace: "shop", Name: "web", Pods: 3, Blocks: true}, {Namespace: "shop", Name: "api", Pods: 1, Allowed: 1},
		}},
	}
}

func fitDrainOK(lang.Lang) any {
	return quota.FitReport{
		Report: fitBase(nil, nil), Nodes: 3, Pending: []quota.Pending{},
		Fit:   []quota.Fit{{Workload: ref("Deployment", "api"), Asked: 4, Fits: placed(4), NotModelled: noGaps()}},
		Drain: &quota.Drain{Nodes: []string{"node-1"}, Pods: 4, Fits: placed(4), Stays: 2, BudgetsKnown: true, Budgets: []quota.Budget{}},
	}
}

func TestQuotaFitGolden(t *testing.T) {
	for _, f := range fitFixtures() {
		for _, l := range lang.All() {
			t.Run(f.name+"/"+string(l), func(t *testing.T) {
				var all strings.Builder
				for _, v := range views(l) {
					fmt.Fprintf(&all, "===== %s\n%s", v.name, write(t, f.report(l), v.o))
				}
				golden(t, f.name+"."+string(l)+".txt", all.String())
			})
		}
	}
	golden(t, "quota-fit.json", write(t, fitReport(lang.English), Options{Format: JSON}))
}

// The first line is the whole answer.
func TestQuotaFitHeadlines(t *testing.T) {
	drained := func(change func(*quota.Drain)) func(*quota.FitReport) {
		return func(r *quota.FitReport) {
			r.Drain = &quota.Drain{Nodes: []string{"node-1"}, Pods: 4, Fits: placed(4), Budgets: []quota.Budget{}, BudgetsKnown: true}
			change(r.Drain)
		}
	}
	for want, change := range map[string]func(*quota.FitReport){
		"✓ There is room for all 10 pods of deployment/web on 5 nodes":                                                     func(r *quota.FitReport) { r.Added = nil },
		"✓ deployment/web asks for no pod":                                                                                 func(r *quota.FitReport) { r.Added, r.Fit[0].Asked, r.Fit[0].Fits = nil, 0, placed(0) },
		"✓ There is room for the pod of deployment/web on 5 nodes":                                                         func(r *quota.FitReport) { r.Added, r.Fit[0].Asked, r.Fit[0].Fits = nil, 1, placed(1) },
		"! With 2 more nodes like node-1: there is room for 4 of 10 pods of deployment/web on 5 nodes":                     func(r *quota.FitReport) { r.Fit[0].Fits = placed(4) },
		"i No workload with pods in namespace shop":                                                                        func(r *quota.FitReport) { r.Fit = nil },
		"✓ node-1 can be drained: its 4 pods find room elsewhere":                                                          drained(func(*quota.Drain) {}),
		"! 1 of the 4 pods of node-1 finds no room elsewhere":                                                              drained(func(d *quota.Drain) { d.Fits = placed(3) }),
		"! node-1 can be drained, and 1 of its 4 pods is not made anew: nobody owns it":                                    drained(func(d *quota.Drain) { d.Fits, d.Lost = placed(3), []string{"a/b"} }),
		"i Whether node-1 can be drained is not known: PodDisruptionBudgets could not be read; its 4 pods would find room": drained(func(d *quota.Drain) { d.BudgetsKnown = false }),
		"i Whether node-1 can be drained is not known: nodes or pods could not be read":                                    drained(func(d *quota.Drain) { d.Fits = nil }),
		"✗ node-1 cannot be drained now: PodDisruptionBudget a/b stops it, and 2 of 4 pods find no room elsewhere": drained(func(d *quota.Drain) {
			d.Fits, d.Budgets = placed(2), []quota.Budget{{Namespace: "a", Name: "b", Blocks: true}}
		}),
	} {
		r, _ := fitWhole(lang.English).(quota.FitReport)
		change(&r)
		if r.Drain != nil {
			r.Added = nil
		}
		first, _, _ := strings.Cut(write(t, r, Options{Lang: lang.English}), "\n")
		if first != want {
			t.Errorf("%s\nwant %s", first, want)
		}
	}
}
