package render

import (
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
)

// ProbeMoment is a moment of a watch as one line with its time, for a pipe.
func ProbeMoment(m probe.Moment, o Options) (string, error) {
	p, err := watchPage(o)
	if err != nil {
		return "", err
	}
	return p.moment(m, time.RFC3339), nil
}

func watchPage(o Options) (*page, error) {
	texts, err := loadMessages()
	if err != nil {
		return nil, err
	}
	return newPage(texts, o), nil
}

func (p *page) moment(m probe.Moment, layout string) string {
	args := map[string]any{
		"pod": inline(m.Pod), "container": inline(m.Container), "probe": string(m.Probe), "service": inline(m.Service), "reason": inline(m.Reason),
		"times": m.Times, "restarts": m.Restarts, "code": "", "pods": m.Pods, "ready": m.Ready, "serving": m.Serving,
	}
	if m.ExitCode != nil {
		args["code"] = fmt.Sprint(*m.ExitCode)
	}
	line := m.Time.UTC().Format(layout) + "  " + p.say("moment-"+string(m.Event), args)
	if causes := p.causes(m.Since); causes != "" {
		line += ": " + causes
	}
	if m.Missed {
		line += " " + p.say("moment-missed", nil)
	}
	line = inline(safe(line))
	if at, rest, found := strings.Cut(line, " "); found {
		line = at + "  " + rest
	}
	if p.style.ascii {
		line = strings.ReplaceAll(line, "\ufffd", "?")
	}
	return line
}

func (p *page) causes(all []probe.Since) string {
	said := make([]string, len(all))
	for i, s := range all {
		said[i] = p.say("moment-since", map[string]any{"seconds": fmt.Sprintf("%.1f", s.Seconds), "what": p.say("cause-"+string(s.Event), nil)})
	}
	return strings.Join(said, ", ")
}

// ProbeLive is the view of a watch on a terminal: the pods as they are, and below
// them the latest moments, in as many rows as there are (0 where that is not known).
func ProbeLive(v probe.WatchView, latest []probe.Moment, now time.Time, height int, o Options) (string, error) {
	p, err := watchPage(o)
	if err != nil {
		return "", err
	}
	if height <= 0 {
		height = 24
	}
	ready, serving := 0, 0
	for _, x := range v.Pods {
		if x.Ready {
			ready++
		}
		if len(x.In) > 0 {
			serving++
		}
	}
	p.head(p.say("watch-head", map[string]any{
		"target": v.Target.String(), "namespace": v.Target.Namespace, "n": len(v.Pods), "ready": ready, "serving": serving,
		"services": strings.Join(v.Services, ", "), "for": age(v.Began, now),
	}))
	most := max(height-7-min(len(latest), 8), 3)
	shown := v.Pods[:min(len(v.Pods), most)]
	rows := make([]row, len(shown))
	for i, x := range shown {
		rows[i] = p.watchedRow(x, now)
	}
	if err := p.table("  ", p.headers("header-pod", "header-readiness", "header-service", "header-restarts", "header-failed"), rows); err != nil {
		return "", err
	}
	if left := len(v.Pods) - len(shown); left > 0 {
		p.line("  " + p.style.paint(faint, p.say("watch-more", map[string]any{"n": left})))
	}
	p.gap()
	room := max(height-5-len(shown), 3)
	for _, m := range latest[max(0, len(latest)-room):] {
		p.line("  " + cut(p.moment(m, "15:04:05"), p.full()-2, p.style.ellipsis()))
	}
	return p.out.String(), nil
}

func (p *page) watchedRow(x probe.WatchedPod, now time.Time) row {
	m, ready := markOK, p.say("watch-ready", map[string]any{"ready": x.Ready, "for": age(x.Since, now)})
	if !x.Ready {
		m = markError
	}
	if x.Deleting {
		ready, m = p.say("watch-deleting", nil), markProgress
	}
	in := strings.Join(x.In, ", ")
	if in == "" {
		in = p.style.dash()
	}
	return row{m, []string{x.Pod, ready, in, fmt.Sprint(x.Restarts), fmt.Sprint(x.Failures)}}
}

// ProbeWatchEnd is what was seen in all, at the end of a watch.
func ProbeWatchEnd(s probe.WatchSummary, o Options) (string, error) {
	p, err := watchPage(o)
	if err != nil {
		return "", err
	}
	watched := time.Duration(s.Seconds * float64(time.Second)).Round(time.Second).String()
	if len(s.Pods) == 0 {
		p.line(p.say("watch-end-quiet", map[string]any{"target": s.Target, "for": watched, "silences": s.Silences}))
		return p.out.String(), nil
	}
	p.head(p.say("watch-end", map[string]any{"target": s.Target, "for": watched, "silences": s.Silences}))
	rows := make([]row, len(s.Pods))
	for i, t := range s.Pods {
		var failed []string
		for _, kind := range probe.Types() {
			if n := t.Failures[kind]; n > 0 {
				failed = append(failed, fmt.Sprintf("%s %d", kind, n))
			}
		}
		out := fmt.Sprint(t.TimesOut)
		if t.LongestOutSeconds > 0 {
			out = p.say("watch-out", map[string]any{"n": t.TimesOut, "longest": fmt.Sprintf("%.1f", t.LongestOutSeconds)})
		}
		rows[i] = row{noMark, []string{t.Pod, strings.Join(failed, ", "), fmt.Sprint(t.TimesUnready), out, fmt.Sprint(t.Kills), fmt.Sprint(t.Restarts)}}
	}
	if err := p.table("  ", p.headers("header-pod", "header-failed", "header-unready", "header-out", "header-killed", "header-restarts"), rows); err != nil {
		return "", err
	}
	return p.out.String(), nil
}
