package cluster

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

func TestOwns(t *testing.T) {
	const set = `{"f:metadata":{"f:labels":{"f:a/b":{}}},"f:spec":{"f:selector":{},"f:replicas":{},"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{".":{},"f:image":{}}}}}}}`
	tests := []struct {
		path rollout.Pointer
		want bool
	}{
		{"/spec/replicas", true},
		{"/spec/template", true},
		{"/spec/template/spec/containers/0/image", true},
		{"/spec/template/spec/containers/0/args", false},
		{"/spec/template/metadata", false},
		{"/spec/selector/app", true}, // a map that is owned as a whole
		{"/metadata/labels/a~1b", true},
		{"/metadata/labels/b", false},
		{"/spec/minReadySeconds", false},
	}
	for _, tt := range tests {
		if got := owns(json.RawMessage(set), keys(tt.path)); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.path, got, tt.want)
		}
	}
	if owns(nil, keys("/spec")) || owns(json.RawMessage(`[]`), keys("/spec")) {
		t.Error("an entry without fields owns something")
	}
}

func TestFieldsAreAsTheyWereWritten(t *testing.T) {
	o := &object{raw: json.RawMessage(`{"spec":{"a": {"x":1,  "b":"\u0026"},"n":null,"deep":[1]}}`)}
	got := o.fields([]rollout.Pointer{"/spec/a", "/spec/n", "/spec/absent", "/spec/deep/0", "/spec/a/b"})
	want := rollout.Fields{"/spec/a": json.RawMessage(`{"x":1,  "b":"\u0026"}`), "/spec/a/b": json.RawMessage(`"\u0026"`)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

func TestEndings(t *testing.T) {
	died := func(name string, restarts int32, code int32, reason string) corev1.ContainerStatus {
		return corev1.ContainerStatus{Name: name, RestartCount: restarts,
			LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason}}}
	}
	pod := func(c ...corev1.ContainerStatus) *corev1.Pod {
		return &corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: c}}
	}
	leaving := pod(died("web", 9, 9, "Error"))
	leaving.DeletionTimestamp = &metav1.Time{}
	sidecar := pod()
	sidecar.Status.InitContainerStatuses = []corev1.ContainerStatus{died("proxy", 1, 2, "")}
	tests := []struct {
		name string
		pods []*corev1.Pod
		want string
	}{
		{"none", []*corev1.Pod{pod(corev1.ContainerStatus{Name: "web"})}, ""},
		{"ended well", []*corev1.Pod{pod(died("web", 1, 0, "Completed"))}, ""},
		{"the same on two Pods", []*corev1.Pod{pod(died("web", 2, 1, "Error")), pod(died("web", 1, 1, "Error"))}, "web: exit 1 (Error), 3 restarts"},
		{"the worst first, a sidecar too", []*corev1.Pod{sidecar, pod(died("web", 4, 137, "OOMKilled"))}, "web: exit 137 (OOMKilled), 4 restarts; proxy: exit 2, 1 restart"},
		{"a Pod that is told to end", []*corev1.Pod{leaving}, ""},
		{"of hostile words", []*corev1.Pod{pod(died("web", 0, 1, "a\x1b[31mb\nc"))}, "web: exit 1 (a\ufffd[31mb c)"},
	}
	for _, tt := range tests {
		if got := endings(tt.pods); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestEndpointsCountByVersion(t *testing.T) {
	yes, no := true, false
	at := func(ip string, uid string, c discoveryv1.EndpointConditions) discoveryv1.Endpoint {
		e := discoveryv1.Endpoint{Addresses: []string{ip}, Conditions: c}
		if uid != "" {
			e.TargetRef = &corev1.ObjectReference{Kind: "Pod", UID: types.UID(uid)}
		}
		return e
	}
	ready := discoveryv1.EndpointConditions{Ready: &yes}
	slice := func(service string, e ...discoveryv1.Endpoint) discoveryv1.EndpointSlice {
		return discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{discoveryv1.LabelServiceName: service}}, Endpoints: e}
	}
	look := &seen{slices: []discoveryv1.EndpointSlice{
		slice("web", at("10.0.0.1", "a", ready), at("10.0.0.2", "b", ready), at("10.0.0.3", "c", discoveryv1.EndpointConditions{})),
		slice("web", at("fd00::1", "a", ready), at("fd00::2", "b", ready)), // the other family
		slice("web", at("10.0.0.4", "d", discoveryv1.EndpointConditions{Ready: &no}),
			at("10.0.0.5", "e", discoveryv1.EndpointConditions{Ready: &yes, Terminating: &yes}), // publishNotReadyAddresses
			at("10.0.0.6", "stranger", ready), at("10.0.0.7", "", ready)),
		slice("db", at("10.0.0.8", "a", ready)),
	}}
	hashes := map[types.UID]string{"a": "old", "b": "new", "c": "new", "d": "new", "e": "old"}
	got := look.service("web", &object{raw: json.RawMessage(`{"spec":{"selector":{"app":"web"}}}`)}, hashes)
	want := rollout.ServiceView{Name: "web", Selects: map[string]string{"app": "web"}, Ready: map[string]int{"old": 1, "new": 2, "": 2}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAvailable(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 10, 0, time.UTC)
	pod := func(status corev1.ConditionStatus, since time.Duration) *corev1.Pod {
		return &corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{
			{Type: corev1.PodReady, Status: status, LastTransitionTime: metav1.NewTime(now.Add(-since))}}}}
	}
	tests := []struct {
		name     string
		pod      *corev1.Pod
		minReady int32
		want     bool
	}{
		{"ready", pod(corev1.ConditionTrue, 0), 0, true},
		{"not long enough", pod(corev1.ConditionTrue, 4*time.Second), 5, false},
		{"long enough", pod(corev1.ConditionTrue, 5*time.Second), 5, true},
		{"not ready", pod(corev1.ConditionFalse, time.Hour), 0, false},
		{"not started", &corev1.Pod{}, 0, false},
		{"held", pod(corev1.ConditionTrue, time.Hour), 2147483646, false},
	}
	for _, tt := range tests {
		if got := available(tt.pod, tt.minReady, now); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
