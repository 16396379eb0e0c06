package live_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
)

// A failing check comes with a 500 and is an answer; a refusal is none.
func TestHealth(t *testing.T) {
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		want   live.Health
	}{
		"well": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "[+]ping ok\n[+]etcd ok\nreadyz check passed\n")
		}, live.Health{OK: true, Passed: []string{"ping", "etcd"}}},
		"a check fails": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n")
		}, live.Health{Passed: []string{"ping"}, Failed: []string{"etcd"}}},
		"forbidden": {func(w http.ResponseWriter, _ *http.Request) {
			refuse(w, http.StatusForbidden, metav1.StatusReasonForbidden, "")
		}, live.Health{Why: "forbidden: get /readyz"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t, c.handle)
			if diff := cmp.Diff(c.want, a.reader(t).Health(t.Context(), "/readyz")); diff != "" {
				t.Error(diff)
			}
			if a.count() != 1 || !strings.Contains(a.seen[0], "verbose") {
				t.Errorf("asked %v", a.seen)
			}
		})
	}
}
