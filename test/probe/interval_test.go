package probe_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
	"github.com/kubectl-msa/kubectl-msa/test/cluster"
	"github.com/kubectl-msa/kubectl-msa/test/probe/misbehave"
	"github.com/kubectl-msa/kubectl-msa/test/workshop"
)

// lag is what the report says of every interval: the kubelet notices a start, and
// carries a decision out, up to two seconds late.
const lag = 2 * time.Second

// rounding is by how much the API rounds a time down.
const rounding = time.Second

// Every action of the real kubelet lies inside the interval that `probe check`
// gives for it: the first request, getting ready, getting unready, the kill, the restart.
//
// Nearly all is read off the record of the server that is asked, to the
// millisecond, and how often the kubelet asks before it acts is exact: no load
// changes it. The server is no part of the container, so that it is there before the
// kubelet asks for the first time. When a server begins to fail is not a moment of its own here, but any
// between the last request that passed and the first that did not; the interval has
// to hold for both ends.
//
// The kubelet's timers are of a machine that may be late. How late is measured
// beside it, by the server in the pod, which asks to be woken up after 50 ms; four
// times the worst since the first request is granted at both ends. Where that is more
// than lateEnough, times say nothing about predictions, and only the counts are held.
// Where the kubelet has counted other answers than the server gave, it gave up too
// early for want of processors, and nothing is held.
// Times of the API (the start, the pod's readiness) are whole seconds, rounded down:
// they are granted a second at the end where that matters, and intervals that count
// from the start begin a second late at the most.
func TestActionsLieWithinTheirIntervals(t *testing.T) {
	c := cluster.Get(t)
	loadServer(t, c)
	ns := c.Namespace(t)
	all := trials()
	if len(all) < 30 {
		t.Fatalf("%d trials", len(all))
	}
	courses := map[string]*course{}
	for _, x := range all {
		courses[x.name] = &course{}
		if _, err := c.Typed().CoreV1().Pods(ns).Create(t.Context(), x.pod(), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	c.WaitFor(t, "every pod to have done what it was made for", patience, func(ctx context.Context) (bool, string, error) {
		waiting := follow(ctx, c, ns, all, courses)
		return len(waiting) == 0, "waiting for " + strings.Join(waiting, ", "), nil
	})
	predicted := predictions(t, c, ns)
	shown, slow := 0, false
	for _, x := range all {
		p, ok := predicted["pod/"+x.name]
		r := courses[x.name]
		slack := 300*time.Millisecond + 4*r.overslept
		slow = slow || slack > lateEnough
		switch {
		case !ok:
			t.Errorf("%s: nothing is predicted", x.name)
		case p.Counted == nil || p.Counted.Pods != 1:
			t.Errorf("%s: the tool tells nothing of the kubelet's counts: %+v", x.name, p.Counted)
		case !heard(x, r, *p.Counted):
			t.Logf("%s: the kubelet has counted %d failures, and the server answered %d: the machine was too slow", x.name, p.Counted.Failures, r.failed())
			slow = true
		case len(r.asked) < x.passes || !x.never && len(r.asked) < x.passes+x.failing || !r.clean(x):
			t.Logf("%s: the machine was too slow for it to show anything", x.name)
			slow = true
		default:
			shown++
			checkCount(t, x, r)
			for _, a := range actions(x, p, r) {
				a.check(t, x, slack)
			}
		}
	}
	if shown < 30 && !slow {
		t.Errorf("only %d of %d pods have shown anything, on a machine that is quick enough", shown, len(all))
	}
	t.Logf("%d probes have shown their actions", shown)
}

// lateEnough is the slack above which times say nothing.
const lateEnough = 1500 * time.Millisecond

// follow looks at the pods, reads the records, and says who has not done yet.
func follow(ctx context.Context, c *cluster.Cluster, ns string, all []trial, courses map[string]*course) []string {
	time.Sleep(300 * time.Millisecond)
	pods, err := c.Typed().CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
	now := time.Now()
	if err != nil {
		return []string{err.Error()}
	}
	for i := range pods.Items {
		if r := courses[pods.Items[i].Name]; r != nil && r.restarts <= 1 {
			r.look(&pods.Items[i], now)
		}
	}
	var waiting []string
	for _, x := range all {
		r := courses[x.name]
		if r.done(x) {
			continue
		}
		waiting = append(waiting, x.name)
		if r.started.IsZero() || x.kills() && r.restarts == 0 {
			continue
		}
		record, err := c.Typed().CoreV1().RESTClient().Get().Namespace(ns).Resource("pods").Name(fmt.Sprintf("%s:%d", x.name, misbehave.Fixed().HTTP)).
			SubResource("proxy").Suffix(misbehave.RecordPath).DoRaw(ctx)
		if err == nil {
			err = r.read(record)
		}
		if err != nil {
			waiting[len(waiting)-1] += " (" + err.Error() + ")"
		}
	}
	return waiting
}

// predictions asks the tool.
func predictions(t *testing.T, c *cluster.Cluster, ns string) map[string]probe.Probe {
	t.Helper()
	got := workshop.Run(t, c.Kubeconfig(), "probe", "check", "-n", ns, "-o", "json", "--fail-on", "none")
	var report probe.Report
	if err := json.Unmarshal([]byte(got.Stdout), &report); err != nil {
		t.Fatalf("%v\n%s", err, got.Stderr)
	}
	out := map[string]probe.Probe{}
	for _, p := range report.Probes {
		if p.Container == trialContainer {
			out[p.Pod] = p
		}
	}
	return out
}

// checkCount: the kubelet ends a container after exactly as many failures as the
// probe says, and asks no more; it takes one out of its Services after no fewer.
func checkCount(t *testing.T, x trial, r *course) {
	t.Helper()
	failed := r.failed()
	switch {
	case x.kills() && failed != x.failing:
		t.Errorf("%s: ended after %d failures, want %d", x.name, failed, x.failing)
	case !x.kills() && !x.never && failed < x.failing:
		t.Errorf("%s: unready after %d failures, want %d", x.name, failed, x.failing)
	}
}

// heard says that the kubelet has counted what the server answered. A container
// that was started again passes from then on.
func heard(x trial, r *course, c probe.Counted) bool {
	if x.kills() || x.never {
		return c.Failures == r.failed() && c.Successes >= x.passes
	}
	return c.Failures >= r.failed() && c.Successes >= x.passes // it goes on failing
}

// action is one thing that the kubelet did, and when it was to. grace is granted beyond the slack.
type action struct {
	what           string
	seen, from, to time.Duration
	grace          time.Duration
}

func (a action) check(t *testing.T, x trial, slack time.Duration) {
	t.Helper()
	line := fmt.Sprintf("%s: %s after %s, predicted %s to %s", x.name, a.what, a.seen, a.from, a.to)
	if a.seen >= a.from-slack && a.seen <= a.to+a.grace+slack {
		t.Log(line)
		return
	}
	if slack > lateEnough {
		t.Log(line + ": the machine is too slow for that to say anything")
		return
	}
	t.Errorf("%s (and %s beyond it)", line, a.grace)
}

// actions compares what a trial did with what was predicted of it.
func actions(x trial, p probe.Probe, r *course) []action {
	second := func(n int) time.Duration { return time.Duration(n) * time.Second }
	if len(r.asked) == 0 {
		return nil
	}
	// What the kubelet needed to learn of this very start, where that was more.
	notice := max(lag, r.noticed.Sub(r.started)) + rounding
	out := []action{{"first asked", r.asked[0].At.Sub(r.started), second(p.Timing.FirstRunEarliestSeconds), second(p.Timing.FirstRunLatestSeconds), notice}}
	if x.never {
		// From the first request on, for the time before is what the line above tells.
		return append(out, action{"ready", r.changed.Sub(r.asked[0].At), -rounding, second(p.Values.Passing().Latest), lag})
	}
	decided := r.asked[x.passes+x.failing-1]
	at := decided.At.Add(decided.Took)
	v := p.Timing
	act := []action{}
	after := func(what string, when time.Time, from, to int, grace time.Duration) {
		if x.passes == 0 { // it never passed: the interval counts from its start, and liveness waits for the delay first
			wait := *v.StartupGuaranteedSeconds - v.ActEarliestSeconds
			act = append(act, action{what, when.Sub(r.started), second(from + wait), second(to + wait), grace + notice})
			return
		}
		last, first := r.asked[x.passes-1], r.asked[x.passes]
		act = append(act,
			action{what + ", where it failed from the first failure on", when.Sub(first.At), second(from), second(to), grace},
			action{what + ", where it failed from the last success on", when.Sub(last.At.Add(last.Took)), second(from), second(to), grace})
	}
	after("decided", at, v.ActEarliestSeconds, v.ActLatestSeconds, 0)
	if !x.kills() {
		after("unready", r.changed.Add(rounding), v.ActEarliestSeconds, v.ActLatestSeconds, lag+rounding)
		return append(out, act...)
	}
	// Between the decision and the kill lie no timers but the kubelet's work, which the lag is for.
	if r.told.IsZero() { // it was so slow to say so that it was ended by force
		return append(out, act...)
	}
	after("told to end", r.told, v.ActEarliestSeconds, *v.KilledSeconds, lag)
	after("begun again", r.again, v.ActEarliestSeconds, *v.RestartSeconds, lag)
	return append(out, act...)
}
