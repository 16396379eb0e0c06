package quota

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"pgregory.net/rapid"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule/ruletest"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

var (
	term       = regexp.MustCompile(`^[a-z0-9-]+ ([0-9][0-9A-Za-z.]*)$`)
	statusNote = regexp.MustCompile(` \(status; spec [^)]*\)`)
)

// reckon works a formula out again, from nothing but its text.
func reckon(t *rapid.T, text string) resource.Quantity {
	var total resource.Quantity
	text = strings.Replace(statusNote.ReplaceAllString(text, ""), " in place of its containers", "", 1)
	if inner, ok := strings.CutPrefix(text, "max("); ok {
		phases, rest, _ := strings.Cut(inner, ")")
		for _, phase := range strings.Split(phases, ", ") {
			if q := reckon(t, phase); q.Cmp(total) > 0 {
				total = q
			}
		}
		if text = strings.TrimPrefix(rest, " + "); text == "" {
			return total
		}
	}
	for _, part := range strings.Split(text, " + ") {
		m := term.FindStringSubmatch(part)
		if m == nil {
			t.Fatalf("%q in %q is no term", part, text)
		}
		total.Add(resource.MustParse(m[1]))
	}
	return total
}

// A formula that is worked out again gives the number that it explains.
func TestFormulasAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := func(label string) string {
			return []string{"", "100m", "250m", "1", "2"}[rapid.IntRange(0, 4).Draw(t, label)]
		}
		list := func(label string) corev1.ResourceList {
			if a := amount(label); a != "" {
				return corev1.ResourceList{"cpu": resource.MustParse(a)}
			}
			return nil
		}
		pod := &corev1.Pod{}
		for i := range rapid.IntRange(1, 2).Draw(t, "containers") {
			name := fmt.Sprintf("app-%d", i)
			pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: name, Resources: corev1.ResourceRequirements{Requests: list(name), Limits: list(name + " limit")}})
			if seen := list(name + " seen"); seen != nil {
				pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{Name: name, AllocatedResources: seen, Resources: &corev1.ResourceRequirements{Requests: seen, Limits: list(name + " seen limit")}})
			}
		}
		for i := range rapid.IntRange(0, 3).Draw(t, "inits") {
			c := corev1.Container{Name: fmt.Sprintf("init-%d", i), Resources: corev1.ResourceRequirements{Requests: list("init"), Limits: list("init limit")}}
			if rapid.Bool().Draw(t, "sidecar") {
				always := corev1.ContainerRestartPolicyAlways
				c.RestartPolicy = &always
			}
			pod.Spec.InitContainers = append(pod.Spec.InitContainers, c)
		}
		pod.Spec.Overhead = list("overhead")
		if whole := list("whole"); whole != nil && rapid.Bool().Draw(t, "pod-level") {
			pod.Spec.Resources = &corev1.ResourceRequirements{Requests: whole}
		}
		basis := []Basis{Incoming, Placed, Charged, Limited}[rapid.IntRange(0, 3).Draw(t, "basis")]
		for _, f := range formulas([]*corev1.Pod{pod}, basis) {
			list := Requests(pod, basis)
			if f.Of == "limit" {
				list = Limits(pod, basis)
			}
			if f.Terms == "" {
				if q := list["cpu"]; !q.IsZero() {
					t.Fatalf("%s %s has no formula", f.Of, q.String())
				}
				continue
			}
			got, want := reckon(t, f.Terms), list[corev1.ResourceName(f.Resource)]
			if got.Cmp(want) != 0 {
				t.Fatalf("%s %s by %s: %s gives %s, not %s", f.Resource, f.Of, basis, f.Terms, got.String(), want.String())
			}
		}
	})
}

const viewState = `{kind: Namespace, metadata: {name: shop, annotations: {kubectl-msa.dev/soft-limits: "requests.cpu=40%, pods=50%"}}}
---
{kind: ResourceQuota, metadata: {name: compute, namespace: shop, annotations: {kubectl-msa.dev/soft-limits: "pods=90%"}}, spec: {hard: {requests.cpu: "4", limits.memory: 8Gi, pods: "10"}}, status: {hard: {requests.cpu: "4", limits.memory: 8Gi, pods: "10"}, used: {requests.cpu: "2", limits.memory: 3Gi, pods: "3"}}}
---
{kind: LimitRange, metadata: {name: bounds, namespace: shop}, spec: {limits: [{type: Container, max: {memory: 2Gi}}]}}
---
{kind: Node, metadata: {name: a, labels: {topology.kubernetes.io/zone: east}}, status: {allocatable: {cpu: "8", memory: 16Gi, pods: "110"}}}
---
{kind: Node, metadata: {name: b, labels: {topology.kubernetes.io/zone: west}}, status: {allocatable: {cpu: "4", memory: 8Gi, pods: "110"}}}
---
{kind: Deployment, metadata: {name: web, namespace: shop, uid: d, labels: {app.kubernetes.io/part-of: store}}, spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app}]}}}}
---
{kind: Pod, metadata: {name: web-1, namespace: shop, labels: {team: red}, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d, controller: true}]}, spec: {nodeName: a, priorityClassName: high, initContainers: [{name: side, restartPolicy: Always, resources: {requests: {cpu: 200m}}}, {name: init, resources: {requests: {cpu: 600m}}}], overhead: {cpu: 50m}, containers: [{name: app, resources: {requests: {cpu: 500m, memory: 1Gi}, limits: {memory: 2Gi}}}]}, status: {phase: Running}}
---
{kind: Pod, metadata: {name: web-2, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d, controller: true}]}, spec: {nodeName: b, containers: [{name: app, resources: {requests: {cpu: 150m}}}]}, status: {phase: Running}}
---
{kind: Pod, metadata: {name: made-by-an-operator, namespace: shop, ownerReferences: [{apiVersion: example.com/v1, kind: Cache, name: c, uid: c, controller: true}]}, spec: {nodeName: a, containers: [{name: app, resources: {requests: {cpu: "1"}, limits: {memory: 1Gi}}}]}, status: {phase: Running}}
`

func viewReport(t *testing.T, v View) AuditReport {
	t.Helper()
	s, err := ruletest.Snapshot(snapshot.FromCluster, noon, ruletest.Split(t, []byte(viewState)))
	if err != nil {
		t.Fatal(err)
	}
	report, err := AuditOf(s, Query{Namespace: "shop"}, SoftLimits{}, v, ruletest.Catalogue(t), lang.English)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// Every grouping accounts for every pod, also those whose owner this tool does
// not know as a workload.
func TestAuditGroups(t *testing.T) {
	for by, want := range map[string]string{
		"node": "a 2 1850m/8, b 1 150m/4", "zone": "east 2 1850m/8, west 1 150m/4", "priority": " 2 1150m/, high 1 850m/",
		"part-of": " 1 1/, store 2 1/", "label": " 2 1150m/, red 1 850m/",
	} {
		var got []string
		for _, g := range viewReport(t, View{By: Grouping(by), Label: "team"}).Groups {
			cpu, _ := Of(g.Requests, "cpu")
			offered := ""
			if q, ok := Of(g.Allocatable, "cpu"); ok {
				offered = q.String()
			}
			got = append(got, fmt.Sprintf("%s %d %s/%s", g.Name, g.Pods, cpu.String(), offered))
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("by %s: %s, want %s", by, s, want)
		}
	}
	if groups := viewReport(t, View{}).Groups; groups == nil || len(groups) != 0 {
		t.Errorf("%v", groups)
	}
}

// What the JSON promises of each resource: request, limit, usage, used, hard, soft, basis.
func TestAuditResources(t *testing.T) {
	ns := viewReport(t, View{Explain: true}).Namespaces[0]
	got, err := json.Marshal(ns.Resources)
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"resource":"cpu","request":"2","used":"2","hard":"4","soft":"1600m","quota":"compute","key":"requests.cpu","basis":{"request":"scheduler","used":"quota-status","hard":"quota-status","soft":"namespace-annotation"}},` +
		`{"resource":"memory","request":"1Gi","limit":"3Gi","basis":{"request":"scheduler","limit":"scheduler"}},` +
		`{"resource":"limits.memory","used":"3Gi","hard":"8Gi","quota":"compute","key":"limits.memory","basis":{"used":"quota-status","hard":"quota-status"}},` +
		`{"resource":"pods","used":"3","hard":"10","soft":"9","quota":"compute","key":"pods","basis":{"used":"quota-status","hard":"quota-status","soft":"quota-annotation"}}]`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, q := range ns.Quotas {
		if want := map[string]string{"requests.cpu": "cache/c 1 + deployment/web 1 = 2", "limits.memory": "deployment/web 2Gi + cache/c 1Gi = 3Gi", "pods": "deployment/web 2 + cache/c 1 = 3"}[q.Resource]; q.Formula != want {
			t.Errorf("%s: %q, want %q", q.Resource, q.Formula, want)
		}
		if want := map[string]Level{"requests.cpu": LevelSoft}[q.Resource]; want != "" && q.Level != want {
			t.Errorf("%s is %s", q.Resource, q.Level)
		}
	}
	web := ns.Workloads[1]
	if f := web.Formulas[0]; web.Workload.Name != "web" || f.Terms != "max(app 500m + side 200m, init 600m + side 200m) + overhead 50m" || f.Each != "850m" {
		t.Errorf("%+v", web)
	}
	if lr := ns.LimitRanges; len(lr) != 1 || lr[0] != (RangeUse{LimitRange: "bounds", Type: "Container", Resource: "memory", Max: "2Gi", Default: "2Gi", DefaultRequest: "2Gi"}) {
		t.Errorf("%+v", lr)
	}
}

const deviceState = `{kind: Namespace, metadata: {name: shop}}
---
{kind: ResourceQuota, metadata: {name: q}, spec: {hard: {gpu.deviceclass.resource.k8s.io/devices: "9", count/resourceclaims.resource.k8s.io: "9", requests.example.com/gpu: "9", requests.storage: 9Gi}}, status: {hard: {gpu.deviceclass.resource.k8s.io/devices: "9", count/resourceclaims.resource.k8s.io: "9", requests.example.com/gpu: "9", requests.storage: 9Gi}, used: {gpu.deviceclass.resource.k8s.io/devices: "7", count/resourceclaims.resource.k8s.io: "3", requests.example.com/gpu: "8", requests.storage: 3Gi}}}
---
{kind: DeviceClass, metadata: {name: gpu}, spec: {extendedResourceName: example.com/gpu}}
---
{kind: Deployment, metadata: {name: train, uid: d}, spec: {replicas: 2, selector: {matchLabels: {app: t}}, template: {metadata: {labels: {app: t}}, spec: {containers: [{name: app}]}}}}
---
{kind: Pod, metadata: {name: train-1, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: train, uid: d, controller: true}]}, spec: {nodeName: a, containers: [{name: app}]}, status: {phase: Running}}
---
{kind: Pod, metadata: {name: train-2, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: train, uid: d, controller: true}]}, spec: {nodeName: a, containers: [{name: app, resources: {requests: {example.com/gpu: 1}, limits: {example.com/gpu: 1}}}]}, status: {phase: Running}}
---
{kind: ResourceClaim, metadata: {name: train-1-gpu, ownerReferences: [{apiVersion: v1, kind: Pod, name: train-1, uid: p, controller: true}]}, spec: {devices: {requests: [{name: a, exactly: {deviceClassName: gpu, allocationMode: ExactCount, count: 2}}]}}}
---
{kind: ResourceClaim, metadata: {name: train-2-gpu, ownerReferences: [{apiVersion: v1, kind: Pod, name: train-2, uid: p, controller: true}]}, spec: {devices: {requests: [{name: a, exactly: {deviceClassName: gpu, allocationMode: ExactCount, count: 1}}]}}}
---
{kind: ResourceClaim, metadata: {name: shared}, spec: {devices: {requests: [{name: a, exactly: {deviceClassName: gpu, allocationMode: ExactCount, count: 4}}]}}}
---
{kind: PersistentVolumeClaim, metadata: {name: data}, spec: {resources: {requests: {storage: 2Gi}}}}
---
{kind: PersistentVolumeClaim, metadata: {name: logs}, spec: {resources: {requests: {storage: 1Gi}}}}
`

// What fills a quota is told whole, also where only some workloads are asked about.
func TestQuotasAreExplainedWhole(t *testing.T) {
	s, err := ruletest.Snapshot(snapshot.FromCluster, noon, ruletest.Split(t, []byte(viewState)))
	if err != nil {
		t.Fatal(err)
	}
	report, err := AuditOf(s, Query{Namespace: "shop", Selector: "app.kubernetes.io/part-of=store"}, SoftLimits{}, View{Explain: true}, ruletest.Catalogue(t), lang.English)
	if err != nil {
		t.Fatal(err)
	}
	ns := report.Namespaces[0]
	i := slices.IndexFunc(ns.Quotas, func(q QuotaUse) bool { return q.Resource == "pods" })
	if len(ns.Workloads) != 1 || ns.Quotas[i].Formula != "deployment/web 2 + cache/c 1 = 3" {
		t.Errorf("%+v", ns)
	}
}

// Devices belong to the workload whose pods the claims were made for, and a claim
// that nobody else made is named itself; where claims were not read nothing is said.
func TestClaimsAreExplained(t *testing.T) {
	for unread, want := range map[snapshot.Kind]map[string]string{
		"": {
			"gpu.deviceclass.resource.k8s.io/devices": "resourceclaim/shared 4 + deployment/train 3 = 7", "count/resourceclaims.resource.k8s.io": "deployment/train 2 + resourceclaim/shared 1 = 3",
			"requests.example.com/gpu": "deployment/train 4 + resourceclaim/shared 4 = 8", "requests.storage": "persistentvolumeclaim/data 2Gi + persistentvolumeclaim/logs 1Gi = 3Gi",
		},
		"ResourceClaim":         {"requests.storage": "persistentvolumeclaim/data 2Gi + persistentvolumeclaim/logs 1Gi = 3Gi"},
		"PersistentVolumeClaim": {"count/resourceclaims.resource.k8s.io": "deployment/train 2 + resourceclaim/shared 1 = 3"},
	} {
		s, err := ruletest.Snapshot(snapshot.FromCluster, noon, ruletest.Split(t, []byte(deviceState)))
		if err != nil {
			t.Fatal(err)
		}
		ruletest.Complete(s, map[snapshot.Kind]string{unread: "forbidden"})
		report, err := AuditOf(s, Query{Namespace: "shop"}, SoftLimits{}, View{Explain: true}, ruletest.Catalogue(t), lang.English)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range report.Namespaces[0].Quotas {
			if w, said := want[q.Resource]; q.Formula != w && (said || unread != "PersistentVolumeClaim" || q.Resource == "requests.storage") {
				t.Errorf("without %q, %s: %q, want %q", unread, q.Resource, q.Formula, w)
			}
		}
	}
}

// A lean pod gives the same answers as the whole one.
func TestLeanPodsCountTheSame(t *testing.T) {
	for _, path := range ruletest.Files(t, "audit") {
		f, whole := loadFixture(t, path)
		_, lean := loadFixture(t, path)
		keep := Lean().Reduce
		for _, o := range lean.OfKind("Pod", "shop") {
			keep(o)
		}
		want, got := auditFixture(t, f, whole, lang.English), auditFixture(t, f, lean, lang.English)
		a, errA := json.Marshal(want)
		b, errB := json.Marshal(got)
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: %v, %v\nwhole %s\nlean  %s", path, errA, errB, a, b)
		}
	}
}

// Use is written as kubectl top writes it, what is asked for never smaller than it is.
func TestAmountsAreWritten(t *testing.T) {
	list := corev1.ResourceList{"cpu": resource.MustParse("1400001n"), "memory": resource.MustParse("2900Ki")}
	asked, used := amounts(list), sampled(list)
	if asked[0].Quantity != "2m" || asked[1].Quantity != "3Mi" || used[0].Quantity != "2m" || used[1].Quantity != "2Mi" {
		t.Errorf("asked %+v, used %+v", asked, used)
	}
}
