package inspect

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func podAlike(name, token, value string, ready corev1.ConditionStatus) *corev1.Pod {
	yes := true
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": "web"}, OwnerReferences: []metav1.OwnerReference{{UID: "r", Controller: &yes}}}}
	p.Spec.Volumes = []corev1.Volume{{Name: token}}
	p.Spec.Containers = []corev1.Container{{Name: "app", Env: []corev1.EnvVar{{Name: "A", Value: value}}, VolumeMounts: []corev1.VolumeMount{{Name: token}}}}
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
	return p
}

// Pods of one owner share what they have in common, and nothing else changes.
func TestAlike(t *testing.T) {
	keep := Alike().Reduce
	first, second := podAlike("a", "kube-api-access-aaaaa", "1", corev1.ConditionTrue), podAlike("b", "kube-api-access-bbbbb", "1", corev1.ConditionTrue)
	other, ill := podAlike("c", "kube-api-access-ccccc", "2", corev1.ConditionTrue), podAlike("d", "kube-api-access-ddddd", "1", corev1.ConditionFalse)
	for _, p := range []*corev1.Pod{first, second, other, ill} {
		keep(p)
	}
	if &first.Spec.Containers[0] != &second.Spec.Containers[0] || &first.Spec.Volumes[0] != &second.Spec.Volumes[0] {
		t.Error("two pods of one template keep two copies of it")
	}
	if diff := cmp.Diff(podAlike("c", "kube-api-access", "2", corev1.ConditionTrue), other); diff != "" {
		t.Errorf("a pod that differs: %s", diff)
	}
	if diff := cmp.Diff(podAlike("d", "kube-api-access-ddddd", "1", corev1.ConditionFalse), ill); diff != "" {
		t.Errorf("a pod that is not ready: %s", diff)
	}
}

// The endpoints of a slice share what they have in common, and say what they said.
func TestAlikeEndpoints(t *testing.T) {
	slice := func() *discoveryv1.EndpointSlice {
		out := &discoveryv1.EndpointSlice{}
		for i, node := range []string{"one", "one", "two"} {
			ready := i < 2
			out.Endpoints = append(out.Endpoints, discoveryv1.Endpoint{
				Addresses: []string{"10.0.0.1"}, NodeName: &node, Conditions: discoveryv1.EndpointConditions{Ready: &ready},
				TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: node},
			})
		}
		return out
	}
	shared := slice()
	Alike().Reduce(shared)
	if diff := cmp.Diff(slice(), shared); diff != "" {
		t.Error(diff)
	}
	e := shared.Endpoints
	if e[0].NodeName != e[1].NodeName || e[0].Conditions.Ready != e[1].Conditions.Ready {
		t.Error("two endpoints on one node keep its name twice")
	}
}
