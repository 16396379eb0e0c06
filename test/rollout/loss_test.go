package rollout_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/driver"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/load"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/stage"
)

// rate is how many requests a second the gateway gets.
const rate = 300

// fiveSteps are a canary's.
const fiveSteps = "20,40,60,80,100"

// kubectls is the scene that kubectl itself plays.
const kubectls = "kubectl"

// scene is something done to a workload under load. It checks how the objects end.
type scene struct {
	name string
	play func(t *testing.T, s *stage.Stage)
}

// Whatever is done with a rollout, no request fails, whether clients keep their
// connections or not. kubectl's own rolling update runs beside it, on the same
// machine at the same time.
func TestNoRequestIsLost(t *testing.T) {
	scenes := []scene{
		{kubectls, kubectlRollout},
		{"canary promoted and undone", canaryAndUndo},
		{"bluegreen promoted and undone", blueGreenAndUndo},
	}
	for step := 1; step <= 5; step++ {
		scenes = append(scenes, abortedAt("canary aborted", rollout.Shifting, step), abortedAt("canary aborted", rollout.Judging, step))
	}
	// The new version comes up in the first step of blue-green, and gets the traffic in the second.
	for step := 1; step <= 2; step++ {
		scenes = append(scenes, abortedAt("bluegreen aborted", rollout.Shifting, step), abortedAt("bluegreen aborted", rollout.Judging, step))
	}
	scenes = append(scenes, abortedAt("bluegreen aborted", rollout.Keeping, 2))
	loads := []load.Options{{Rate: rate, KeepAlive: false}, {Rate: rate, KeepAlive: true}}
	for i, one := range scenes {
		for j, o := range loads {
			if !all() && strings.Contains(one.name, "aborted") && i%len(loads) != j {
				continue // every other abort with every other kind of client
			}
			t.Run(one.name+", "+o.String(), func(t *testing.T) {
				t.Parallel()
				c := open(t, heavy)
				s := stage.New(t, c, stage.Options{})
				run := load.Start(t, c, s.URL(), o)
				one.play(t, s)
				if one.name == kubectls {
					sum := run.Stop(t)
					t.Logf("%s: %s%s", run.Options, sum, sum.Lost()) // for comparison; not ours to answer for
					return
				}
				wantNoLoss(t, run)
			})
		}
	}
}

func kubectlRollout(t *testing.T, s *stage.Stage) {
	s.C.Kubectl(t, "set", "image", s.Target(), stage.Name+"="+stage.Image("v2"), "-n", s.NS)
	s.C.Kubectl(t, "rollout", "status", s.Target(), "-n", s.NS)
	s.C.Kubectl(t, "rollout", "undo", s.Target(), "-n", s.NS)
	s.C.Kubectl(t, "rollout", "status", s.Target(), "-n", s.NS)
}

func canaryAndUndo(t *testing.T, s *stage.Stage) {
	promoteAndUndo(t, s, canary(s, fiveSteps))
}

func blueGreenAndUndo(t *testing.T, s *stage.Stage) {
	promoteAndUndo(t, s, bluegreen(s, "--keep", "3s"))
}

func promoteAndUndo(t *testing.T, s *stage.Stage, command []string) {
	before, after := s.Snapshot(t), promoted(t, s)
	wantCode(t, "promote", do(t, s, command...), codeDone)
	wantObjects(t, s, "promoted", after)
	wantCode(t, "undo", do(t, s, "undo", s.Target()), codeDone)
	wantObjects(t, s, "undone", before)
}

// abortedAt aborts from another process as soon as a phase of a step is reached.
func abortedAt(name string, phase rollout.Phase, step int) scene {
	return scene{fmt.Sprintf("%s in %s of step %d", name, phase, step), func(t *testing.T, s *stage.Stage) {
		before := s.Snapshot(t)
		command := canary(s, fiveSteps, "--gate", "time=2s")
		if name == "bluegreen aborted" {
			command = bluegreen(s, "--gate", "time=2s", "--keep", "20s")
		}
		d := drive(t, s, command)
		d.Until(t, fmt.Sprintf("%s of step %d", phase, step), patience, at(phase, step))
		wantCode(t, "abort", do(t, s, "abort", s.Target()), codeDone)
		r := d.Wait(t, patience)
		wantCode(t, "the driver that did not promote", r, codeRolledBack)
		if !slices.ContainsFunc(r.Events, func(e driver.Seen) bool { return e.Event.Event == rollout.EventAsked }) {
			t.Error("the driver did not tell that it was asked")
		}
		if last := r.Last(); last.Phase != rollout.Aborted {
			t.Errorf("the last event is of phase %q", last.Phase)
		}
		wantObjects(t, s, "aborted", before)
	}}
}
