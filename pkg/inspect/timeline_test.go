package inspect

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule/ruletest"
)

func TestFieldPaths(t *testing.T) {
	for raw, want := range map[string][]string{
		`{"f:spec":{"f:replicas":{},"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{"f:image":{}}}}}}}`: {"spec.replicas", "spec.template.spec.containers[app].image"},
		`{"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:spec":{"f:paused":{}}}`:                                      {"spec.paused", "metadata.labels.app"},
		`{"f:spec":{"f:env":{"k:{\"name\":\"A\"}":{".":{},"f:name":{},"f:value":{}}}}}`:                                 {"spec.env[A]"},
		`{"f:spec":{"f:ports":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{"f:targetPort":{}}}}}`:                           {"spec.ports[port=80,protocol=TCP].targetPort"},
		`{"f:metadata":{"f:finalizers":{"v:\"a/b\"":{}}}}`:                                                              {"metadata.finalizers[a/b]"},
		`not json`: nil,
		`[]`:       nil,
	} {
		if diff := cmp.Diff(want, fieldPaths([]byte(raw))); diff != "" {
			t.Errorf("%s: %s", raw, diff)
		}
	}
}

func TestTogether(t *testing.T) {
	at := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	moment := func(after time.Duration, pod, what string) Moment {
		return Moment{At: at.Add(after), Kind: MomentEvent, Object: finding.Ref{Kind: "Pod", Namespace: "shop", Name: pod}, Objects: 1, Times: 1, What: what}
	}
	got := together([]Moment{
		moment(0, "web-1-a", "x"), moment(time.Second, "web-1-b", "x"), // one line
		moment(2*time.Second, "web-1-a", "y"),            // another thing
		moment(3*time.Second, "api-1-a", "x"),            // another owner
		moment(4*time.Second, "web-1-a", "x"),            // the same pod again is not another pod
		moment(sameTime+2*time.Second, "web-1-c", "x"),   // joins the one 8 s before
		moment(3*sameTime+2*time.Second, "web-1-d", "x"), // too late
	})
	var lines []int
	for _, m := range got {
		lines = append(lines, m.Objects)
	}
	if diff := cmp.Diff([]int{2, 1, 1, 2, 1}, lines); diff != "" {
		t.Error(diff)
	}
}

// What a controller said of a route stands under the parent that it is the controller of.
func TestTimelineOfARoute(t *testing.T) {
	f, s := loadFixture(t, "testdata/route/not-accepted.yaml")
	r, err := Timeline(s, Query{Namespace: ruletest.Namespace, Targets: ruletest.Targets(t, f.Ask)}, Options{Lang: lang.English, Catalogue: ruletest.Catalogue(t)})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range r.Timeline {
		if m.Kind == MomentCondition && m.Warning && strings.HasPrefix(m.What, "edge Accepted=False, ") {
			return
		}
	}
	t.Errorf("nothing says when edge refused the route: %v", r.Timeline)
}

// What is said of several pods is one line, though each message names its own; and
// a Deployment's condition stands where it was last written.
func TestTimelineJoinsWhatIsSaidOfPods(t *testing.T) {
	event := func(pod, message string) *corev1.Event {
		return &corev1.Event{InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: pod, UID: "u-" + types.UID(pod)}, Message: message}
	}
	for said, want := range map[string]string{
		"Successfully assigned shop/web-1-a to node-1":                                  "Successfully assigned to node-1",
		"Back-off restarting failed container app in pod web-1-a_shop(u-web-1-a)":       "Back-off restarting failed container app",
		`Readiness probe failed: Get "http://10.0.0.1/": dial tcp 10.0.0.1:80: refused`: `Readiness probe failed: Get "http://10.0.0.1/": dial tcp 10.0.0.1:80: refused`,
	} {
		if got := withoutItself(event("web-1-a", said)); got != want {
			t.Errorf("%q becomes %q", said, got)
		}
	}
	wrote := time.Date(2026, 1, 2, 11, 5, 0, 0, time.UTC)
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop"}}
	d.Status.Conditions = []appsv1.DeploymentCondition{{Type: "Progressing", Status: "True", Reason: "NewReplicaSetAvailable", LastTransitionTime: metav1.NewTime(wrote.Add(-time.Hour)), LastUpdateTime: metav1.NewTime(wrote)}}
	if all := (explainer{}).conditionMoments(d); len(all) != 1 || !all[0].At.Equal(wrote) {
		t.Errorf("%v", all)
	}
}
