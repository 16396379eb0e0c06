package render

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
)

// quotaArgs fill the texts of the quota commands in TestMessages.
func quotaArgs() map[string]any {
	return map[string]any{
		"manifests": 2, "pods": 3, "all": 5, "by": "x", "workload": "x", "workloads": 2, "most": true, "binds": "x", "full": 1,
		"slow": true, "max": 3, "missing": 1, "resource": "x",
	}
}

func quotaFixtures() []fixture {
	return []fixture{
		{"quota-check", quotaCheck}, {"quota-check-nothing", quotaCheckNothing}, {"quota-check-unsure", quotaCheckUnsure},
		{"quota-headroom", quotaHeadroom}, {"quota-headroom-one", quotaHeadroomOne},
	}
}

func placed(n int) *int { return &n }

func quotaCheck(l lang.Lang) any {
	f := finding.Finding{
		Rule: "quota/exceeded", Severity: finding.Error, Confidence: finding.Certain, Object: ref("Deployment", "web"), Count: 1,
		Chain: []string{"deployment/web", "resourcequota/compute"},
		Title: either(l, "ResourceQuota compute has room for 3 of the 5 pods of deployment/web: requests.cpu is short", "ResourceQuota compute 에 deployment/web 의 Pod 5개 중 3개만 들어갑니다. 부족한 항목: requests.cpu"),
		Why:   either(l, "1 of 2 requests.cpu is in use, so 1 is left, and each pod asks for 300m.", "requests.cpu 항목은 2 중 1 사용 중이며 1 남았습니다. Pod 하나가 요청하는 양은 300m 입니다."),
		Evidence: []finding.Evidence{
			{Object: "resourcequota/compute", Path: "status.used.requests.cpu", Value: "1 of 2"},
			{Object: "deployment/web", Path: "what the API server would say", Value: `pods "web-*" is forbidden: exceeded quota: compute, requested: requests.cpu=300m, used: requests.cpu=1900m, limited: requests.cpu=2`},
		},
		Fix: []finding.Fix{{Text: either(l, "Ask for 3 replicas.", "복제본을 3개로 줄이십시오.")}},
	}
	return quota.CheckReport{
		Report: finding.NewReport("quota check", takenAt, finding.Scope{Context: "sandbox", Namespace: "shop", Targets: []string{"deployment/web", "service/web"}}, []finding.Finding{f}, nil, 7),
		Admission: []quota.Admission{
			{Object: ref("Deployment", "web"), Allowed: boolean(false), By: quota.ByQuota, Name: "compute", Resource: "requests.cpu", Message: "x", Pods: &quota.PodCount{Asked: 5, Allowed: 3, New: 3, Placed: placed(3)}},
			{Object: ref("Service", "web"), Allowed: boolean(true)},
			{Object: ref("Pod", "typo"), Allowed: boolean(false), By: quota.ByValidation, Resource: "memory", Pods: &quota.PodCount{Asked: 1}},
			{Object: ref("Pod", "hook"), Allowed: boolean(false), By: quota.ByOther, Pods: &quota.PodCount{Asked: 1}},
			{Object: finding.Ref{Kind: "DaemonSet", Namespace: "kube-system", Name: "agent"}, Allowed: nil, Pods: &quota.PodCount{Asked: 1, Allowed: 1, New: 1}},
		},
	}
}

func quotaCheckNothing(lang.Lang) any {
	return quota.CheckReport{
		Report: finding.NewReport("quota check", takenAt, finding.Scope{Context: "sandbox", Namespace: "shop", Targets: []string{"deployment/web"}}, nil, nil, 7),
		Admission: []quota.Admission{
			{Object: ref("Deployment", "web"), Allowed: boolean(true), Pods: &quota.PodCount{Asked: 5, Allowed: 5, New: 2, Placed: placed(2)}},
			{Object: ref("ConfigMap", "web"), Allowed: boolean(true)},
		},
	}
}

func quotaCheckUnsure(l lang.Lang) any {
	why := either(l, "forbidden: list resourcequotas in namespace shop", "권한 없음")
	return quota.CheckReport{
		Report: finding.NewReport("quota check", takenAt, finding.Scope{Context: "sandbox", Namespace: "shop", Targets: []string{"deployment/web"}}, nil,
			[]finding.NotChecked{{What: "list resourcequotas in namespace shop", Why: why}}, 7),
		Admission: []quota.Admission{{Object: ref("Deployment", "web"), Pods: &quota.PodCount{Asked: 5, Allowed: 5, New: 5}}},
	}
}

func headroomOf(kind, name string, now, more int, binds quota.Binding, by, resource string) quota.Headroom {
	return quota.Headroom{Workload: ref(kind, name), Pods: now, Replicas: placed(more), BindingKind: binds, BindingName: by, BindingResource: resource, Constraints: []quota.Constraint{}}
}

func quotaHeadroom(lang.Lang) any {
	full := headroomOf("Deployment", "web", 3, 0, quota.BindsQuota, "compute", "requests.cpu")
	full.Update, full.Autoscaler = &quota.Update{Surge: 1, Room: placed(0), Stalls: true}, &quota.Autoscaled{Name: "web", Max: 10, Missing: 7}
	some := headroomOf("Deployment", "api", 4, 7, quota.BindsNodes, "", "memory")
	some.Update, some.AtMost = &quota.Update{Surge: 2, Room: placed(2), Peak: 8}, true
	slots := headroomOf("StatefulSet", "db", 2, 12, quota.BindsPodSlots, "", "pods")
	slots.Update = &quota.Update{Unavailable: 1, PeakFits: true}
	refused := headroomOf("ReplicaSet", "old", 0, 0, quota.BindsLimitRange, "bounds", "cpu")
	return quota.HeadroomReport{
		Report:   finding.NewReport("quota headroom", takenAt, finding.Scope{Context: "sandbox", Namespace: "shop"}, nil, nil, 7),
		Headroom: []quota.Headroom{some, full, slots, refused, {Workload: ref("Deployment", "free"), Pods: 1, AtMost: true}}, Waiting: 3,
	}
}

func quotaHeadroomOne(lang.Lang) any {
	one := headroomOf("Deployment", "web", 3, 2, quota.BindsQuota, "compute", "requests.cpu")
	one.Update = &quota.Update{Surge: 1, Room: placed(1), Peak: 6}
	one.Constraints = []quota.Constraint{
		{Kind: quota.BindsQuota, Name: "compute", Resource: "requests.cpu", Replicas: 2, Each: "300m", Used: "1300m", Hard: "2"},
		{Kind: quota.BindsQuota, Name: "compute", Resource: "pods", Replicas: 6, Each: "1", Used: "4", Hard: "10"},
		{Kind: quota.BindsNodes, Resource: "cpu", Replicas: 13, Message: "0/1 nodes are available: 1 Insufficient cpu."},
	}
	return quota.HeadroomReport{
		Report:   finding.NewReport("quota headroom", takenAt, finding.Scope{Context: "sandbox", Namespace: "shop", Targets: []string{"deployment/web"}}, nil, nil, 7),
		Headroom: []quota.Headroom{one},
	}
}

func TestQuotaGolden(t *testing.T) {
	for _, f := range quotaFixtures() {
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
	golden(t, "quota-check.json", write(t, quotaCheck(lang.English), Options{Format: JSON}))
}
