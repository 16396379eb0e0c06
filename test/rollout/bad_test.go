package rollout_test

import (
	"encoding/json"
	"slices"
	"strings"
	"syscall"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/driver"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/load"
	"github.com/kubectl-msa/kubectl-msa/test/rollout/stage"
	"github.com/kubectl-msa/kubectl-msa/test/workshop"
)

// A version that does not work is put away by the rollout itself, which says why in inspect's words.
func TestBadVersion(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		// rule is the cause that inspect names; empty where the Pods are well. It names a Pod unready
		// once the probe has had its time.
		rule string
		// says is part of the report.
		says string
	}{
		{"crashing", []string{"--set-env", "CRASH_AFTER=0s"}, "container/crash-exit", ""},
		{"never ready", []string{"--set-env", "UNREADY=always"}, "container/not-ready-by-readiness", ""},
		{"no such image", []string{"--image", stage.Name + "=127.0.0.1:5000/notfound/x:1"}, "image/not-found", ""},
		{"failing gate", append(newImage(), "--timeout", "3m", "--gate", "command=echo too many errors; exit 1"), "", "too many errors"},
	} {
		for _, strategy := range []string{"canary", "bluegreen"} {
			t.Run(strategy+", "+c.name, func(t *testing.T) {
				t.Parallel()
				cluster := open(t, light)
				s := stage.New(t, cluster, stage.Options{})
				before := s.Snapshot(t)
				run := load.Start(t, cluster, s.URL(), load.Options{Rate: 50})
				args := slices.Concat([]string{strategy, s.Target(), "--timeout", "30s"}, c.args) // the last one counts
				if strategy == "canary" {
					args = append(args, "--steps", "25,100")
				}
				r := do(t, s, args...)
				wantCode(t, c.name, r, codeRolledBack)
				if !strings.Contains(told(r), c.rule) || !strings.Contains(told(r), c.says) {
					t.Errorf("the report lacks %q %q:\n%s", c.rule, c.says, told(r))
				}
				if !slices.ContainsFunc(r.Events, func(e driver.Seen) bool { return e.Event.Event == rollout.EventFailed }) {
					t.Error("no event says that the version failed")
				}
				wantObjects(t, s, c.name, before)
				wantNoLoss(t, run)
			})
		}
	}
}

// With --on-fail hold a version that fails stays for a person to look at, and
// the old one goes on serving; the person's abort puts everything back.
func TestBadVersionHeld(t *testing.T) {
	t.Parallel()
	c := open(t, light)
	s := stage.New(t, c, stage.Options{})
	before := s.Snapshot(t)
	run := load.Start(t, c, s.URL(), load.Options{Rate: 50})
	r := do(t, s, "canary", s.Target(), "--set-env", "UNREADY=always", "--steps", "25,100", "--timeout", "10s", "--on-fail", "hold", "--exit-on", "pause")
	wantCode(t, "held", r, codePaused)
	if st, ok := statusOf(t, s); !ok || st.Rollout.Phase != rollout.Paused {
		t.Errorf("status: %+v", st.Rollout.Phase)
	}
	wantCode(t, "abort", do(t, s, "abort", s.Target()), codeDone)
	wantObjects(t, s, "aborted", before)
	wantNoLoss(t, run)
}

// Someone else's hand on what a rollout has written stops it: it names the
// manager, changes nothing more, and loses no request.
func TestForeignEdit(t *testing.T) {
	for _, c := range []struct {
		name, manager string
		args          func(*stage.Stage) []string
		edit          func(t *testing.T, s *stage.Stage)
	}{
		{"kubectl set image", "kubectl-set", func(s *stage.Stage) []string { return canary(s, "50,100", "--pause", "manual") }, func(t *testing.T, s *stage.Stage) {
			s.C.Kubectl(t, "set", "image", s.Target(), stage.Name+"="+stage.Image("v3"), "-n", s.NS)
		}},
		{"strategy", "someone-else", func(s *stage.Stage) []string { return canary(s, "50,100", "--pause", "manual") }, func(t *testing.T, s *stage.Stage) {
			patch := `{"spec":{"strategy":{"rollingUpdate":{"maxSurge":0,"maxUnavailable":1}}}}`
			if _, err := s.C.Typed().AppsV1().Deployments(s.NS).Patch(t.Context(), stage.Name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "someone-else"}); err != nil {
				t.Fatal(err)
			}
		}},
		{"selector of the Service", "someone-else", func(s *stage.Stage) []string { return bluegreen(s, "--pause", "manual") }, func(t *testing.T, s *stage.Stage) {
			patch := `{"spec":{"selector":{"pod-template-hash":null}}}`
			if _, err := s.C.Typed().CoreV1().Services(s.NS).Patch(t.Context(), stage.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "someone-else"}); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cluster := open(t, light)
			s := stage.New(t, cluster, stage.Options{})
			run := load.Start(t, cluster, s.URL(), load.Options{Rate: 50})
			d := drive(t, s, c.args(s))
			d.Until(t, "the first pause", patience, at(rollout.Paused, 1))
			c.edit(t, s)
			edited := s.Snapshot(t)
			r := d.Wait(t, patience)
			wantCode(t, c.name, r, codeConflict)
			if !strings.Contains(r.Stderr, c.manager) {
				t.Errorf("the driver does not name %q: %s", c.manager, r.Stderr)
			}
			if !slices.ContainsFunc(r.Events, func(e driver.Seen) bool { return e.Event.Event == rollout.EventHeld }) {
				t.Error("no event tells that it is held")
			}
			wantObjects(t, s, "after the conflict", edited)
			wantDrift(t, s)
			wantNoLoss(t, run)
		})
	}
}

// wantDrift: whoever looks afterwards is told as well, by a status, by a list and by a plan.
func wantDrift(t *testing.T, s *stage.Stage) {
	t.Helper()
	const drift = "rollout/drift"
	if st, ok := statusOf(t, s); !ok || st.Verdict != "error" || len(st.Findings) != 1 || st.Findings[0].Rule != drift {
		t.Errorf("status: %s, %+v", st.Verdict, st.Findings)
	}
	for command, code := range map[string]int{"list": codeDone, "plan " + s.Target() + " --image " + stage.Name + "=" + stage.Image("v2"): codeRefused} {
		got := workshop.Run(t, s.C.Kubeconfig(), append(append([]string{"rollout"}, strings.Fields(command)...), "-n", s.NS)...)
		if got.Code != code || !strings.Contains(got.Stdout, "--force-conflicts") {
			t.Errorf("%s: exit code %d: %s%s", command, got.Code, got.Stdout, got.Stderr)
		}
	}
}

// Kubernetes' own role "view" lets nobody read Leases: who has it still sees where a rollout stands, is told
// what may not be read, that nobody drives any more, and which permissions a rollout of one's own would need.
func TestWhoMayOnlyLook(t *testing.T) {
	t.Parallel()
	c := open(t, light)
	s := stage.New(t, c, stage.Options{})
	get := []string{"get", "list"}
	viewer := c.KubeconfigFor(t, "viewer", []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"configmaps", "pods", "services", "resourcequotas", "limitranges"}, Verbs: get},
		{APIGroups: []string{"apps"}, Resources: []string{"deployments", "replicasets"}, Verbs: get},
		{APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}, Verbs: get},
		{APIGroups: []string{"policy"}, Resources: []string{"poddisruptionbudgets"}, Verbs: get},
		{APIGroups: []string{"autoscaling"}, Resources: []string{"horizontalpodautoscalers"}, Verbs: get},
	}, s.NS)
	look := func(code int, args []string, says ...string) (out string) {
		t.Helper()
		got := workshop.Run(t, viewer, append(append([]string{"rollout"}, args...), "-n", s.NS)...)
		out = got.Stdout + got.Stderr
		for _, part := range says {
			if !strings.Contains(out, part) {
				t.Errorf("%v does not say %q: %s", args, part, out)
			}
		}
		if got.Code != code {
			t.Errorf("%v: exit code %d: %s", args, got.Code, out)
		}
		return out
	}
	const lease = "lease/msa-rollout-deployment-gateway"
	image := stage.Name + "=" + stage.Image("v2")
	status, list := []string{"status", s.Target()}, []string{"list"}
	look(codeRefused, []string{"plan", s.Target(), "--image", image}, "rollout/access-denied", "get/update/patch/delete")
	d := driver.Start(t, c.Kubeconfig(), s.NS, canary(s, "50,100", "--pause", "manual")...)
	d.Until(t, "the first pause", patience, at(rollout.Paused, 1))
	said := look(codeDone, status, "step 1 of 2", "driver  not known", lease) + look(codeDone, list, s.Target(), "waiting for a person", lease)
	if strings.Contains(said, "nobody drives") {
		t.Errorf("somebody drives: %s", said)
	}
	look(codeFailed, []string{"canary", s.Target(), "--image", image}, `cannot get resource "leases"`)
	look(codeFailed, []string{"abort", s.Target()}, `cannot get resource "leases"`)
	d.Signal(t, syscall.SIGINT)
	d.Wait(t, patience)
	look(codeDone, status, "step 1 of 2", "nobody drives it") // the record says so without the Lease
	look(codeDone, list, s.Target(), "nobody drives it")
	wantCode(t, "abort", do(t, s, "abort", s.Target()), codeDone)
}

// A status that scripts read has what was promised.
func TestStatusForScripts(t *testing.T) {
	t.Parallel()
	c := open(t, light)
	s := stage.New(t, c, stage.Options{})
	r := do(t, s, canary(s, "50,100", "--pause", "manual", "--exit-on", "pause")...)
	wantCode(t, "canary", r, codePaused)
	var got struct{ Rollout map[string]json.RawMessage }
	out := driverOutput(t, s, "status", s.Target())
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, key := range []string{"workload", "strategy", "router", "phase", "step", "steps", "versions", "driver", "since", "lastEvent"} {
		if _, ok := got.Rollout[key]; !ok {
			t.Errorf("no %q in %s", key, out)
		}
	}
	var versions []struct {
		Hash            string
		Images          []string
		Ready           int
		Asked, Observed *rollout.Weight
	}
	if err := json.Unmarshal(got.Rollout["versions"], &versions); err != nil {
		t.Fatalf("%v: %s", err, got.Rollout["versions"])
	}
	if len(versions) != 2 {
		t.Fatalf("versions: %s", got.Rollout["versions"])
	}
	for _, v := range versions {
		if v.Hash == "" || len(v.Images) == 0 || v.Ready == 0 || v.Asked == nil || v.Observed == nil {
			t.Errorf("version %+v", v)
		}
	}
	wantCode(t, "promote --full", do(t, s, "promote", s.Target(), "--full"), codeDone)
}
