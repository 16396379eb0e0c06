package inspect

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

func pendingPod(message string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", UID: "web"},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")},
		}}}},
		Status: corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: message},
		}},
	}
}

func fullNode() (*corev1.Node, *corev1.Pod) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}}
	node.Status.Allocatable = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourcePods: resource.MustParse("10")}
	held := pendingPod("")
	held.Name, held.Namespace, held.UID, held.Spec.NodeName = "held", "other", "held", "node-1"
	held.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = resource.MustParse("1500m")
	held.Status = corev1.PodStatus{Phase: corev1.PodRunning}
	return node, held
}

// known is a snapshot of one pod that was asked for by name.
func known(pod *corev1.Pod) (*snapshot.Snapshot, *rule.Scope) {
	s := snapshot.New(snapshot.FromCluster, time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC))
	s.Add(pod)
	s.Record(snapshot.Reading{Need: snapshot.Need{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name}})
	return s, rule.NewScope(rule.RefTo(pod))
}

const noCPU = "0/1 nodes are available: 1 Insufficient cpu."

// A pod that has its place costs nothing; one that has none costs two reads,
// with claims four, with a namespace selector one more.
func TestPlacementReadsOnlyWhatItNeeds(t *testing.T) {
	nodes, pods := snapshot.Need{Kind: "Node"}, rule.UnfinishedPods()
	claims, volumes := snapshot.Need{Kind: "PersistentVolumeClaim", Namespace: "shop"}, snapshot.Need{Kind: "PersistentVolume"}
	cases := map[string]struct {
		change func(*corev1.Pod)
		want   []snapshot.Need
	}{
		"placed":    {func(p *corev1.Pod) { p.Spec.NodeName = "node-1" }, nil},
		"gated":     {func(p *corev1.Pod) { p.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "x/y"}} }, nil},
		"no answer": {func(p *corev1.Pod) { p.Status.Conditions = nil }, nil},
		"no node":   {func(*corev1.Pod) {}, []snapshot.Need{nodes, pods}},
		"with a claim": {func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}}}
		}, []snapshot.Need{nodes, pods, claims, volumes}},
		"with a namespace selector": {func(p *corev1.Pod) {
			p.Spec.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{
				{TopologyKey: "zone", NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "red"}}},
			}}}
		}, []snapshot.Need{nodes, pods, {Kind: "Namespace"}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			pod := pendingPod(noCPU)
			c.change(pod)
			s, sc := known(pod)
			got := rule.Needs(s, sc, unschedulableRules())
			if diff := cmp.Diff(c.want, got.Objects); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, n := range got.Objects {
				s.Record(snapshot.Reading{Need: n})
			}
			if more := rule.Needs(s, sc, unschedulableRules()); !more.Empty() {
				t.Errorf("asks again: %v", more.Objects)
			}
		})
	}
}

// The pods that are not finished, read with a field selector, are all that counts.
func TestPlacementIsWorkedOutFromUnfinishedPods(t *testing.T) {
	s, sc := known(pendingPod(noCPU))
	node, held := fullNode()
	s.Add(node)
	s.Add(held)
	s.Record(snapshot.Reading{Need: snapshot.Need{Kind: "Node"}})
	s.Record(snapshot.Reading{Need: rule.UnfinishedPods()})
	found := rule.Run(s, sc, unschedulableRules())
	if len(found) != 1 || found[0].Rule != ruleResources || found[0].Confidence != finding.Certain || found[0].Args["short"] != "500m" {
		t.Fatalf("got %+v", found)
	}
}

// A list that was cut, or refused, makes nodes seem emptier than they are.
func TestPlacementIsNotWorkedOutFromPartOfThePods(t *testing.T) {
	for name, reading := range map[string]snapshot.Reading{
		"cut":       {Need: rule.UnfinishedPods(), Partial: true},
		"forbidden": {Need: rule.UnfinishedPods(), Why: "forbidden: list pods"},
	} {
		t.Run(name, func(t *testing.T) {
			s, sc := known(pendingPod(noCPU))
			node, held := fullNode()
			s.Add(node)
			s.Add(held)
			s.Record(snapshot.Reading{Need: snapshot.Need{Kind: "Node"}})
			s.Record(reading)
			found := rule.Run(s, sc, unschedulableRules())
			if len(found) != 1 || found[0].Confidence != finding.Likely || found[0].Args["seen"] != false {
				t.Fatalf("got %+v", found)
			}
			for _, e := range found[0].Evidence {
				if strings.HasPrefix(e.Object, "node/") {
					t.Errorf("says something about a node: %+v", e)
				}
			}
		})
	}
}

// The shared diagnosis must not outlive the snapshot that it was made from.
func TestPlacementIsWorkedOutAgainForAnotherSnapshot(t *testing.T) {
	rules := unschedulableRules()
	s, sc := known(pendingPod(noCPU))
	if found := rule.Run(s, sc, rules); len(found) != 1 {
		t.Fatalf("got %+v", found)
	}
	placed := pendingPod("")
	placed.Spec.NodeName = "node-1"
	later, laterScope := known(placed)
	if found := rule.Run(later, laterScope, rules); len(found) != 0 {
		t.Errorf("still there: %+v", found)
	}
	node, held := fullNode()
	s.Add(node)
	s.Add(held)
	s.Record(snapshot.Reading{Need: snapshot.Need{Kind: "Node"}})
	s.Record(snapshot.Reading{Need: rule.UnfinishedPods()})
	if found := rule.Run(s, sc, rules); len(found) != 1 || found[0].Confidence != finding.Certain {
		t.Errorf("not worked out again after more was read: %+v", found)
	}
}
