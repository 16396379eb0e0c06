package cli

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
)

// What was heard in the wrong order is told in the right one, and no later than
// it takes to know that.
func TestSettling(t *testing.T) {
	begun := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var s settling
	hear := func(ms int, o snapshot.Object) {
		at := begun.Add(time.Duration(ms) * time.Millisecond)
		s.add(live.Notice{Event: live.Changed, Object: o, At: at}, at)
	}
	told := func(ms int) string {
		var names []string
		last := time.Time{}
		for _, n := range s.take(begun.Add(time.Duration(ms) * time.Millisecond)) {
			if n.At.Before(last) {
				t.Errorf("%s is told at %s, after %s", n.Object.GetName(), n.At, last)
			}
			last = n.At
			names = append(names, n.Object.GetName())
		}
		return strings.Join(names, " ")
	}
	meta := func(name, version string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, ResourceVersion: version}
	}
	hear(0, &corev1.Event{ObjectMeta: meta("failed", "7")}) // of a store of its own
	hear(100, &discoveryv1.EndpointSlice{ObjectMeta: meta("left", "102")})
	hear(200, &corev1.Pod{ObjectMeta: meta("unready", "101")})
	hear(300, &corev1.Event{ObjectMeta: meta("again", "8")})
	if got := told(400); got != "" {
		t.Errorf("%q is told before it has settled", got)
	}
	if got := told(550); got != "failed" {
		t.Errorf("%q, want the first failure", got)
	}
	hear(600, &corev1.Pod{ObjectMeta: meta("ready", "110")})
	if got := told(800); got != "unready left again" {
		t.Errorf("%q, want the cause before what follows", got)
	}
	if got := told(1200); got != "ready" {
		t.Errorf("%q", got)
	}
}
