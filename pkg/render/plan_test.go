package render

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/plan"
)

// planTexts are the ids that are put together from a closed set, and arguments for all texts of plans.
func planTexts() ([]string, map[string]any) {
	var ids []string
	for _, s := range []plan.RoomState{plan.RoomFits, plan.RoomShort, plan.RoomUnknown} {
		ids = append(ids, "plan-room-"+string(s))
	}
	ids = append(ids, "plan-change", "plan-traffic", "plan-gates", "plan-time", "plan-extra", "plan-quota", "plan-room", "plan-left-out", "plan-access")
	args := map[string]any{"seen": 2, "people": 1, "open": 2, "tried": true, "placed": 1, "from": 3, "to": 9}
	for _, name := range []string{
		"time", "arrow", "images", "services", "total", "most", "ending", "endingMost", "starting", "one", "pausing", "keeping", "waiting", "quota", "resource", "used", "hard",
		"extra", "why", "path", "live", "what", "number", "purpose", "gates",
	} {
		args[name] = "x"
	}
	return ids, args
}

func planReport(findings []finding.Finding, notChecked []finding.NotChecked, p plan.Plan) plan.Report {
	r := plan.Report{Report: report(findings, notChecked, "deployment/web"), Plan: p}
	r.Command = "rollout plan"
	r.Plan.Refused = r.Refused()
	return r
}

func deployment() rollout.Ref {
	return rollout.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}
}

// selectorDiff and templateDiff are what the API server's answers come to.
const (
	selectorDiff = "@@ -4,6 +4,7 @@\n   name: web\n spec:\n   selector:\n     app: web\n+    pod-template-hash: 5d9c7b8f6c\n   type: ClusterIP"
	templateDiff = "@@ -9,4 +9,5 @@\n spec:\n-  progressDeadlineSeconds: 600\n+  minReadySeconds: 2147483646\n+  progressDeadlineSeconds: 2147483647\n" +
		"   strategy:\n     rollingUpdate:\n-      maxSurge: 25%\n-      maxUnavailable: 25%\n+      maxSurge: 100%\n+      maxUnavailable: 0\n     type: RollingUpdate\n" +
		"@@ -30,3 +31,3 @@\n       containers:\n-      - image: shop/web:v1\n+      - image: shop/web:v2\n         name: app\n         env:\n-        - name: MODE\n-          value: plain\n" +
		"+        - name: MODE\n+          value: fancy\n+        - name: A_VARIABLE_WITH_A_LONG_NAME\n+          value: a value that goes on and on, and is longer than a terminal of eighty columns is wide\n"
)

// planReady is blue-green without a doubt.
func planReady(lang.Lang) any {
	four, total := 4, 34
	service := rollout.Ref{Kind: "Service", Namespace: "shop", Name: "web"}
	yes := true
	return planReport(nil, nil, plan.Plan{
		Workload: deployment(), Strategy: rollout.BlueGreen, Via: rollout.ViaService, Services: []string{"web"}, Preview: "web-preview", Replicas: 3,
		OldImages: []string{"shop/web:v1"}, NewImages: []string{"shop/web:v2"},
		Steps: []plan.Step{{N: 1, Old: 3, New: 3, Pause: "manual", Gates: []string{}}, {N: 2, Asked: 100, Reachable: 100, Old: 3, New: 3, Gates: []string{}}},
		Writes: []plan.Write{
			{N: 1, Object: service, Purpose: rollout.PurposePin, Fields: []string{"spec.selector"}, Diff: selectorDiff, Checked: true},
			{N: 2, Object: deployment(), Purpose: rollout.PurposeStart, Fields: []string{"spec.template"}, Diff: templateDiff, Checked: true},
			{N: 3, Object: service, Purpose: rollout.PurposeFlip, Diff: strings.NewReplacer("+ ", "- ").Replace(selectorDiff), Checked: true},
			{N: 4, Object: service, Purpose: rollout.PurposeUnmark},
		},
		Capacity: plan.Capacity{
			ExtraPods: 3, Room: plan.Room{State: plan.RoomFits, Placed: 3},
			Quota: []plan.QuotaLine{{Quota: "compute", Resource: "requests.cpu", Hard: "8", Used: "3", Extra: "1500m"}},
		},
		Time:   plan.Time{StartUp: &four, Seen: 3, Starting: &four, Keeping: 30, Total: &total, People: 1},
		Access: []plan.Access{{Verb: "patch", Resource: "deployments.apps", Namespace: "shop", Name: "web", Allowed: &yes}, {Verb: "create", Resource: "leases.coordination.k8s.io", Namespace: "shop", Why: "timed out"}},
	})
}

// planDoubtful is a canary with a warning, a note, and something that was not checked.
func planDoubtful(l lang.Lang) any {
	warning := finding.Finding{
		Rule: "rollout/weight-unreachable", Severity: finding.Warning, Confidence: finding.Certain, Object: ref("Deployment", "web"), Count: 1, Chain: []string{"deployment/web"},
		Title:    either(l, "With 4 replicas, this step comes to something else: 5 -> 20 %", "복제본 4개로는 다음 단계가 요청과 다른 비율이 됩니다: 5 -> 20 %"),
		Why:      either(l, "A Service picks among ready Pods, so that shares come in whole Pods.", "Service는 준비된 Pod 중에서 고르므로 비율은 Pod 단위로만 정해집니다."),
		Evidence: []finding.Evidence{{Object: "deployment/web", Path: "spec.replicas", Value: "4"}},
		Fix:      []finding.Fix{{Text: either(l, "Ask for steps that can be reached.", "만들 수 있는 비율로 단계를 정하십시오."), Command: "kubectl msa -n shop rollout plan deployment/web --steps 20,50,100"}},
	}
	var writes []plan.Write
	for i := 1; i <= 7; i++ {
		writes = append(writes, plan.Write{
			N: i, Object: deployment(), Purpose: rollout.PurposeMove, Fields: []string{"spec.strategy"}, Checked: true,
			Diff: fmt.Sprintf("@@ -1,2 +1,2 @@\n-      maxUnavailable: %d\n+      maxUnavailable: %d", i-1, i),
		})
	}
	writes[0].Purpose = rollout.PurposeStart
	writes[6].Purpose, writes[6].Checked, writes[6].Diff = rollout.PurposeRelease, false, ""
	gates := []string{"time=30s", "command=./smoke.sh"}
	return planReport([]finding.Finding{warning}, []finding.NotChecked{{What: either(l, "list nodes", "nodes 목록 조회"), Why: either(l, "forbidden: list nodes", "권한 없음: nodes 목록 조회")}}, plan.Plan{
		Workload: deployment(), Strategy: rollout.Canary, Via: rollout.ViaRatio, Services: []string{"front", "web"}, Replicas: 4,
		OldImages: []string{"shop/setup:v1", "shop/web:v1"}, NewImages: []string{"shop/setup:v1", "shop/web:v1"},
		Steps: []plan.Step{
			{N: 1, Asked: 5, Reachable: 20, Old: 4, New: 1, Error: 15, ReplicasToReach: 15, Pause: "2m", Gates: gates},
			{N: 2, Asked: 50, Reachable: 50, Old: 2, New: 2, Pause: "manual", Gates: gates},
			{N: 3, Asked: 100, Reachable: 100, New: 4, Gates: gates},
		},
		Writes:   writes,
		Capacity: plan.Capacity{ExtraPods: 1, Room: plan.Room{State: plan.RoomUnknown, Why: "nodes: forbidden: list nodes"}},
		Time:     plan.Time{Pausing: 120, Gates: 90, People: 1, Open: 3},
		Notes:    []plan.Note{{Path: "spec.replicas", Live: "4", Asked: "6"}, {Path: "metadata.labels.team", Asked: `"shop"`}},
	})
}

// planRefused has two reasons, one of them the API server's.
func planRefused(l lang.Lang) any {
	room := finding.Finding{
		Rule: "rollout/quota-short", Severity: finding.Error, Confidence: finding.Certain, Object: ref("Deployment", "web"), Count: 1, Chain: []string{"deployment/web", "resourcequota/compute"},
		Title: either(l, "ResourceQuota compute has no room for the rollout: it lets in 2 of 4 new Pods beside 4 old (requests.cpu)",
			"ResourceQuota compute에 롤아웃을 위한 여유가 없습니다. 기존 Pod 4개와 함께 필요한 새 Pod 4개 중 2개만 허용됩니다(requests.cpu)"),
		Why:      either(l, "Both versions count while they run side by side.", "두 버전이 함께 실행되는 동안 양쪽 모두 계산됩니다."),
		Evidence: []finding.Evidence{{Object: "resourcequota/compute", Path: "status.hard[requests.cpu]", Value: "3, used 2, extra Pods add 2"}},
		Fix:      []finding.Fix{{Text: either(l, "Have the quota raised.", "할당량을 늘리십시오."), Command: "kubectl -n shop describe quota compute"}},
	}
	policy := finding.Finding{
		Rule: "rollout/write-refused", Severity: finding.Error, Confidence: finding.Certain, Object: ref("Deployment", "web"), Count: 1, Chain: []string{"deployment/web"},
		Title: either(l, "The API server refuses write 2, of deployment/web: images must be signed", "API 서버가 2번째 쓰기(deployment/web)를 거부합니다: images must be signed"),
		Fix:   []finding.Fix{{Text: either(l, "Change what was asked for as the message says.", "메시지에 따라 요청을 고치십시오.")}},
	}
	service := rollout.Ref{Kind: "Service", Namespace: "shop", Name: "web"}
	no := false
	return planReport([]finding.Finding{room, policy}, nil, plan.Plan{
		Workload: deployment(), Strategy: rollout.BlueGreen, Via: rollout.ViaService, Services: []string{"web"}, Replicas: 4,
		OldImages: []string{"shop/web:v1"}, NewImages: []string{"shop/web:v2", "shop/proxy:v1"},
		Steps: []plan.Step{{N: 1, Old: 4, New: 4}, {N: 2, Asked: 100, Reachable: 100, Old: 4, New: 4}},
		Writes: []plan.Write{
			{N: 1, Object: service, Purpose: rollout.PurposePin, Fields: []string{"spec.selector"}, Diff: selectorDiff, Checked: true},
			{N: 2, Object: deployment(), Purpose: rollout.PurposeStart, Fields: []string{"spec.template"}, Refused: "admission webhook \"policy\" denied the request: images must be signed", Checked: true},
		},
		Capacity: plan.Capacity{
			ExtraPods: 4, Room: plan.Room{State: plan.RoomShort, Placed: 1, Why: "0/2 nodes are available: 2 Insufficient cpu."},
			Quota: []plan.QuotaLine{
				{Quota: "a", Resource: "pods", Hard: "50", Used: "12", Extra: "4"}, {Quota: "b", Resource: "pods", Hard: "50", Used: "12", Extra: "4"},
				{Quota: "c", Resource: "pods", Hard: "50", Used: "12", Extra: "4"}, {Quota: "compute", Resource: "limits.memory", Hard: "8Gi", Used: "2Gi", Extra: "1Gi"},
				{Quota: "compute", Resource: "requests.cpu", Hard: "3", Used: "2", Extra: "2", Short: true},
			},
		},
		Access: []plan.Access{{Verb: "patch", Resource: "deployments.apps", Namespace: "shop", Allowed: &no}},
	})
}

func planNothing(l lang.Lang) any {
	return planReport([]finding.Finding{{
		Rule: "rollout/nothing-to-do", Severity: finding.Info, Confidence: finding.Certain, Object: ref("Deployment", "web"), Count: 1, Chain: []string{"deployment/web"},
		Title: either(l, "deployment/web already has this template: there is nothing to roll out", "deployment/web의 템플릿이 이미 이 내용과 같아 롤아웃할 것이 없습니다"),
		Fix:   []finding.Fix{{Text: either(l, "Ask for another image.", "다른 이미지를 지정하십시오."), Command: "kubectl -n shop rollout restart deployment/web"}},
	}}, nil, plan.Plan{Workload: deployment(), Strategy: rollout.Canary, Via: rollout.ViaRatio})
}

// The first line of a plan is its answer: why it is refused, or that it can begin.
func TestPlanFirstLine(t *testing.T) {
	for name, c := range map[string]struct {
		report any
		want   string
	}{
		"ready":    {planReady(lang.English), "✓ blue-green of deployment/web in shop can begin  (about 34s)"},
		"doubtful": {planDoubtful(lang.English), "! canary of deployment/web in shop can begin, with 1 warning  (1 thing was not checked, see below)"},
		"refused":  {planRefused(lang.English), "✗ ResourceQuota compute has no room for the rollout: it lets in 2 of 4 new Pods beside 4 old (requests.cpu)  (error, rollout/quota-short)"},
		"nothing":  {planNothing(lang.English), "i deployment/web already has this template: there is nothing to roll out  (info, rollout/nothing-to-do)"},
	} {
		first, _, _ := strings.Cut(write(t, c.report, Options{Lang: lang.English}), "\n")
		if first != c.want {
			t.Errorf("%s: %q, want %q", name, first, c.want)
		}
	}
}

// Table leaves out what stays and what repeats, Wide shows every line of every write.
func TestPlanWritesAreWholeInWide(t *testing.T) {
	for _, f := range []func(lang.Lang) any{planReady, planDoubtful, planRefused} {
		r := f(lang.English)
		text := write(t, r, Options{Lang: lang.English, Width: 80, Format: Wide})
		for _, w := range r.(plan.Report).Plan.Writes {
			for _, l := range strings.Split(strings.TrimRight(w.Diff, "\n"), "\n") {
				if !strings.Contains(text, strings.TrimRight(l, " ")) {
					t.Errorf("write %d: %q is missing", w.N, l)
				}
			}
		}
	}
}

// Whatever strings a plan holds, every format comes out and nothing drives the terminal.
func TestAnyPlan(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := func(name string) string {
			return rapid.OneOf(rapid.String(), rapid.StringMatching(`(한국어|word|\x1b\[2J|\n|\t|[+-] | |\x{202e}){0,30}`)).Draw(rt, name)
		}
		object := rollout.Ref{Kind: text("kind"), Namespace: text("namespace"), Name: text("name")}
		r := planReport(nil, nil, plan.Plan{
			Workload: object, Strategy: rollout.Canary, Via: rollout.Via(text("via")), Services: []string{text("service")}, Preview: text("preview"),
			OldImages: []string{text("old")}, NewImages: []string{text("new")},
			Steps:    []plan.Step{{N: 1, Asked: 5, Pause: text("pause"), Gates: []string{text("gate")}}, {N: 2}},
			Writes:   []plan.Write{{N: 1, Object: object, Purpose: rollout.PurposeMove, Fields: []string{text("field")}, Diff: text("diff"), Refused: text("refused")}},
			Capacity: plan.Capacity{ExtraPods: 1, Quota: []plan.QuotaLine{{Quota: text("quota"), Resource: text("resource")}}, Room: plan.Room{State: plan.RoomShort, Why: text("why")}},
			Access:   []plan.Access{{Verb: text("verb"), Resource: text("resource"), Name: text("name")}},
			Notes:    []plan.Note{{Path: text("path"), Live: text("live"), Asked: text("asked")}},
		})
		o := Options{Lang: rapid.SampledFrom(lang.All()).Draw(rt, "lang"), Width: rapid.SampledFrom([]int{0, 60, 80}).Draw(rt, "width"), ASCII: rapid.Bool().Draw(rt, "ascii")}
		for _, o.Format = range []Format{Table, Wide, JSON, YAML} {
			var b bytes.Buffer
			if err := Write(&b, r, o); err != nil {
				rt.Fatalf("%s: %v", o.Format, err)
			}
			if i := strings.IndexFunc(b.String(), func(r rune) bool { return r != '\n' && unicode.IsControl(r) }); i >= 0 {
				rt.Fatalf("%s: %q is in the output", o.Format, b.String()[i:])
			}
		}
	})
}

// Where old Pods go first, how long they take to end is between two numbers, and so is the whole.
func TestPlanTimeWhereOldPodsGoFirst(t *testing.T) {
	four, starting, total := 4, 16, 28
	for l, want := range map[lang.Lang]string{
		lang.English: "about 28s to 56s: 12s to 40s for old Pods to end first (their preStop sleep, their grace period), 16s for new Pods",
		lang.Korean:  "약 28s~56s: 먼저 이전 Pod 종료 12s~40s(preStop sleep~유예 시간), 새 Pod 준비 16s",
	} {
		p, err := rolloutPage(Options{Lang: l})
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(strings.Fields(strings.Join(p.timeLines(plan.Time{StartUp: &four, Seen: 1, Starting: &starting, Ending: 12, EndingMost: 40, Total: &total}), " ")), " ")
		if !strings.HasPrefix(got, want) {
			t.Error(got)
		}
	}
}
