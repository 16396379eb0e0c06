package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/render"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// askOptions is a wish for a rollout that is under way.
type askOptions struct {
	workload rollout.Ref
	do       rollout.Ask
	// gates that reach beyond the cluster are asked without the person being asked.
	gates bool
	// force goes on over what someone else has changed.
	force bool
	// events writes each event as JSON.
	events      bool
	exitOnPause bool
	// revision is where undo goes; 0 is the one before.
	revision int64
	// timeout ends the command, where one was asked for: a rollout takes its time.
	timeout bool
}

// askCommand is what the commands have in common that ask something of a rollout.
type askCommand struct {
	use string
	do  rollout.Ask
	// drives says that the command may drive the rollout itself, until it is over.
	drives bool
	flags  func(cmd *cobra.Command, o *askOptions)
	check  func(o *askOptions) error
	run    func(context.Context, askOptions) error
}

func newRolloutAsk(a *app, c askCommand, runF func(context.Context, askOptions) error) *cobra.Command {
	o := askOptions{do: c.do}
	format, leave := asTable, exitOnEnd
	cmd := &cobra.Command{
		Use:               c.use + " TYPE/NAME",
		Short:             a.t("rollout." + c.use + ".short"),
		Long:              a.t("rollout." + c.use + ".long"),
		Example:           a.t("rollout." + c.use + ".examples"),
		ValidArgsFunction: a.completeWorkloads,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.workload, err = a.workload(cmd, args); err != nil {
				return err
			}
			if c.check != nil {
				if err := c.check(&o); err != nil {
					return err
				}
			}
			o.events, o.exitOnPause, o.timeout = format == asJSON, leave == exitOnPause, cmd.Flags().Changed("timeout")
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return c.run(cmd.Context(), o)
		},
	}
	if c.flags != nil {
		c.flags(cmd, &o)
	}
	if c.drives {
		cmd.Flags().Var(enum(&leave, exitOnEnd, exitOnPause), "exit-on", "")
	}
	if c.do != rollout.AskPause { // it is over once the driver has heard
		cmd.Flags().VarP(enum(&format, asTable, asJSON), "output", "o", "")
	}
	return cmd
}

// workload is the one that was named, with its namespace where -n says it.
func (a *app) workload(cmd *cobra.Command, args []string) (rollout.Ref, error) {
	if err := a.global.check(); err != nil {
		return rollout.Ref{}, err
	}
	ref, err := parseWorkload(cmd, args)
	if err != nil {
		return ref, err
	}
	if ref.Namespace = *a.global.config.Namespace; ref.Namespace != "" {
		err = checkNamespace(ref.Namespace)
	}
	return ref, err
}

func newRolloutPromote(a *app, runF func(context.Context, askOptions) error) *cobra.Command {
	full := false
	return newRolloutAsk(a, askCommand{
		use: "promote", do: rollout.AskPromote, drives: true, run: a.runRolloutAsk,
		flags: func(cmd *cobra.Command, o *askOptions) {
			cmd.Flags().BoolVar(&full, "full", false, "")
			gatesFlag(cmd, o)
		},
		check: func(o *askOptions) error {
			if full {
				o.do = rollout.AskFull
			}
			return nil
		},
	}, runF)
}

func newRolloutPause(a *app, runF func(context.Context, askOptions) error) *cobra.Command {
	return newRolloutAsk(a, askCommand{use: "pause", do: rollout.AskPause, run: a.runRolloutAsk}, runF)
}

func newRolloutResume(a *app, runF func(context.Context, askOptions) error) *cobra.Command {
	return newRolloutAsk(a, askCommand{use: "resume", do: rollout.AskResume, drives: true, run: a.runRolloutAsk, flags: func(cmd *cobra.Command, o *askOptions) {
		forceFlag(cmd, o)
		gatesFlag(cmd, o)
	}}, runF)
}

func newRolloutAbort(a *app, runF func(context.Context, askOptions) error) *cobra.Command {
	return newRolloutAsk(a, askCommand{use: "abort", do: rollout.AskAbort, run: a.runRolloutAsk, flags: forceFlag}, runF)
}

func forceFlag(cmd *cobra.Command, o *askOptions) {
	cmd.Flags().BoolVar(&o.force, "force-conflicts", false, "")
}

func gatesFlag(cmd *cobra.Command, o *askOptions) {
	cmd.Flags().BoolVar(&o.gates, "allow-gates", false, "")
}

func newRolloutUndo(a *app, runF func(context.Context, askOptions) error) *cobra.Command {
	return newRolloutAsk(a, askCommand{
		use: "undo", do: rollout.AskAbort, drives: true, run: a.runRolloutUndo,
		flags: func(cmd *cobra.Command, o *askOptions) { cmd.Flags().Int64Var(&o.revision, "to-revision", 0, "") },
		check: func(o *askOptions) error {
			if o.revision < 0 {
				return usage("rollout.error.revision", "value", o.revision)
			}
			return nil
		},
	}, runF)
}

// statusOptions is a look at one rollout.
type statusOptions struct {
	workload rollout.Ref
	watch    bool
	output   outputValue
	timeout  bool
}

func newRolloutStatus(a *app, runF func(context.Context, statusOptions) error) *cobra.Command {
	o := statusOptions{output: outputValue{format: render.Table}}
	cmd := &cobra.Command{
		Use:               "status TYPE/NAME",
		Short:             a.t("rollout.status.short"),
		Long:              a.t("rollout.status.long"),
		Example:           a.t("rollout.status.examples"),
		ValidArgsFunction: a.completeWorkloads,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.workload, err = a.workload(cmd, args); err != nil {
				return err
			}
			if f := o.output.format; o.watch && f != render.Table && f != render.Wide && f != render.JSON {
				return usage("rollout.error.watch-output", "format", string(f))
			}
			o.timeout = cmd.Flags().Changed("timeout")
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return a.runRolloutStatus(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "")
	cmd.Flags().VarP(&o.output, "output", "o", "")
	return cmd
}

// rolloutListOptions is a look at all rollouts of a scope.
type rolloutListOptions struct {
	// namespace is what -n named, "" where the context's is to be used.
	namespace     string
	allNamespaces bool
	output        outputValue
}

func newRolloutList(a *app, runF func(context.Context, rolloutListOptions) error) *cobra.Command {
	o := rolloutListOptions{output: outputValue{format: render.Table}}
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   a.t("rollout.list.short"),
		Long:    a.t("rollout.list.long"),
		Example: a.t("rollout.list.examples"),
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.global.check(); err != nil {
				return err
			}
			if o.namespace = *a.global.config.Namespace; o.namespace != "" {
				if err := checkNamespace(o.namespace); err != nil {
					return err
				}
			}
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return a.runRolloutList(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "")
	cmd.Flags().VarP(&o.output, "output", "o", "")
	return cmd
}
