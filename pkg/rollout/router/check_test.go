package router

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestCheck(t *testing.T) {
	labels := map[string]string{"app": "web", "tier": "front"}
	for name, c := range map[string]struct {
		kind  string
		spec  corev1.ServiceSpec
		want  Unfit
		label string
	}{
		"fits":                   {"Deployment", corev1.ServiceSpec{Selector: map[string]string{"app": "web"}}, "", ""},
		"headless fits":          {"Deployment", corev1.ServiceSpec{Selector: map[string]string{"app": "web"}, ClusterIP: corev1.ClusterIPNone}, "", ""},
		"another kind's hash":    {"Deployment", corev1.ServiceSpec{Selector: map[string]string{"controller-revision-hash": "x"}}, UnfitLosesNew, "controller-revision-hash=x"},
		"alias with a selector":  {"Deployment", corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, Selector: map[string]string{"app": "web"}}, UnfitExternalName, ""},
		"no selector":            {"Deployment", corev1.ServiceSpec{}, UnfitNoSelector, ""},
		"pinned Deployment":      {"Deployment", corev1.ServiceSpec{Selector: map[string]string{"app": "web", "pod-template-hash": "6d4"}}, UnfitPinned, "pod-template-hash=6d4"},
		"pinned StatefulSet":     {"StatefulSet", corev1.ServiceSpec{Selector: map[string]string{"controller-revision-hash": "web-6d4"}}, UnfitPinned, "controller-revision-hash=web-6d4"},
		"pinned DaemonSet":       {"DaemonSet", corev1.ServiceSpec{Selector: map[string]string{"controller-revision-hash": "6d4"}}, UnfitPinned, "controller-revision-hash=6d4"},
		"publishes unready":      {"Deployment", corev1.ServiceSpec{Selector: map[string]string{"app": "web"}, PublishNotReadyAddresses: true}, UnfitUnready, ""},
		"a label with a version": {"Deployment", corev1.ServiceSpec{Selector: map[string]string{"app": "web", "version": "v1"}}, UnfitLosesNew, "version=v1"},
		"a label that changed":   {"Deployment", corev1.ServiceSpec{Selector: map[string]string{"tier": "back"}}, UnfitLosesNew, "tier=back"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Check(c.kind, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: c.spec}, labels)
			var unfit *UnfitError
			errors.As(err, &unfit)
			switch {
			case c.want == "":
				if err != nil {
					t.Errorf("refused: %v", err)
				}
			case unfit == nil || unfit.Why != c.want || unfit.Label != c.label:
				t.Errorf("got %+v, want %s %q", unfit, c.want, c.label)
			case !strings.Contains(err.Error(), "service/web") || !strings.Contains(err.Error(), c.label):
				t.Errorf("the message does not name what is wrong: %v", err)
			}
		})
	}
}

func TestNewNamesTheNearest(t *testing.T) {
	for given, want := range map[string]string{"servcie": `did you mean "service"?`, "mesh": "use one of ratio, service"} {
		if _, err := New(viaOf(given)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New(%q): %v, want %s", given, err, want)
		}
	}
}
