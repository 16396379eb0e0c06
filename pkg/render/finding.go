package render

import (
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

// symptomsShown is how many symptoms Table lists under a finding.
const symptomsShown = 3

// labelsFor sets the column of labels; the long one counts only where it is used.
func (p *page) labelsFor(all []finding.Finding) {
	ids := []string{"why", "path", "object", "seen", "affects", "next"}
	for _, f := range all {
		if hedge(f.Confidence) != "" {
			ids = append(ids, "confidence")
		}
	}
	if p.wide {
		ids = append(ids, "more")
	}
	p.labels(ids...)
}

// finding writes one finding in full.
func (p *page) finding(f finding.Finding) {
	p.headline(severityMark(f.Severity), p.hedged(f), "("+p.say("severity-"+string(severity(f)), nil)+", "+inline(f.Rule)+")")
	p.labelled("why", p.wrapped(f.Why))
	if c := hedge(f.Confidence); c != "" {
		p.labelled("confidence", p.wrapped(p.say(c+"-means", nil)))
	}
	if len(f.Chain) > 1 {
		p.labelled("path", p.wrapped(strings.Join(f.Chain, " "+p.style.arrow()+" ")))
	}
	p.labelled("object", p.wrapped(p.named(f.Object)))
	p.labelled("seen", p.evidence(f.Evidence))
	p.labelled("affects", p.affected(f))
	p.labelled("next", p.steps(f.Fix))
	if p.wide {
		p.labelled("more", []string{p.say("lesson", map[string]any{"rule": inline(f.Rule)})})
	}
}

func severity(f finding.Finding) finding.Severity {
	if f.Severity.Rank() == 0 {
		return finding.Info
	}
	return f.Severity
}

// hedge is the text id of a confidence that has to be said, empty for certain.
func hedge(c finding.Confidence) string {
	switch c {
	case finding.Likely, finding.Possible:
		return "confidence-" + string(c)
	case finding.Certain:
	}
	return ""
}

// hedged is the title, with what keeps it from being certain in front: the
// first line must not say more than the finding does.
func (p *page) hedged(f finding.Finding) string {
	if c := hedge(f.Confidence); c != "" {
		return p.say(c, nil) + ": " + f.Title
	}
	return f.Title
}

// named is an object as a heading has it: "Deployment shop/orders, container app".
func (p *page) named(r finding.Ref) string {
	if r.Name == "" {
		return ""
	}
	s := r.Kind + " " + r.Name
	if r.Namespace != "" {
		s = r.Kind + " " + r.Namespace + "/" + r.Name
	}
	if r.Container != "" {
		s += ", " + p.say("container", map[string]any{"name": r.Container})
	}
	return s
}

// within is the short form of an object, with its namespace where that is not
// the one asked about.
func within(r finding.Ref, namespace string) string {
	if r.Namespace == "" || r.Namespace == namespace {
		return r.String()
	}
	return r.String() + " -n " + r.Namespace
}

// affected says how many suffer and which symptoms the cause explains. A count
// of one is said only of a pod: of anything else it repeats the object.
func (p *page) affected(f finding.Finding) []string {
	var lines []string
	switch {
	case onPods(f) && f.Count > 0:
		lines = append(lines, p.say("count-pods", map[string]any{"n": f.Count}))
	case f.Count > 1:
		lines = append(lines, p.say("count-objects", map[string]any{"n": f.Count}))
	}
	shown := f.Explains
	if !p.wide && len(shown) > symptomsShown {
		shown = shown[:symptomsShown]
	}
	for _, s := range shown {
		lines = append(lines, p.hung(within(s.Object, f.Object.Namespace)+": "+s.Title+" ("+s.Rule+")")...)
	}
	if n := len(f.Explains) - len(shown); n > 0 {
		lines = append(lines, p.style.paint(faint, p.say("more-symptoms", map[string]any{"n": n})))
	}
	return lines
}

// onPods says whether what the finding counts are pods: its chain leads through one.
func onPods(f finding.Finding) bool {
	for _, c := range f.Chain {
		if strings.HasPrefix(c, "pod/") {
			return true
		}
	}
	return f.Where().Kind == "Pod"
}

// steps gives what to do, each command on a line of its own, plain and never
// wrapped, to be copied.
func (p *page) steps(fixes []finding.Fix) []string {
	var lines []string
	for _, f := range fixes {
		lines = append(lines, p.wrapped(f.Text)...)
		if f.Command == "" {
			continue
		}
		for _, l := range strings.Split(f.Command, "\n") {
			lines = append(lines, "  "+strings.ReplaceAll(Command(l, p.connection), "\t", "    "))
		}
	}
	return lines
}
