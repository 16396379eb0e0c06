package render

import (
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

var takenAt = time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)

// fixture is a report in one language: what an analyser would hand over.
type fixture struct {
	name   string
	report func(lang.Lang) any
}

func fixtures() []fixture {
	return []fixture{
		{"certain-error", certainError},
		{"many-findings", manyFindings},
		{"healthy", healthy},
		{"not-checked-only", notCheckedOnly},
		{"unwell-without-cause", unwellWithoutCause},
		{"hostile-values", hostileValues},
		{"long-values", longValues},
		{"empty-lists", emptyLists},
		{"overview", overview},
		{"plan-ready", planReady},
		{"plan-doubtful", planDoubtful},
		{"plan-refused", planRefused},
		{"plan-nothing", planNothing},
		{"probe-check", probeCheck},
		{"probe-many", probeMany},
		{"probe-trial", probeTrial},
		{"probe-suggest", probeSuggest},
		{"probe-suggest-none", probeSuggestNone},
		{"probe-run", probeRun},
		{"probe-run-passes", probeRunPasses},
		{"probe-run-many", probeRunMany},
		{"traffic-allowed", trafficAllowed},
		{"traffic-mixed", trafficMixed},
		{"cluster-well", clusterWell},
		{"cluster-ill", clusterIll},
	}
}

func either(l lang.Lang, en, ko string) string {
	if l == lang.Korean {
		return ko
	}
	return en
}

func ref(kind, name string) finding.Ref {
	return finding.Ref{Kind: kind, Namespace: "shop", Name: name}
}

func boolean(b bool) *bool { return &b }

func report(findings []finding.Finding, notChecked []finding.NotChecked, targets ...string) finding.Report {
	return finding.NewReport("inspect", takenAt, finding.Scope{Context: "sandbox", Namespace: "shop", Targets: targets}, findings, notChecked, 7)
}

func secretKeyMissing(l lang.Lang) finding.Finding {
	object := ref("Deployment", "orders")
	object.Container = "app"
	return finding.Finding{
		Rule: "config/secret-key-missing", Severity: finding.Error, Confidence: finding.Certain, Object: object, Count: 2,
		Chain: []string{"service/orders", "deployment/orders", "pod/orders-6f7c9d8b5-x2x7k", "secret/db"},
		Title: either(l, `Secret "db" has no key "password", which container app needs`, `Secret "db"에 "password" 키가 없어 컨테이너 app을 시작할 수 없습니다`),
		Why: either(l, "The kubelet builds a container's environment before it creates the container. A key that is missing stops it there, so the process never starts and nothing is in its log.",
			"kubelet은 컨테이너를 만들기 전에 환경 변수부터 구성합니다. 키가 없으면 거기서 멈추므로 프로세스가 시작되지 않고 로그도 남지 않습니다."),
		Evidence: []finding.Evidence{
			{Object: "secret/db", Path: "data", Value: "username"},
			{Object: "pod/orders-6f7c9d8b5-x2x7k", Path: "status.containerStatuses[app].state.waiting.reason", Value: "CreateContainerConfigError"},
			{Object: "pod/orders-6f7c9d8b5-x2x7k", Path: "events", Value: "Error: couldn't find key password in Secret shop/db"},
		},
		Explains: []finding.Symptom{
			{Rule: "service/no-ready-endpoints", Object: ref("Service", "orders"), Title: either(l, "No pod behind the Service is ready", "Service 뒤에 준비된 Pod가 없습니다")},
			{Rule: "workload/progress-deadline", Object: ref("Deployment", "orders"), Title: either(l, "The rollout did not finish within 10 minutes", "롤아웃이 10분 안에 끝나지 않았습니다")},
		},
		Fix: []finding.Fix{{
			Text:    either(l, "Add the key to the Secret, or correct the reference.", "Secret에 키를 추가하거나 참조를 고치십시오."),
			Command: "kubectl -n shop describe secret db",
		}, {
			Text:    either(l, "If the key has another name, point the container at it.", "키 이름이 다르면 컨테이너의 참조를 바꾸십시오."),
			Command: `kubectl -n shop patch deployment orders --type=json -p '[{"op":"replace","path":"/spec/template/spec/containers/0/env/0/valueFrom/secretKeyRef/key","value":"KEY"}]'`,
		}},
		Doc: "docs/rules/config/secret-key-missing.md",
	}
}

func ordersObject(l lang.Lang) inspect.Object {
	return inspect.Object{
		Object: ref("Deployment", "orders"), Health: inspect.Unwell,
		Status: either(l, "0 of 2 pods ready", "Pod 2개 중 0개 준비됨"),
		Summary: either(l, "Runs 2 pods of registry.example/shop/orders:1.4.2 and replaces them one at a time; Service orders sends traffic to them.",
			"registry.example/shop/orders:1.4.2 이미지로 Pod 2개를 실행하고 하나씩 교체합니다. Service orders가 트래픽을 보냅니다."),
		Owners: []inspect.Link{},
		Related: []inspect.Link{
			{Relation: inspect.Controls, Object: ref("ReplicaSet", "orders-6f7c9d8b5"), Health: inspect.Unwell, Note: either(l, "0 of 2 ready", "2개 중 0개 준비됨")},
			{Relation: inspect.SelectedBy, Object: ref("Service", "orders"), Health: inspect.Unwell, Note: either(l, "no ready endpoints", "준비된 엔드포인트 없음")},
			{Relation: inspect.RefersTo, Object: ref("Secret", "db"), Health: inspect.Unwell, Note: either(l, `no key "password"`, `"password" 키 없음`)},
			{Relation: inspect.RefersTo, Object: ref("ConfigMap", "orders"), Health: inspect.Healthy},
			{Relation: inspect.RefersTo, Object: finding.Ref{Kind: "Service", Namespace: "billing", Name: "invoices"}, Health: inspect.Unknown, Note: either(l, "forbidden", "권한 없음")},
		},
		Compare: []inspect.Comparison{
			{What: either(l, "ready pods", "준비된 Pod"), Desired: "2", Observed: "0", OK: boolean(false)},
			{What: either(l, "updated pods", "갱신된 Pod"), Desired: "2", Observed: "2", OK: boolean(true)},
			{What: either(l, "image", "이미지"), Desired: "registry.example/shop/orders:1.4.2", Observed: "registry.example/shop/orders:1.4.2"},
		},
	}
}

func certainError(l lang.Lang) any {
	return inspect.Report{
		Report: report([]finding.Finding{secretKeyMissing(l)}, []finding.NotChecked{
			{What: either(l, "Service billing/invoices", "Service billing/invoices"), Why: "forbidden: get services in namespace billing"},
		}, "service/orders"),
		Objects: []inspect.Object{ordersObject(l)},
	}
}

func manyFindings(l lang.Lang) any {
	findings := []finding.Finding{{
		Rule: "probe/missing-readiness", Severity: finding.Info, Confidence: finding.Certain, Object: ref("Deployment", "mail"), Count: 1,
		Title: either(l, "Container app has no readiness probe", "컨테이너 app에 readinessProbe가 없습니다"),
	}, {
		Rule: "container/oom-killed", Severity: finding.Error, Confidence: finding.Likely, Object: ref("Deployment", "cart"), Count: 48,
		Chain: []string{"deployment/cart", "pod/cart-77f6d9c4b-2qk8w"},
		Title: either(l, "Container app was killed for using more than its memory limit of 64Mi", "컨테이너 app이 메모리 limit 64Mi를 초과해 종료되었습니다"),
		Why:   either(l, "The kernel kills the process that takes its cgroup over the limit.", "커널은 cgroup의 limit을 넘긴 프로세스를 종료합니다."),
		Evidence: []finding.Evidence{
			{Object: "pod/cart-77f6d9c4b-2qk8w", Path: "status.containerStatuses[app].lastState.terminated.reason", Value: "OOMKilled"},
		},
		Fix: []finding.Fix{{Text: either(l, "Raise the limit above the peak, or find the leak.", "limit을 최대 사용량보다 높이거나 메모리 누수를 찾으십시오."), Command: "kubectl -n shop set resources deployment cart -c app --limits=memory=128Mi"}},
	}}
	for i := range 4 {
		findings = append(findings, finding.Finding{
			Rule: "service/no-matching-pods", Severity: finding.Warning, Confidence: finding.Possible, Object: ref("Service", fmt.Sprintf("svc-%d", i)), Count: 1,
			Title: either(l, fmt.Sprintf("Service svc-%d selects no pod", i), fmt.Sprintf("Service svc-%d 셀렉터에 맞는 Pod가 없습니다", i)),
			Why:   either(l, "No pod of the namespace carries the labels of its selector.", "셀렉터의 레이블을 가진 Pod가 네임스페이스에 없습니다."),
			Fix:   []finding.Fix{{Text: either(l, "Correct the selector.", "셀렉터를 고치십시오.")}},
		})
	}
	findings = append(findings, finding.Finding{
		Rule: "image/not-found", Severity: finding.Error, Confidence: finding.Certain, Object: finding.Ref{Kind: "Deployment", Namespace: "billing", Name: "invoices"}, Count: 3,
		Title: either(l, "Image registry.example/billing/invoices:9 does not exist", "이미지 registry.example/billing/invoices:9가 존재하지 않습니다"),
	})
	return report(findings, nil)
}

func healthy(l lang.Lang) any {
	o := ordersObject(l)
	o.Health, o.Status = inspect.Healthy, either(l, "2 of 2 pods ready", "Pod 2개 모두 준비됨")
	o.Related = o.Related[3:4]
	o.Compare = o.Compare[1:]
	o.Owners = []inspect.Link{{Relation: inspect.OwnedBy, Object: ref("Release", "orders"), Health: inspect.Healthy}}
	return inspect.Report{Report: report(nil, nil, "deployment/orders"), Objects: []inspect.Object{o}}
}

func notCheckedOnly(l lang.Lang) any {
	return report(nil, []finding.NotChecked{
		{What: either(l, "Secrets in namespace shop", "네임스페이스 shop의 Secret"), Why: "forbidden: list secrets in namespace shop"},
		{What: either(l, "the log of container app of pod orders-6f7c9d8b5-x2x7k", "Pod orders-6f7c9d8b5-x2x7k 컨테이너 app의 로그"),
			Why: either(l, "the API server did not answer within 10 seconds; the node that runs the pod may be unreachable", "API 서버가 10초 안에 응답하지 않았습니다. Pod가 실행 중인 Node에 연결할 수 없을 수 있습니다")},
	}, "deployment/orders", "deployment/cart", "deployment/mail", "deployment/web")
}

func unwellWithoutCause(l lang.Lang) any {
	o := ordersObject(l)
	o.Related, o.Compare = nil, o.Compare[:1]
	return inspect.Report{Report: report(nil, nil, "deployment/orders"), Objects: []inspect.Object{o}}
}

// hostileValues holds what a cluster can put into strings to break a terminal or a layout.
func hostileValues(l lang.Lang) any {
	f := secretKeyMissing(l)
	f.Title = "first\nsecond \x1b[31mred\x1b[0m \u202eevil"
	f.Why = "a\x07b\tc"
	f.Chain = []string{"service/a\nb", "pod/c\x1b]0;title\x07"}
	f.Evidence = []finding.Evidence{
		{Object: "pod/a", Path: "log", Value: "panic: \x1b[2J\tboom\n\tat main.go:12\n\n\r\n  done\n"},
		{Object: "pod/a\nb", Path: "status.message", Value: "line one\nline two\ttabbed"},
		{Object: "pod/a", Path: "metadata.annotations[x\ny]", Value: "\u009b31m\u2066한국어\u2069"},
		{Object: "pod/a", Path: "spec.hostname", Value: ""},
	}
	f.Explains = []finding.Symptom{{Rule: "a/b", Object: ref("Pod", "x\ny"), Title: "t\nu"}}
	f.Fix = []finding.Fix{{Text: "do\nthis", Command: "kubectl get pods\n\tkubectl get \x1b[0mnodes"}}
	o := ordersObject(l)
	o.Status = "one\ntwo\x1b[0m"
	o.Related[0].Note = "tab\there\nand there"
	o.Compare[0].Observed = "a\x1b[31mb\nc"
	return inspect.Report{
		Report:  report([]finding.Finding{f}, []finding.NotChecked{{What: "x\ny", Why: "z\x1b[0m"}}, "pod/a\nb"),
		Objects: []inspect.Object{o},
	}
}

func longValues(l lang.Lang) any {
	f := secretKeyMissing(l)
	f.Title = strings.Repeat(either(l, "a title that goes on ", "길게 이어지는 제목 "), 8) + "end"
	f.Evidence = nil
	f.Evidence = append(f.Evidence,
		finding.Evidence{Object: "pod/orders-6f7c9d8b5-x2x7k", Path: "events", Value: strings.Repeat(either(l, "Back-off pulling image. ", "이미지를 받지 못해 대기합니다. "), 30)},
		finding.Evidence{Object: "pod/" + strings.Repeat("long-name-", 7), Path: "spec.containers[app].args", Value: strings.Repeat("0123456789", 60)},
		finding.Evidence{Object: "pod/x", Path: "log", Value: strings.Repeat("a line of a log that is not short, with much to say about nothing in particular, until it ends\n", 20) + "한국어로 끝나는 마지막 줄은 두 칸씩 차지하므로 폭을 재어 잘라야 표가 어긋나지 않으며 그렇지 않으면 화면이 흐트러집니다"})
	for i := range 5 {
		f.Evidence = append(f.Evidence, finding.Evidence{Object: "pod/x", Path: fmt.Sprintf("spec.n%d", i), Value: "1"})
		f.Explains = append(f.Explains, finding.Symptom{Rule: "a/b", Object: ref("Pod", fmt.Sprintf("p%d", i)), Title: "t"})
	}
	o := ordersObject(l)
	o.Compare[2].Observed = strings.Repeat("registry.example/", 12)
	for i := range 12 {
		o.Related = append(o.Related, inspect.Link{Relation: inspect.Controls, Object: ref("Pod", fmt.Sprintf("orders-%02d", i)), Health: inspect.Healthy})
	}
	o.Related[16].Health = inspect.Unwell
	return inspect.Report{Report: report([]finding.Finding{f}, nil, "deployment/orders"), Objects: []inspect.Object{o}}
}

// emptyLists is as bare as a report can be: every list nil.
func emptyLists(lang.Lang) any {
	return inspect.Report{
		Report:  finding.Report{Findings: []finding.Finding{{Rule: "a/b", Severity: finding.Warning, Title: "bare", Object: finding.Ref{Kind: "Node", Name: "n1"}}}},
		Objects: []inspect.Object{{Object: ref("Pod", "p"), Health: inspect.Unknown}},
	}
}

func overview(l lang.Lang) any {
	var all []inspect.Object
	for i, h := range []inspect.Health{inspect.Healthy, inspect.Progressing, inspect.Unwell, inspect.Unknown, inspect.Healthy, inspect.Healthy} {
		o := ordersObject(l)
		o.Object.Name = fmt.Sprintf("app-%d", i)
		o.Health = h
		all = append(all, o)
	}
	all[5].Object.Namespace = "billing"
	return inspect.Report{Report: report([]finding.Finding{secretKeyMissing(l)}, nil), Objects: all}
}
