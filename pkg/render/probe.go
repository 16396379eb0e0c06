package render

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
)

// probed writes what is wrong with probes, then what each of them does and when.
func (p *page) probed(r probe.Report) error {
	if r.Timeline != nil {
		p.timeline(*r.Timeline)
	}
	if r.Trial != nil {
		p.gap()
		p.trial(*r.Trial)
	}
	if r.Without != nil && len(r.Findings) == 0 {
		p.gap()
		p.nothingWritten(*r.Without, r.Report)
	} else if len(r.Findings) == 0 {
		p.gap()
		p.nothingFound(r.Report, nil)
	} else if err := p.findings(r.Report); err != nil {
		return err
	}
	if err := p.probes(r.Probes, r.Scope.Namespace); err != nil {
		return err
	}
	p.bare(r.Bare, r.Scope.Namespace)
	if r.KubeletsNotAsked > 0 {
		p.gap()
		p.paragraph(p.say("kubelets-not-asked", map[string]any{"n": r.KubeletsNotAsked}))
	}
	p.notChecked(r.NotChecked)
	if p.wide {
		p.taken(r.Report)
	}
	return nil
}

// nothingWritten says that files hold nothing that could have a probe.
func (p *page) nothingWritten(w probe.Without, base finding.Report) {
	p.headline(markInfo, p.say("probes-none-written", map[string]any{"kinds": strings.Join(w.Kinds, ", ")}), p.uncheckedTail(base))
}

// head begins a section, on as many lines as it takes.
func (p *page) head(text string) {
	for _, l := range wrap(text, p.prose()) {
		p.line(p.style.paint(strong, l))
	}
}

// trial says what changes that were tried out do to the findings.
func (p *page) trial(t probe.Trial) {
	p.head(p.say("trial", map[string]any{"set": strings.Join(t.Set, ", ")}))
	tell := func(m mark, id string, all []finding.Symptom) {
		for _, s := range all {
			p.bullet(m, p.say(id, map[string]any{"title": s.Title, "rule": s.Rule}))
		}
	}
	tell(markOK, "trial-gone", t.Gone)
	tell(markWarning, "trial-new", t.New)
	if len(t.Gone)+len(t.New) == 0 {
		p.bullet(markInfo, p.say("trial-same", nil))
	}
}

// byContainer splits probes where the container changes.
func byContainer(all []probe.Probe) [][]probe.Probe {
	var out [][]probe.Probe
	for i, x := range all {
		if i > 0 && x.Pod == all[i-1].Pod && x.Namespace == all[i-1].Namespace && x.Container == all[i-1].Container {
			out[len(out)-1] = append(out[len(out)-1], x)
			continue
		}
		out = append(out, []probe.Probe{x})
	}
	return out
}

// probes writes every probe in full, of many one line each.
func (p *page) probes(all []probe.Probe, namespace string) error {
	if len(all) == 0 {
		return nil
	}
	groups := byContainer(all)
	p.gap()
	if !p.wide && len(groups) > inFull {
		p.head(p.say("probes-many", map[string]any{"n": len(all), "containers": len(groups)}))
		return p.probeTable(all, namespace)
	}
	p.head(p.say("probes", nil))
	p.labels("probe-startup", "probe-readiness", "probe-liveness", "probe-seen")
	defaults := false
	for i, group := range groups {
		if i > 0 {
			p.gap()
		}
		first := group[0]
		p.line("  " + inline(p.say("probes-container", map[string]any{
			"object": inNamespace(first, namespace), "name": first.Container, "sidecar": first.Role == probe.Sidecar,
		})))
		startup := slices.ContainsFunc(group, func(x probe.Probe) bool { return x.Type == probe.Startup })
		for _, x := range group {
			p.labelled("probe-"+string(x.Type), p.probeLines(x, startup))
			defaults = defaults || len(x.Values.Default) > 0
		}
		if s := first.Seen; s != nil {
			p.labelled("probe-seen", p.wrapped(p.say("probe-seen-starts", map[string]any{"n": s.Starts, "span": p.span(s.FastestSeconds, s.SlowestSeconds), "margin": s.MarginSeconds})))
		}
	}
	p.gap()
	if defaults {
		p.line("  " + p.style.paint(faint, p.say("probes-default", nil)))
	}
	for _, l := range wrap(p.say("probes-lag", nil), p.prose()-2) {
		p.line("  " + p.style.paint(faint, l))
	}
	return nil
}

// inNamespace is where a probe was read, with its namespace where that is not the one asked about.
func inNamespace(x probe.Probe, namespace string) string {
	if x.Namespace == namespace {
		return x.Pod
	}
	return x.Pod + " -n " + x.Namespace
}

// probeLines says what one probe asks, how often, and what follows when it fails.
func (p *page) probeLines(x probe.Probe, startup bool) []string {
	lines := p.wrapped(x.Handler)
	every, acts := p.every(x.Values), p.acts(x.Type, x.Timing)
	if x.NoVerdict {
		acts = []string{p.say("no-verdict-"+string(x.Type), nil)}
	}
	lines = append(lines, p.wrapped(every)...)
	if x.Was != nil {
		if was := p.every(x.Was.Values); was != every {
			lines = append(lines, p.wrapped(p.say("probe-was", map[string]any{"was": was}))...)
		}
	}
	if x.Deleting {
		goesOn := x.Type == probe.Readiness || x.Role == probe.Sidecar
		lines = append(lines, p.wrapped(p.say("probe-deleting", map[string]any{"goesOn": goesOn}))...)
	}
	lines = append(lines, p.wrapped(p.firstAsked(x, startup))...)
	if x.Failures > 0 || x.Kills > 0 {
		lines = append(lines, p.wrapped(p.say("probe-failures", map[string]any{"n": x.Failures, "kills": x.Kills, "since": clockTime(x.FailuresSince)}))...)
	}
	if x.Counted != nil {
		lines = append(lines, p.wrapped(p.counted(*x.Counted))...)
	}
	for i, act := range acts {
		lines = append(lines, p.wrapped(act)...)
		if x.Was == nil || x.NoVerdict {
			continue
		}
		if was := p.acts(x.Type, x.Was.Timing); i < len(was) && was[i] != act {
			lines = append(lines, p.wrapped(p.say("probe-was", map[string]any{"was": was[i]}))...)
		}
	}
	return lines
}

// counted says what the kubelets have counted of a probe.
func (p *page) counted(c probe.Counted) string {
	within := ""
	if c.P95AtMostMs != nil {
		within = fmt.Sprint(*c.P95AtMostMs)
	}
	return p.say("probe-counted", map[string]any{"runs": c.Successes + c.Failures, "failed": c.Failures, "within": within})
}

// clockTime writes a time of day in UTC, as events do.
func clockTime(t *metav1.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format("15:04:05Z")
}

// every writes a probe's numbers, the defaults marked.
func (p *page) every(v probe.Values) string {
	seconds := func(n int, f probe.Field) string {
		return p.say("seconds", map[string]any{"n": n, "default": slices.Contains(v.Default, f)})
	}
	failures := fmt.Sprint(v.FailureThreshold)
	if slices.Contains(v.Default, probe.FailureThreshold) {
		failures += "*"
	}
	successes := ""
	if v.SuccessThreshold > 1 {
		successes = fmt.Sprint(v.SuccessThreshold)
	}
	grace := ""
	if own := v.TerminationGracePeriodSeconds; own != nil {
		grace = fmt.Sprint(*own)
	}
	return p.say("probe-every", map[string]any{
		"grace":  grace,
		"period": seconds(v.PeriodSeconds, probe.Period), "timeout": seconds(v.TimeoutSeconds, probe.Timeout),
		"failures": failures, "n": v.FailureThreshold, "successes": successes,
	})
}

func (p *page) firstAsked(x probe.Probe, startup bool) string {
	t := x.Timing
	if startup && x.Type != probe.Startup {
		delay := ""
		if t.FirstRunEarliestSeconds > 0 {
			delay = fmt.Sprint(t.FirstRunEarliestSeconds)
		}
		return p.say("probe-first-after-startup", map[string]any{"delay": delay})
	}
	return p.say("probe-first", map[string]any{"span": p.span(t.FirstRunEarliestSeconds, t.FirstRunLatestSeconds)})
}

// acts says when a probe acts and what then becomes of the container.
func (p *page) acts(kind probe.Type, t probe.Timing) []string {
	span := map[string]any{"span": p.span(t.ActEarliestSeconds, t.ActLatestSeconds)}
	if kind == probe.Readiness {
		return []string{p.say("probe-leaves", span)}
	}
	var out []string
	if t.StartupGuaranteedSeconds != nil {
		out = append(out, p.say("probe-budget", map[string]any{
			"span": p.span(*t.StartupGuaranteedSeconds, *t.StartupMaximumSeconds), "guaranteed": *t.StartupGuaranteedSeconds,
		}))
	}
	if kind == probe.Liveness {
		out = append(out, p.say("probe-kills", span))
	}
	if t.KilledSeconds == nil {
		return out
	}
	gone := map[string]any{"gone": *t.KilledSeconds, "again": 0, "atOnce": 0, "startup": kind == probe.Startup}
	if t.RestartSeconds != nil {
		gone["again"] = *t.RestartSeconds
	}
	if t.RestartsAtOnce != nil {
		gone["atOnce"] = *t.RestartsAtOnce
	}
	return append(out, p.say("probe-gone", gone))
}

// span writes an interval of seconds.
func (p *page) span(from, to int) string {
	if from == to {
		return p.say("span-one", map[string]any{"from": from})
	}
	return p.say("span", map[string]any{"from": from, "to": to})
}

// roomForHandlers is the width from which on the table says what probes ask, too.
const roomForHandlers = 110

// probeTable gives every probe one line.
func (p *page) probeTable(all []probe.Probe, namespace string) error {
	rows := make([]row, len(all))
	for i, x := range all {
		object, container := inNamespace(x, namespace), x.Container
		if i > 0 && x.Pod == all[i-1].Pod && x.Namespace == all[i-1].Namespace {
			object = ""
			if container == all[i-1].Container {
				container = ""
			}
		}
		act := p.say("act-"+string(x.Type), map[string]any{"span": p.span(x.Timing.ActEarliestSeconds, x.Timing.ActLatestSeconds)})
		if x.NoVerdict {
			act = p.say("act-no-verdict-"+string(x.Type), nil)
		}
		asks := x.Handler
		if p.width > 0 && p.width < roomForHandlers {
			asks = ""
		}
		rows[i] = row{noMark, []string{object, container, p.say("probe-"+string(x.Type), nil), act, asks}}
	}
	return p.table("  ", p.headers("header-object", "header-container", "header-probe", "header-acts", "header-asks"), rows)
}

// bare names the containers without a probe.
func (p *page) bare(all []finding.Ref, namespace string) {
	if len(all) == 0 {
		return
	}
	names := make([]string, len(all))
	for i, r := range all {
		names[i] = within(r.Object(), namespace) + " " + r.Container
	}
	text := p.names(names)
	if p.wide {
		text = strings.Join(names, ", ")
	}
	p.gap()
	for _, l := range wrap(p.say("probes-bare", map[string]any{"n": len(all), "names": text}), p.prose()) {
		p.line(p.style.paint(faint, l))
	}
}
