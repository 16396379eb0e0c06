package plan

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

func TestPlanOfCanary(t *testing.T) {
	c := scene{Spec: rollout.Spec{
		Steps: []rollout.Step{{Weight: 20, Pause: rollout.Pause{For: rollout.Duration(120e9)}}, {Weight: 50, Pause: rollout.Pause{Manual: true}}},
		Gates: []rollout.GateSpec{{Kind: rollout.GateTime, Value: "30s"}, {Kind: rollout.GateCommand, Value: "true"}},
	}}
	p := c.report(t, lang.English).Plan
	gates := []string{"time=30s", "command=true"}
	want := []Step{
		{N: 1, Asked: 20, Reachable: 20, Old: 4, New: 1, Pause: "2m", Gates: gates},
		{N: 2, Asked: 50, Reachable: 50, Old: 2, New: 2, Pause: "manual", Gates: gates},
		{N: 3, Asked: 100, Reachable: 100, Old: 0, New: 4, Gates: gates},
	}
	if d := cmp.Diff(want, p.Steps); d != "" {
		t.Error(d)
	}
	// 1 new Pod, the 2nd, the 3rd, the 4th, each of them waited for: 4 times 4 seconds.
	four, starting, total := 4, 16, 16+120+90
	if d := cmp.Diff(Time{StartUp: &four, Seen: 4, Starting: &starting, Pausing: 120, Gates: 90, Total: &total, People: 1, Open: 3}, p.Time); d != "" {
		t.Error(d)
	}
	if p.Capacity.ExtraPods != 1 || p.Capacity.Room.State != RoomFits || p.Replicas != 4 || p.Refused {
		t.Errorf("%+v", p.Capacity)
	}
	if d := cmp.Diff([][]string{{"shop/web:v1"}, {"shop/web:v2"}}, [][]string{p.OldImages, p.NewImages}); d != "" {
		t.Error(d)
	}
}

func TestPlanOfBlueGreen(t *testing.T) {
	c := scene{Spec: rollout.Spec{Strategy: rollout.BlueGreen}}
	c.Objects = []json.RawMessage{json.RawMessage(`{"kind":"ResourceQuota","metadata":{"name":"q"},"spec":{"hard":{"requests.memory":"2Gi"}},"status":{"hard":{"requests.memory":"2Gi"},"used":{"requests.memory":"1Gi"}}}`)}
	p := c.report(t, lang.English).Plan
	want := []Step{{N: 1, Old: 4, New: 4, Gates: []string{}}, {N: 2, Asked: 100, Reachable: 100, Old: 4, New: 4, Gates: []string{}}}
	if d := cmp.Diff(want, p.Steps); d != "" {
		t.Error(d)
	}
	line := []QuotaLine{{Quota: "q", Resource: "requests.memory", Hard: "2Gi", Used: "1Gi", Extra: "1Gi"}}
	if d := cmp.Diff(line, p.Capacity.Quota); d != "" || p.Capacity.ExtraPods != 4 {
		t.Errorf("%d extra Pods: %s", p.Capacity.ExtraPods, d)
	}
	if p.Time.Keeping != 30 || *p.Time.Starting != 4 {
		t.Errorf("%+v", p.Time)
	}
}

// What replaces Pods in place has none beyond its own, and starts them one after the other.
func TestPlanOfStatefulSet(t *testing.T) {
	p := scene{Spec: rollout.Spec{Workload: rollout.Ref{Kind: "StatefulSet", Name: "db"}}}.report(t, lang.English).Plan
	if p.Capacity.ExtraPods != 0 || p.Steps[0].Old != 2 || p.Steps[0].New != 2 || p.Time.Total != nil {
		t.Errorf("%+v", p)
	}
}

// An old Pod in place ends before a new one comes: at least its preStop sleep, at most its grace period.
func TestPlanCountsHowOldPodsEnd(t *testing.T) {
	pod := `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"db-0","labels":{"app":"db"},"creationTimestamp":"2026-01-02T11:00:00Z","ownerReferences":[{"apiVersion":"apps/v1","kind":"StatefulSet","name":"db","uid":"s1","controller":true}]},
		"spec":{"containers":[{"name":"app","image":"shop/db:v1"}]},"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-01-02T11:00:04Z"}]}}`
	for _, c := range []struct {
		name, spec            string
		ending, most, atLeast int
	}{
		{"as Kubernetes has it by default", `{}`, 0, 120, 16},
		{"a sleep before", `{"terminationGracePeriodSeconds":10,"containers":[{"name":"app","image":"shop/db:v1","readinessProbe":{"tcpSocket":{"port":5432}},"lifecycle":{"preStop":{"sleep":{"seconds":3}}}}]}`, 12, 40, 28},
		{"a sleep that is cut short", `{"terminationGracePeriodSeconds":2,"containers":[{"name":"app","image":"shop/db:v1","readinessProbe":{"tcpSocket":{"port":5432}},"lifecycle":{"preStop":{"sleep":{"seconds":3}}}}]}`, 8, 8, 24},
	} {
		got := scene{
			Spec:    rollout.Spec{Workload: rollout.Ref{Kind: "StatefulSet", Name: "db"}},
			Change:  map[string]json.RawMessage{"StatefulSet/db": json.RawMessage(`{"spec":{"template":{"spec":` + c.spec + `}}}`)},
			Objects: []json.RawMessage{json.RawMessage(pod)},
		}.report(t, lang.English).Plan.Time
		if got.Total == nil || got.Ending != c.ending || got.EndingMost != c.most || *got.Total != c.atLeast {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// A finding about somebody who works against it is a fight as well; one about the plan itself is not.
func TestPlanFights(t *testing.T) {
	c := scene{
		Spec:   rollout.Spec{Steps: []rollout.Step{{Weight: 5}}},
		Change: map[string]json.RawMessage{"Deployment/web": json.RawMessage(`{"metadata":{"annotations":{"meta.helm.sh/release-name":"shop"}}}`)},
	}
	r := c.report(t, lang.English)
	if len(r.Findings) != 2 || len(r.Plan.Fights) != 1 || r.Plan.Fights[0].Rule != "rollout/gitops-managed" || r.Plan.Fights[0].Severity != finding.Info || r.Plan.Fights[0].Says == "" {
		t.Errorf("%+v", r.Plan.Fights)
	}
	if r.Refused() || r.Verdict != "warning" {
		t.Errorf("refused %v, verdict %s", r.Refused(), r.Verdict)
	}
}

// What was not read or asked is said to be so, in the reader's language.
func TestPlanNotChecked(t *testing.T) {
	c := scene{
		Unknown: []snapshot.Kind{"Node", "HorizontalPodAutoscaler"},
		Access:  []Access{{Verb: "patch", Resource: "deployments.apps", Namespace: "shop", Why: "timed out"}},
	}
	want := map[lang.Lang][]finding.NotChecked{
		lang.English: {
			{What: "list nodes", Why: "forbidden: list nodes"},
			{What: "list horizontalpodautoscalers.autoscaling in all namespaces", Why: "forbidden: list horizontalpodautoscalers.autoscaling in all namespaces"},
			{What: "whether patch deployments.apps is allowed in namespace shop", Why: "timed out"},
			{What: "whether 1 more Pod finds a node", Why: "nodes: forbidden: list nodes"},
		},
		lang.Korean: {
			{What: "nodes 목록 조회(클러스터)", Why: "권한 없음: nodes 목록 조회(클러스터)"},
			{What: "horizontalpodautoscalers.autoscaling 목록 조회(모든 네임스페이스)", Why: "권한 없음: horizontalpodautoscalers.autoscaling 목록 조회(모든 네임스페이스)"},
			{What: "권한 확인: patch deployments.apps (네임스페이스 shop)", Why: "시간 초과"},
			{What: "추가 Pod 1개를 배치할 노드가 있는지", Why: "nodes: forbidden: list nodes"},
		},
	}
	for l, w := range want {
		if d := cmp.Diff(w, c.report(t, l).NotChecked); d != "" {
			t.Errorf("%s: %s", l, d)
		}
	}
}
