package rollout_test

import (
	"testing"

	"github.com/kubectl-msa/kubectl-msa/test/rollout/load"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/stage"
)

// loads are both kinds of clients: those that keep connections, and those that do not.
func loads(rate int) []load.Options {
	return []load.Options{{Rate: rate, KeepAlive: false}, {Rate: rate, KeepAlive: true}}
}

// What kubectl itself does to the same workload under the same load, to hold rollouts against.
func TestKubectlLosesNoRequest(t *testing.T) {
	for _, o := range loads(300) {
		t.Run(o.String(), func(t *testing.T) {
			t.Parallel()
			c := open(t)
			s := stage.New(t, c, stage.Options{})
			run := load.Start(t, c, s.URL(), o)
			c.Kubectl(t, "set", "image", s.Target(), stage.Name+"="+stage.Image("v2"), "-n", s.NS)
			c.Kubectl(t, "rollout", "status", s.Target(), "-n", s.NS)
			c.Kubectl(t, "rollout", "undo", s.Target(), "-n", s.NS)
			c.Kubectl(t, "rollout", "status", s.Target(), "-n", s.NS)
			sum := run.Stop(t)
			t.Logf("%s", sum)
			if sum.Failed > 0 {
				t.Errorf("lost: %s", sum.Lost())
			}
			if sum.Versions["v1"] == 0 || sum.Versions["v2"] == 0 {
				t.Errorf("the load met versions %v, want both", sum.Versions)
			}
		})
	}
}
