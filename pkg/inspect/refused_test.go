package inspect

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// refusing answers a plan as a cluster that has these objects would, but for
// the reads that it refuses, and lists what was read.
func refusing(t *testing.T, objects []snapshot.Object, refuse func(snapshot.Need) snapshot.Reading, plan func(*snapshot.Snapshot) snapshot.Needs) (*snapshot.Snapshot, []snapshot.Need) {
	t.Helper()
	s := snapshot.New(snapshot.FromCluster, time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC))
	var reads []snapshot.Need
	for range 12 {
		needs := s.Missing(plan(s))
		if needs.Empty() {
			return s, reads
		}
		for _, n := range needs.Objects {
			r := refuse(n)
			r.Need = n
			for _, o := range objects {
				here := snapshot.KindOf(o) == n.Kind && (n.Namespace == "" || o.GetNamespace() == n.Namespace) && (n.Name == "" || n.Name == o.GetName())
				if here && r.Why == "" {
					s.Add(o)
				}
			}
			if _, a := s.Find(n.Kind, n.Namespace, n.Name); n.Name != "" && r.Why == "" && a.State != snapshot.Present {
				r.NotFound = true
			}
			s.Record(r)
			if !r.NotServed {
				reads = append(reads, n)
			}
		}
		for _, n := range needs.Logs {
			s.RecordLog(snapshot.LogReading{Need: n})
		}
	}
	t.Fatal("the plan never ends")
	return nil, nil
}

// Somebody may get Secrets and not list them, or neither: many single reads
// are not given up for a list that is refused, nor are they all tried in vain.
func TestSingleReadsWhereTheListIsForbidden(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop"}, Status: corev1.PodStatus{Phase: corev1.PodPending}}
	pod.Spec.NodeName = "node-1"
	pod.Spec.Containers = []corev1.Container{{Name: "app"}}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CreateContainerConfigError", Message: `secret "s3" not found`}}}}
	objects := []snapshot.Object{pod}
	for i := range 5 {
		name := fmt.Sprint("s", i)
		pod.Spec.Containers[0].EnvFrom = append(pod.Spec.Containers[0].EnvFrom, corev1.EnvFromSource{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}}})
		if i != 3 {
			objects = append(objects, &snapshot.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop"}})
		}
	}
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	q := Query{Namespace: "shop", Targets: []finding.Ref{{Kind: "Pod", Namespace: "shop", Name: "web"}}}
	for _, c := range []struct {
		name       string
		getToo     bool
		gets       int
		notChecked bool
	}{{"get alone", true, 5, false}, {"neither", false, 1, true}} {
		t.Run(c.name, func(t *testing.T) {
			s, reads := refusing(t, objects, func(n snapshot.Need) snapshot.Reading {
				if n.Kind == "Secret" && (n.Name == "" || !c.getToo) {
					return snapshot.Reading{Why: "forbidden: " + n.String()}
				}
				return snapshot.Reading{}
			}, func(s *snapshot.Snapshot) snapshot.Needs { return Plan(s, q) })
			gets := 0
			for _, n := range reads {
				if n.Kind == "Secret" && n.Name != "" {
					gets++
				}
			}
			r, err := Inspect(s, q, Options{Lang: lang.English, Catalogue: catalogue})
			if err != nil {
				t.Fatal(err)
			}
			found := slices.ContainsFunc(r.Findings, func(f finding.Finding) bool {
				return f.Rule == "config/secret-missing" && f.Confidence == finding.Certain && strings.Contains(f.Title, "s3")
			})
			told := slices.ContainsFunc(r.NotChecked, func(n finding.NotChecked) bool { return strings.Contains(n.What, "secrets") })
			if gets != c.gets || told != c.notChecked || !found {
				t.Errorf("%d single reads, want %d; told as not checked %v, want %v; found %v: %+v %+v", gets, c.gets, told, c.notChecked, found, r.NotChecked, reads)
			}
		})
	}
}

// Kinds that the cluster does not serve cost nothing, so that the others fit.
func TestTreeSpendsNothingOnWhatIsNotServed(t *testing.T) {
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web"}, Ports: []corev1.ServicePort{{Port: 80}}}}
	q := Query{Namespace: "shop", Targets: []finding.Ref{{Kind: "Service", Namespace: "shop", Name: "web"}}}
	labels := map[string]string{"app": "web"}
	web := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", UID: "d"}}
	web.Spec.Selector, web.Spec.Template.Labels = &metav1.LabelSelector{MatchLabels: labels}, labels
	s, reads := refusing(t, []snapshot.Object{svc, web}, func(n snapshot.Need) snapshot.Reading {
		if addOn(n.Kind) {
			return snapshot.Reading{Why: "not served by this cluster", NotServed: true}
		}
		return snapshot.Reading{}
	}, func(s *snapshot.Snapshot) snapshot.Needs { return TreePlan(s, q) })
	for _, kind := range []snapshot.Kind{"Ingress", "HorizontalPodAutoscaler", "PodDisruptionBudget"} {
		if !slices.Contains(reads, snapshot.Need{Kind: kind, Namespace: "shop"}) {
			t.Errorf("%s was not asked for: %v", kind, reads)
		}
	}
	if n := len(reads) + 1; n > objectRequests {
		t.Errorf("%d requests with that for what is served: %v", n, reads)
	}
	if len(s.Readings()) == len(reads) {
		t.Error("nothing was not served: the test tests nothing")
	}
}
