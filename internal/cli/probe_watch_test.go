package cli

import (
	"context"
	"testing"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

func parseProbeWatch(t *testing.T, args ...string) (probeWatchOptions, error) {
	t.Helper()
	a := newApp(t, lang.English)
	var got probeWatchOptions
	cmd := newProbeWatch(a, func(_ context.Context, o probeWatchOptions) error { got = o; return nil })
	root := &cobra.Command{Use: "kubectl-msa", SilenceErrors: true, SilenceUsage: true}
	a.global.add(root.PersistentFlags())
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(cmd)
	root.SetArgs(append([]string{"watch"}, args...))
	err := root.ExecuteContext(t.Context())
	return got, err
}

func TestProbeWatchTakesOneObject(t *testing.T) {
	o, err := parseProbeWatch(t, "deploy", "web", "-o", "json", "--timeout", "5m")
	if err != nil || !o.json || !o.timeout || len(o.selection.objects) != 1 || o.selection.objects[0] != (finding.Ref{Kind: "Deployment", Name: "web"}) {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err := parseProbeWatch(t, "svc/web"); err != nil || o.json || o.timeout {
		t.Errorf("%+v, %v", o, err)
	}
	for _, args := range [][]string{{}, {"deploy"}, {"deploy/a", "deploy/b"}, {"configmap/a"}, {"deploy/a", "-o", "yaml"}} {
		if _, err := parseProbeWatch(t, args...); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
