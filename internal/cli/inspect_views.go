package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// viewFlags choose what inspect shows instead of the explanation.
type viewFlags struct{ timeline, diff, learn bool }

func (v *viewFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.BoolVar(&v.timeline, "timeline", false, "")
	fs.BoolVar(&v.diff, "diff", false, "")
	fs.BoolVar(&v.learn, "learn", false, "")
}

// viewed is a report of a view that can be written and judged.
type viewed interface{ Base() finding.Report }

// look is a view: what it reads, and what it makes of that.
type look struct {
	plan func(*snapshot.Snapshot, inspect.Query) snapshot.Needs
	make func(*snapshot.Snapshot, inspect.Query, inspect.Options) (viewed, error)
}

// look gives the view that was chosen; the explanation is none.
func (v viewFlags) look() (look, bool) {
	switch {
	case v.timeline:
		return look{inspect.TimelinePlan, func(s *snapshot.Snapshot, q inspect.Query, o inspect.Options) (viewed, error) {
			return inspect.Timeline(s, q, o)
		}}, true
	case v.diff:
		return look{inspect.DiffPlan, func(s *snapshot.Snapshot, q inspect.Query, o inspect.Options) (viewed, error) {
			report, err := inspect.Differ(s, q, o)
			var none *inspect.NoRevisionsError
			if errors.As(err, &none) {
				return nil, usage("error.no-revisions", "target", none.Target.String())
			}
			return report, err
		}}, true
	case v.learn:
		return look{inspect.Plan, func(s *snapshot.Snapshot, q inspect.Query, o inspect.Options) (viewed, error) {
			return inspect.Learn(s, q, o)
		}}, true
	}
	return look{inspect.Plan, func(s *snapshot.Snapshot, q inspect.Query, o inspect.Options) (viewed, error) {
		return inspect.Inspect(s, q, o)
	}}, false
}

// check refuses views that need an object, and two at once.
func (v viewFlags) check(s selection, selector string) error {
	n := 0
	for _, on := range []bool{v.timeline, v.diff, v.learn} {
		if on {
			n++
		}
	}
	switch {
	case n > 1:
		return usage("error.one-view")
	case n == 1 && len(s.objects) == 0 && len(s.kinds) == 0 && selector == "":
		return usage("error.view-needs-object")
	}
	return nil
}

// runView reads, makes the view and writes it.
func (a *app) runView(ctx context.Context, o inspectOptions, l look) error {
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		return err
	}
	s, q, err := a.see(ctx, o.readOptions, l.plan)
	if err != nil {
		return err
	}
	if err := a.saveSnapshot(o.save, s); err != nil {
		return err
	}
	report, err := l.make(s, q, inspect.Options{Lang: a.lang, Catalogue: catalogue})
	if err != nil {
		return err
	}
	return a.give(report, o.output, o.verdict)
}
