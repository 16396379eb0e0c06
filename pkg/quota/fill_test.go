package quota

import (
	"math"
	"os"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule/ruletest"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/file"
)

// Many pods at once are let in as they would be one after the other.
func TestFillIsOneByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pod := drawPod().Draw(t, "pod")
		set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "db"}, Spec: appsv1.StatefulSetSpec{Template: corev1.PodTemplateSpec{Spec: pod.Spec}}}
		for i := range rapid.IntRange(0, 2).Draw(t, "claims") {
			set.Spec.VolumeClaimTemplates = append(set.Spec.VolumeClaimTemplates, corev1.PersistentVolumeClaim{
				ObjectMeta: metav1.ObjectMeta{Name: "data-" + string(rune('a'+i))},
				Spec:       corev1.PersistentVolumeClaimSpec{Resources: corev1.VolumeResourceRequirements{Requests: drawList().Draw(t, "claim")}},
			})
		}
		var quotas []*corev1.ResourceQuota
		for i := range rapid.IntRange(0, 2).Draw(t, "quotas") {
			q := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "q" + string(rune('a'+i))}}
			q.Status.Hard, q.Status.Used = drawList().Draw(t, "hard"), corev1.ResourceList{}
			for name, most := range q.Status.Hard {
				q.Status.Hard[name], q.Status.Used[name] = *product(most, 3), most
			}
			for _, name := range []corev1.ResourceName{"pods", "persistentvolumeclaims", "count/pods"} {
				if most := rapid.Int64Range(0, 12).Draw(t, string(name)); most < 9 {
					q.Status.Hard[name], q.Status.Used[name] = count(most), count(0)
				}
			}
			quotas = append(quotas, q)
		}
		w, _ := WorkOf(set)
		n := rapid.IntRange(1, 9).Draw(t, "replicas")
		many, few := NewSpace(Rules{Quotas: quotas}, noon), NewSpace(Rules{Quotas: quotas}, noon)
		in, last := many.fill(w, n)
		i, out := 0, Outcome{}
		for ; i < n; i++ {
			if out = few.unit(w, i); !out.Admitted() {
				break
			}
		}
		if in != i || last.Admitted() != out.Admitted() {
			t.Fatalf("%d at once (%v), %d one by one (%v)", in, last.Admitted(), i, out.Admitted())
		}
		if !out.Admitted() && last.Refusals[0].Message != out.Refusals[0].Message {
			t.Fatalf("at once:\n%s\none by one:\n%s", last.Refusals[0].Message, out.Refusals[0].Message)
		}
		for l := range many.ledgers {
			if !equal(many.ledgers[l].used, few.ledgers[l].used) {
				t.Fatalf("charged %v at once, %v one by one", many.ledgers[l].used, few.ledgers[l].used)
			}
		}
	})
}

// checkText holds the manifests against a cluster in which all was read.
func checkText(t testing.TB, cluster, manifests string) (CheckReport, error) {
	t.Helper()
	state, err := ruletest.Snapshot(snapshot.FromCluster, noon, ruletest.Split(t, []byte(cluster)))
	if err != nil {
		return CheckReport{}, err
	}
	for _, i := range snapshot.Kinds() {
		state.Record(snapshot.Reading{Need: snapshot.Need{Kind: i.Kind}})
	}
	sent, err := file.Load([]string{"-"}, strings.NewReader(manifests), file.Options{Namespace: "shop", Now: noon})
	if err != nil {
		return CheckReport{}, err
	}
	return Check(CheckInput{State: state, Manifests: sent}, ruletest.Catalogue(t), lang.English)
}

// However many replicas are asked for, the answer does not take longer: one that
// took them one by one would not come before the test is ended.
func TestHugeNumbers(t *testing.T) {
	const (
		shop  = "{kind: Namespace, metadata: {name: shop}}\n---\n"
		quota = shop + "{apiVersion: v1, kind: ResourceQuota, metadata: {name: q}, spec: {hard: {cpu: 1k}}, status: {hard: {cpu: 1k}, used: {cpu: 1}}}"
		node  = shop + `{apiVersion: v1, kind: Node, metadata: {name: n}, status: {allocatable: {cpu: "4", memory: 8Gi, pods: "110"}}}`
		web   = "{apiVersion: apps/v1, kind: KIND, metadata: {name: web}, spec: {replicas: 2147483647, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: app, image: IMAGE, resources: {requests: {cpu: 50m, memory: 8Gi}}}]}}}, status: {replicas: 2147483647}}"
	)
	for name, c := range map[string]struct {
		cluster string
		allowed int
		placed  int
	}{
		"nothing counts":        {shop, math.MaxInt32, 0},
		"there are nodes":       {node, math.MaxInt32, 1},
		"a quota ends it":       {quota, 20*1000 - 20, 0},
		"an update, all is new": {shop + strings.NewReplacer("KIND", "Deployment", "IMAGE", "old").Replace(web), math.MaxInt32, 0},
	} {
		for _, kind := range []string{"Deployment", "StatefulSet"} {
			report, err := checkText(t, c.cluster, strings.NewReplacer("KIND", kind, "IMAGE", "new").Replace(web))
			if err != nil {
				t.Fatal(err)
			}
			p := report.Admission[0].Pods
			if p == nil || p.Allowed != c.allowed || p.Placed == nil || *p.Placed != c.placed {
				t.Errorf("%s, %s: %+v", name, kind, p)
			}
		}
	}
}

// Whatever the files hold, there is an answer.
func FuzzCheck(f *testing.F) {
	for _, path := range ruletest.Files(f, "check") {
		fx, _ := loadFixture(f, path)
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		_, cluster, _ := strings.Cut(string(data), "\n---\n")
		f.Add(cluster, fx.Manifests)
	}
	f.Fuzz(func(t *testing.T, cluster, manifests string) {
		report, err := checkText(t, cluster, manifests)
		if err != nil {
			return
		}
		for _, a := range report.Admission {
			if p := a.Pods; p != nil && (p.Allowed < 0 || p.Allowed > p.Asked || p.New < 0 || p.Placed != nil && *p.Placed > p.New) {
				t.Errorf("%s: %+v", a.Object, *p)
			}
		}
	})
}
