package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
)

// listFormat is -o of commands whose answer is not a report.
type listFormat string

const (
	asTable listFormat = "table"
	asJSON  listFormat = "json"
	asYAML  listFormat = "yaml"
	asName  listFormat = "name"
)

type rulesOptions struct {
	id     string
	output listFormat
}

// ruleView is a rule as it is shown; the JSON only ever grows.
type ruleView struct {
	ID       string           `json:"id"`
	Severity finding.Severity `json:"severity"`
	Summary  string           `json:"summary"`
	Why      string           `json:"why,omitempty"`
	Fix      []finding.Fix    `json:"fix,omitempty"`
	Silent   string           `json:"silent,omitempty"`
	Lesson   string           `json:"lesson,omitempty"`
}

type ruleList struct {
	APIVersion string     `json:"apiVersion"`
	Kind       string     `json:"kind"`
	Rules      []ruleView `json:"rules"`
}

func newRules(a *app, runF func(context.Context, rulesOptions) error) *cobra.Command {
	o := rulesOptions{output: asTable}
	cmd := &cobra.Command{
		Use:               "rules [ID]",
		Short:             a.t("rules.short"),
		Long:              a.t("rules.long"),
		Example:           a.t("rules.examples"),
		ValidArgsFunction: completeRules,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("error.one-argument", "command", cmd.CommandPath(), "argument", args[1])
			}
			if len(args) == 1 {
				o.id = args[0]
			}
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return a.runRules(o)
		},
	}
	cmd.Flags().VarP(enum(&o.output, asTable, asJSON, asYAML, asName), "output", "o", "")
	return cmd
}

func (a *app) runRules(o rulesOptions) error {
	catalogue, err := finding.LoadLessons()
	if err != nil {
		return err
	}
	ids := catalogue.IDs()
	if o.id != "" {
		if _, ok := catalogue[o.id]; !ok {
			return usage("error.unknown-rule", "id", o.id, "near", nearestRule(o.id, ids))
		}
		ids = []string{o.id}
	}
	list := ruleList{APIVersion: finding.APIVersion, Kind: "RuleList", Rules: []ruleView{}}
	for _, id := range ids {
		list.Rules = append(list.Rules, viewRule(a.lang, catalogue[id], a.t("lesson.or")))
	}
	switch o.output {
	case asJSON, asYAML:
		return a.writeData(list, o.output)
	case asName:
		_, err := fmt.Fprintln(a.Streams.Out, strings.Join(ids, "\n"))
		return err
	case asTable:
	}
	if o.id != "" {
		return a.writeLesson(list.Rules[0])
	}
	rows := make([][]string, len(list.Rules))
	for i, r := range list.Rules {
		rows[i] = []string{r.ID, string(r.Severity), r.Summary}
	}
	return render.WriteTable(a.Streams.Out, []string{a.t("column.rule"), a.t("column.severity"), a.t("column.summary")}, rows, a.render(outputValue{format: render.Wide}))
}

// nearestRule takes an id without its room, too.
func nearestRule(typed string, ids []string) string {
	if near := nearest(typed, ids); near != "" {
		return near
	}
	causes := map[string]string{}
	var words []string
	for _, id := range ids {
		_, cause, _ := strings.Cut(id, "/")
		causes[cause] = id
		words = append(words, cause)
	}
	_, cause, found := strings.Cut(typed, "/")
	if !found {
		cause = typed
	}
	return causes[nearest(cause, words)]
}
