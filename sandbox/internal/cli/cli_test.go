package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBadCommandLines(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"upp"}, 2, `unknown command "upp"`},
		{[]string{"up", "--nodes", "3"}, 2, "unknown flag: --nodes"},
		{[]string{"up", "--fake-nodes", "-1"}, 2, "want 0 to 5000"},
		{[]string{"up", "extra"}, 2, "takes no argument"},
		{[]string{"--name", "No Good", "down"}, 2, `sandbox name "No Good"`},
		{[]string{"load"}, 2, "name an image archive"},
		{[]string{"run"}, 2, "name a command"},
		{[]string{"kubeconfig", "--group", "x"}, 2, "--group needs --user"},
		{[]string{"status"}, 1, "sandbox msa is not up"},
		{[]string{"kubeconfig"}, 1, "sandbox msa is not up"},
		{[]string{"kubectl", "get", "pods"}, 1, "sandbox msa is not up"},
		{[]string{"logs", "kubelet"}, 1, "has no logs"},
	} {
		var out, errs bytes.Buffer
		code := Main(t.Context(), c.args, Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
		if code != c.code || !strings.Contains(errs.String(), c.says) || strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("%v: exit %d, says %q; want %d and one line with %q", c.args, code, errs.String(), c.code, c.says)
		}
	}
}

func TestDownOfWhatIsNotUpLeavesNothing(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	var out, errs bytes.Buffer
	if code := Main(t.Context(), []string{"--name", "never", "down"}, Streams{Out: &out, Err: &errs}); code != 0 {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	left, err := filepath.Glob(filepath.Join(cache, "kubectl-msa", "sandbox", "run", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if _, err := os.Stat(cache); err != nil {
		t.Error(err)
	}
}
