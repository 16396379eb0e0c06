package render

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// quotaArgs fill the texts of the quota commands in TestMessages.
func quotaArgs() map[string]any {
	return map[string]any{"unread": true, "against": "manifests", "at": "x", "percent": 1, "formula": "x", "soft": "x", "from": "x", "basis": "quota", "container": false, "offered": true,
		"manifests": 2, "pods": 3, "all": 5, "by": "x", "workload": "x", "workloads": 2, "most": true, "binds": "x", "full": 1,
		"slow": true, "max": 3, "missing": 1, "resource": "x",
		"spaces":  2,
		"subject": "x", "fits": 3, "nodes": 2, "added": "x", "node": "x", "budgets": true, "what": "x", "words": "x", "text": "x", "change": "x",
	}
}

func quotaFixtures() []fixture {
	return []fixture{
		{"quota-check", quotaCheck}, {"quota-check-nothing", quotaCheckNothing}, {"quota-check-many", quotaCheckMany}, {"quota-check-local", quotaCheckAgainst(quota.AgainstManifests)}, {"quota-check-saved", quotaCheckAgainst(quota.AgainstSnapshot)}, {"quota-check-unsure", quotaCheckUnsure},
		{"quota-headroom", quotaHeadroom}, {"quota-headroom-one", quotaHeadroomOne},
		{"quota-audit", quotaAudit(quota.ByWorkload, quota.ByMemory, 2)}, {"quota-audit-containers", quotaAudit(quota.ByContainer, quota.ByCPUUsage, 0)},
		{"quota-audit-namespaces", quotaAudit(quota.ByNamespace, quota.ByName, 0)}, {"quota-audit-trend", quotaAuditTrend},
	}
}

func placed(n int) *int { return &n }

func quotaCheck(l lang.Lang) any {
	f := finding.Finding{
		Rule: "quota/exceeded", Severity: finding.Error, Confidence: finding.Certain, Object: ref("Deployment", "web"), Count: 1,
		Chain: []string{"deployment/web", "resourcequota/compute"},
		Title: either(l, "ResourceQuota compute has room for 3 of the 5 pods of deployment/web: requests.cpu is short", "ResourceQuota compute에 deployment/web의 Pod 5개 중 3개만 들어갑니다. 부족한 항목: requests.cpu"),
		Why:   either(l, "requests.cpu: 1 of 2 in use, 1 left, and each pod asks for 300m.", "requests.cpu 항목은 2 중 1 사용 중이며 1 남았습니다. Pod 하나가 요청하는 양은 300m입니다."),
		Evidence: []finding.Evidence{
			{Object: "resourcequota/compute", Path: "status.used.requests.cpu", Value: "1 of 2"},
			{Object: "deployment/web", Path: "what the API server would say", Value: `pods "web-*" is forbidden: exceeded quota: compute, requested: requests.cpu=300m, used: requests.cpu=1900m, limited: requests.cpu=2`},
		},
		Fix: []finding.Fix{{Text: either(l, "Ask for 3 replicas.", "복제본을 3개로 줄이십시오.")}},
	}
	return quota.CheckReport{
		Report:  finding.NewReport("quota check", takenAt, finding.Scope{Context: "sandbox", Namespace: "shop", Targets: []string{"deployment/web", "service/web"}}, []finding.Finding{f}, nil, 7),
		Against: quota.AgainstCluster,
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
		Report:  finding.NewReport("quota check", takenAt, finding.Scope{Context: "sandbox", Namespace: "shop", Targets: []string{"deployment/web"}}, nil, nil, 7),
		Against: quota.AgainstCluster,
		Admission: []quota.Admission{
			{Object: ref("Deployment", "web"), Allowed: boolean(true), Pods: &quota.PodCount{Asked: 5, Allowed: 5, New: 2, Placed: placed(2)}},
			{Object: ref("ConfigMap", "web"), Allowed: boolean(true)},
		},
	}
}

// quotaCheckMany has more without pods than is worth a line each.
func quotaCheckMany(lang.Lang) any {
	report := quota.CheckReport{
		Report:  finding.NewReport("quota check", takenAt, finding.Scope{Context: "sandbox", Namespace: "shop"}, nil, nil, 7),
		Against: quota.AgainstCluster,
		Admission: []quota.Admission{
			{Object: ref("Deployment", "web"), Allowed: boolean(true), Pods: &quota.PodCount{Asked: 5, Allowed: 5, New: 2, Placed: placed(2)}},
			{Object: ref("ConfigMap", "late")},
		},
	}
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		report.Admission = append(report.Admission, quota.Admission{Object: ref("Service", name), Allowed: boolean(true)})
	}
	return report
}

func quotaCheckAgainst(what quota.Against) func(lang.Lang) any {
	return func(lang.Lang) any {
		report := quota.CheckReport{
			Report:    finding.NewReport("quota check", takenAt, finding.Scope{Namespace: "shop", Targets: []string{"deployment/web"}}, nil, nil, 0),
			Against:   what,
			Admission: []quota.Admission{{Object: ref("Deployment", "web"), Allowed: boolean(true), Pods: &quota.PodCount{Asked: 5, Allowed: 5, New: 5}}},
		}
		return report
	}
}

func quotaCheckUnsure(l lang.Lang) any {
	why := either(l, "forbidden: list resourcequotas in namespace shop", "권한 없음")
	return quota.CheckReport{
		Report: finding.NewReport("quota check", takenAt, finding.Scope{Context: "sandbox", Namespace: "shop", Targets: []string{"deployment/web"}}, nil,
			[]finding.NotChecked{{What: "list resourcequotas in namespace shop", Why: why}}, 7),
		Against:   quota.AgainstCluster,
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

// quotaAudit is an audit of a real snapshot, because the exact amounts that rows
// are ordered by are not in the JSON.
func quotaAudit(by quota.Grouping, sort quota.Order, top int) func(lang.Lang) any {
	return func(l lang.Lang) any {
		s := snapshot.New(snapshot.FromCluster, takenAt)
		s.Context, s.Namespace = "sandbox", "shop"
		for _, k := range snapshot.Kinds() {
			s.Record(snapshot.Reading{Need: snapshot.Need{Kind: k.Kind}})
		}
		pod := func(name, cpu, memory, limit, used, working string) {
			list := func(cpu, memory string) corev1.ResourceList {
				out := corev1.ResourceList{"memory": resource.MustParse(memory)}
				if cpu != "" {
					out["cpu"] = resource.MustParse(cpu)
				}
				return out
			}
			p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, CreationTimestamp: metav1.NewTime(takenAt.Add(-time.Hour))}, Status: corev1.PodStatus{Phase: corev1.PodRunning}}
			p.Spec.Containers = []corev1.Container{{Name: "app", Resources: corev1.ResourceRequirements{Requests: list(cpu, memory), Limits: list("", limit)}}}
			s.Add(p)
			s.Add(&metricsv1beta1.PodMetrics{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Containers: []metricsv1beta1.ContainerMetrics{{Name: "app", Usage: list(used, working)}}})
		}
		pod("cart", "250m", "128Mi", "256Mi", "20m", "90Mi")
		pod("orders", "500m", "512Mi", "1Gi", "310m", "400Mi")
		pod("web", "100m", "64Mi", "128Mi", "5m", "30Mi")
		q := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "compute", Annotations: map[string]string{quota.SoftAnnotation: "requests.memory=60%"}}}
		q.Spec.Hard = corev1.ResourceList{"requests.cpu": resource.MustParse("2"), "requests.memory": resource.MustParse("1Gi")}
		q.Status = corev1.ResourceQuotaStatus{Hard: q.Spec.Hard, Used: corev1.ResourceList{"requests.cpu": resource.MustParse("850m"), "requests.memory": resource.MustParse("704Mi")}}
		s.Add(q)
		catalogue, _ := finding.LoadCatalogue()
		report, _ := quota.AuditOf(s, quota.Query{Namespace: "shop"}, quota.SoftLimits{}, quota.View{By: by}, catalogue, l)
		report.Sort, report.Top = sort, top
		return report
	}
}

// quotaAuditTrend is an audit with a week of history.
func quotaAuditTrend(l lang.Lang) any {
	catalogue, _ := finding.LoadCatalogue()
	report, _ := quota.AuditOf(usageShop(true), quota.Query{Namespace: "shop"}, quota.SoftLimits{}, quota.View{By: quota.ByNamespace, Window: usageWeek}, catalogue, l)
	report.Prometheus = "service monitoring/prometheus"
	return report
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
