package render

import (
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
)

// fewPending is how many lines of waiting pods Table shows.
const fewPending = 5

func (p *page) fitTables(r quota.FitReport) error {
	if len(r.Fit) > 0 {
		p.gap()
		head := p.say("fit-head", nil)
		if r.Drain != nil {
			head = p.say("fit-nodes-head", map[string]any{"node": strings.Join(r.Drain.Nodes, ", ")})
		}
		p.line(p.style.paint(strong, head))
		rows := make([]row, len(r.Fit))
		for i, f := range r.Fit {
			running := ""
			if f.Running > 0 {
				running = strconv.Itoa(f.Running)
			}
			rows[i] = row{mark: fitMark(f), cells: []string{within(f.Workload, r.Scope.Namespace), strconv.Itoa(f.Asked), running, fitsText(f)}}
		}
		headers := []string{p.say("fit-workload", nil), p.say("fit-asked", nil), p.say("fit-running", nil), p.say("fit-fits", nil)}
		if err := p.table("  ", headers, rows); err != nil {
			return err
		}
		p.refusing(r)
	}
	if err := p.drained(r); err != nil {
		return err
	}
	return p.waiting(r)
}

// refusing says for each workload that does not fit what refuses the others, in
// the scheduler's words, with the number of nodes.
func (p *page) refusing(r quota.FitReport) {
	first := true
	for _, f := range r.Fit {
		if len(f.Refused) == 0 {
			continue
		}
		if first {
			p.gap()
			p.line(p.style.paint(strong, p.say("fit-refused-head", nil)))
			first = false
		}
		p.bullet(fitMark(f), p.say("fit-refused", map[string]any{"workload": within(f.Workload, r.Scope.Namespace), "text": p.refusals(f.Refused, r.Nodes)}))
	}
}

func fitMark(f quota.Fit) mark {
	switch {
	case f.Fits == nil:
		return markUnknown
	case f.Whole():
		return markOK
	case f.FitsAtMost != nil && *f.FitsAtMost >= f.Asked:
		return markInfo
	}
	return markWarning
}

func fitsText(f quota.Fit) string {
	switch {
	case f.Fits == nil:
		return "-"
	case f.FitsAtMost != nil:
		return span(*f.Fits, *f.FitsAtMost, true)
	}
	return strconv.Itoa(*f.Fits)
}

// refusals are the scheduler's words with the number of nodes behind each.
func (p *page) refusals(all []quota.Refused, nodes int) string {
	parts := make([]string, len(all))
	for i, r := range all {
		parts[i] = r.Words
		if r.Nodes > 0 {
			parts[i] = p.say("fit-each-node", map[string]any{"words": r.Words, "n": r.Nodes, "nodes": nodes})
		}
	}
	return strings.Join(parts, ", ")
}

// drained tells of the pods that stay, those that are lost, and the budgets.
func (p *page) drained(r quota.FitReport) error {
	d := r.Drain
	if d == nil {
		return nil
	}
	if d.Stays > 0 || len(d.Lost) > 0 {
		p.gap()
	}
	if d.Stays > 0 {
		p.bullet(markInfo, p.say("fit-stays", map[string]any{"n": d.Stays}))
	}
	if len(d.Lost) > 0 {
		p.bullet(markWarning, p.say("fit-lost", map[string]any{"names": p.names(d.Lost)}))
	}
	if len(d.Budgets) == 0 {
		return nil
	}
	p.gap()
	p.line(p.style.paint(strong, p.say("fit-budget-head", nil)))
	rows := make([]row, len(d.Budgets))
	for i, b := range d.Budgets {
		m := markOK
		if b.Blocks {
			m = markError
		}
		rows[i] = row{mark: m, cells: []string{b.Namespace + "/" + b.Name, strconv.Itoa(b.Pods), strconv.Itoa(b.Allowed)}}
	}
	return p.table("  ", []string{p.say("fit-budget", nil), p.say("fit-pods", nil), p.say("fit-allowed", nil)}, rows)
}

// waiting tells of the pods that have no node already, and what would have to
// change for one of them to get one.
func (p *page) waiting(r quota.FitReport) error {
	if len(r.Pending) == 0 {
		return nil
	}
	all := together(r.Pending)
	shown := all
	if !p.wide && len(shown) > fewPending {
		shown = shown[:fewPending]
	}
	pods, rows := 0, make([]row, len(shown))
	for _, w := range r.Pending {
		pods += w.Pods
	}
	for i, w := range shown {
		m, fits := markWarning, "-"
		switch {
		case w.Fits == nil:
			m = markUnknown
		case *w.Fits >= w.Pods:
			m, fits = markInfo, strconv.Itoa(*w.Fits)
		default:
			fits = strconv.Itoa(*w.Fits)
		}
		rows[i] = row{mark: m, cells: []string{within(w.Workload, r.Scope.Namespace), strconv.Itoa(w.Pods), fits}}
	}
	p.gap()
	p.line(p.style.paint(strong, p.say("fit-pending-head", map[string]any{"n": pods})))
	if err := p.table("  ", []string{p.say("fit-workload", nil), p.say("fit-pods", nil), p.say("fit-fits", nil)}, rows); err != nil {
		return err
	}
	if more := len(all) - len(rows); more > 0 {
		p.line("  " + p.style.paint(faint, p.say("fit-quiet", map[string]any{"n": more})))
	}
	for _, w := range shown {
		if w.Change == "" {
			continue
		}
		args := map[string]any{"workload": within(w.Workload, r.Scope.Namespace), "text": "", "change": w.Change}
		if !slices.ContainsFunc(r.Fit, func(f quota.Fit) bool { return f.Workload == w.Workload && len(f.Refused) > 0 }) {
			args["text"] = p.refusals(w.Refused, r.Nodes) // not said above
		}
		p.bullet(markInfo, p.say("fit-waits", args))
	}
	return nil
}

// together makes one line of pods of a workload that differ by their claims alone,
// and wait for the same.
func together(all []quota.Pending) []quota.Pending {
	var out []quota.Pending
	for _, w := range all {
		i := slices.IndexFunc(out, func(o quota.Pending) bool {
			return o.Workload == w.Workload && o.Message == w.Message && o.Change == w.Change && (o.Fits == nil) == (w.Fits == nil)
		})
		if i < 0 {
			out = append(out, w)
			continue
		}
		out[i].Pods += w.Pods
		if w.Fits != nil {
			n := *out[i].Fits + *w.Fits
			out[i].Fits = &n
		}
	}
	return out
}

// gapText says what was not reckoned with.
func (p *page) gapText(g quota.NotModelled) string {
	args := map[string]any{"what": g.What}
	text, ok := map[fit.GapKind]string{
		quota.GapOrder: p.say("fit-gap-order", args), quota.GapPreemption: p.say("fit-gap-preemption", args),
		quota.GapGate: p.say("fit-gap-scheduling-gate", args), quota.GapUpdate: p.say("fit-gap-update", args),
		quota.GapAdmission: p.say("fit-gap-admission", args), fit.UnboundClaim: p.say("fit-gap-unbound-claim", args),
		fit.UnreadClaim: p.say("fit-gap-unread-claim", args), fit.UnreadVolume: p.say("fit-gap-unread-volume", args),
		fit.UnreadNamespaces: p.say("fit-gap-unread-namespaces", args), fit.VolumeLimit: p.say("fit-gap-volume-limit", args),
		fit.InlineDisk: p.say("fit-gap-inline-disk", args), fit.DeviceClaim: p.say("fit-gap-device-claim", args),
		fit.DeviceClass: p.say("fit-gap-device-class", args), fit.PodGroup: p.say("fit-gap-pod-group", args),
		fit.OtherScheduler: p.say("fit-gap-other-scheduler", args), fit.Reserved: p.say("fit-gap-reserved", args),
		fit.NodeFeature: p.say("fit-gap-node-feature", args),
	}[g.Kind]
	if !ok {
		return string(g.Kind) + " " + g.What
	}
	return text
}
