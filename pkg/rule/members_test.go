package rule

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// What is listed once is listed anew when an object came in, and when another was reached.
func TestMembersKeepUp(t *testing.T) {
	s := snapshot.New(snapshot.FromManifests, time.Time{})
	add := func(name string) { s.Add(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}) }
	sc := NewScope(ref("Pod", "a"), ref("Pod", "b"))
	expect := func(when string, want int) {
		t.Helper()
		if got := Members[*corev1.Pod](s, sc); len(got) != want {
			t.Errorf("%s: %d pods, want %d", when, len(got), want)
		}
	}
	expect("nothing read", 0)
	add("a")
	add("c")
	expect("one of two read", 1)
	sc.Add(ref("Pod", "a"), ref("Pod", "c"))
	expect("a third reached", 2)
	add("b")
	expect("all read", 3)
	s = snapshot.New(snapshot.FromManifests, time.Time{})
	expect("another snapshot", 0)
}
