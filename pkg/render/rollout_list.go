package render

import (
	"io"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

// RolloutList is every rollout that is under way in a scope; the JSON only ever grows.
type RolloutList struct {
	APIVersion string               `json:"apiVersion"`
	Kind       string               `json:"kind"`
	TakenAt    time.Time            `json:"takenAt"`
	Scope      finding.Scope        `json:"scope"`
	Rollouts   []Rollout            `json:"rollouts"`
	NotChecked []finding.NotChecked `json:"notChecked"`
}

// NewRolloutList puts a list together.
func NewRolloutList(at time.Time, scope finding.Scope, all []Rollout, missed []finding.NotChecked) RolloutList {
	if scope.Targets == nil {
		scope.Targets = []string{}
	}
	return RolloutList{APIVersion: finding.APIVersion, Kind: "RolloutList", TakenAt: at.UTC().Truncate(time.Second), Scope: scope, Rollouts: all, NotChecked: missed}
}

// WriteRolloutList writes the list.
func WriteRolloutList(w io.Writer, l RolloutList, o Options) error {
	l, _ = prepared(l).(RolloutList)
	switch o.Format {
	case JSON:
		return writeJSON(w, l)
	case YAML:
		return writeYAML(w, l)
	case Name:
		var names []byte
		for _, r := range l.Rollouts {
			names = append(names, inline(r.Workload.String())+"\n"...)
		}
		_, err := w.Write(names)
		return err
	case JSONPath:
		return writeJSONPath(w, l, o.Template)
	case Table, Wide:
	}
	p, err := rolloutPage(o)
	if err != nil {
		return err
	}
	if err := p.rollouts(l); err != nil {
		return err
	}
	_, err = io.WriteString(w, p.out.String())
	return err
}

func (p *page) rollouts(l RolloutList) error {
	if len(l.Rollouts) == 0 {
		id := "rollout-list-none"
		if len(l.NotChecked) > 0 {
			id = "rollout-list-unseen"
		}
		p.headline(markInfo, p.say(id, map[string]any{"targets": p.targets(l.Scope)}), "")
	}
	rows := make([]row, len(l.Rollouts))
	for i, r := range l.Rollouts {
		namespace := ""
		if l.Scope.Namespace == "" {
			namespace = r.Workload.Namespace
		}
		rows[i] = row{phaseMark(r), []string{r.Workload.String(), namespace, p.strategy(r.Strategy), p.phase(r), p.where(r), age(r.Since, l.TakenAt), driverName(r)}}
	}
	headers := p.headers("header-workload", "header-namespace", "header-strategy", "header-phase", "header-step", "header-since", "header-driver")
	if err := p.table("", headers, rows); err != nil {
		return err
	}
	p.abandoned(l.Rollouts)
	p.notChecked(l.NotChecked)
	return nil
}

// abandoned says what to do about those that nobody drives.
func (p *page) abandoned(all []Rollout) {
	said := false
	for _, r := range all {
		if !r.Abandoned {
			continue
		}
		if !said {
			p.gap()
			p.line(p.style.paint(strong, p.say("rollout-list-abandoned", nil)))
			said = true
		}
		p.line("  " + p.command(r, verbResume))
	}
}

func driverName(r Rollout) string {
	if r.Driver == nil || !r.Driver.Leads {
		return ""
	}
	return r.Driver.Name
}
