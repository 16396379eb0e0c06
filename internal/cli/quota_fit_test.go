package cli

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

func parseFit(t *testing.T, args ...string) (quotaFitOptions, error) {
	t.Helper()
	a := newApp(t, lang.English)
	var got quotaFitOptions
	cmd := newQuotaFit(a, func(_ context.Context, o quotaFitOptions) error { got = o; return nil })
	root := &cobra.Command{Use: "kubectl-msa", SilenceErrors: true, SilenceUsage: true}
	a.global.add(root.PersistentFlags())
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(cmd)
	root.SetArgs(append([]string{"fit"}, args...))
	return got, root.ExecuteContext(t.Context())
}

func TestQuotaFitFlagsToOptions(t *testing.T) {
	got, err := parseFit(t, "deploy/web", "sts/db", "-n", "shop", "--replicas", "0", "--add-nodes", "2", "--like", "node-1")
	q := got.fitQuery("elsewhere", nil)
	if err != nil || len(q.Targets) != 2 || q.Targets[1].String() != "statefulset/db" || q.Targets[1].Namespace != "shop" ||
		q.Replicas == nil || *q.Replicas != 0 || q.Add != 2 || q.Like != "node-1" || got.verdict.failOn != failNever {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = parseFit(t, "-A", "-l", "app=web"); err != nil || got.fitQuery("shop", nil).Namespace != "" || got.fitQuery("shop", nil).Replicas != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = parseFit(t, "--drain", "a", "--drain", "b", "--add-nodes", "1", "--like", "a"); err != nil || cmp.Diff([]string{"a", "b"}, got.fitQuery("", nil).Drain) != "" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = parseFit(t, "-f", "a.yaml", "--replicas", "3", "--snapshot", "s.yaml"); err != nil || got.snapshot != "s.yaml" || *got.fitQuery("", nil).Replicas != 3 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestQuotaFitRefusesWrongUsage(t *testing.T) {
	for id, cases := range map[string][][]string{
		"quota.error.not-a-workload":       {{"svc/web"}},
		"quota.error.name-a-workload":      {{"deploy"}},
		"quota.error.nothing-to-save":      {{"--snapshot", "s", "--save-snapshot", "t"}},
		"quota.fit.error.replicas":         {{"deploy/web", "--replicas", "-2"}},
		"quota.fit.error.replicas-of-what": {{"--replicas", "2"}, {"-A", "--replicas", "2"}},
		"quota.fit.error.no-replicas":      {{"ds/agent", "--replicas", "2"}, {"deploy/web", "job/x", "--replicas", "2"}},
		"quota.fit.error.add-nodes":        {{"--add-nodes", "-1", "--like", "a"}},
		"quota.fit.error.like-what":        {{"--add-nodes", "1"}},
		"quota.fit.error.how-many":         {{"--like", "a"}},
		"quota.fit.error.drain-alone":      {{"deploy/web", "--drain", "a"}, {"-l", "a=b", "--drain", "a"}, {"-f", "x", "--replicas", "1", "--drain", "a"}},
		"error.flag-needs-value":           {{"-f", ""}, {"--drain", ""}},
		"error.flag-invalid":               {{"deploy/web", "--replicas", "many"}},
		"error.name-and-all-namespaces":    {{"deploy/web", "-A"}},
	} {
		for _, args := range cases {
			_, err := parseFit(t, args...)
			var wrong *usageError
			if !errors.As(err, &wrong) || wrong.id != id {
				t.Errorf("%q: %v, want %s", args, err, id)
			}
		}
	}
}
