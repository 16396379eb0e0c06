package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-msa/kubectl-msa/pkg/render"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/gate"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/plan"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/router"
)

// startVerb is a command that begins a rollout, or says what it would do.
type startVerb string

const (
	startPlan      startVerb = "plan"
	startCanary    startVerb = "canary"
	startBlueGreen startVerb = "bluegreen"
)

// strategy is the one that the verb stands for, empty where a flag says it.
func (v startVerb) strategy() rollout.Strategy {
	switch v {
	case startCanary:
		return rollout.Canary
	case startBlueGreen:
		return rollout.BlueGreen
	case startPlan:
	}
	return ""
}

// startFlags is what was typed.
type startFlags struct {
	images, env, files, gates, services []string
	patch, steps, pause, preview        string
	groupBy                             string
	strategy                            rollout.Strategy
	via                                 rollout.Via
	onFail                              rollout.OnFail
	exitOn                              exitOn
	timeout, keep                       time.Duration
	maxSurge, maxRestarts               int
	dryRun                              bool
	format                              listFormat
	report                              outputValue
}

// startOptions is what will run.
type startOptions struct {
	// spec is what was asked for, as far as it was: the plan completes it. Its namespace is empty where the context's is to be used.
	spec rollout.Spec
	// planOnly stops when the plan is made.
	planOnly    bool
	exitOnPause bool
	// events writes each event as JSON; report is how the plan is written.
	events bool
	report outputValue
}

func newRolloutStart(a *app, verb startVerb, runF func(context.Context, startOptions) error) *cobra.Command {
	f := &startFlags{onFail: rollout.Rollback, exitOn: exitOnEnd, format: asTable, report: outputValue{format: render.Table}}
	cmd := &cobra.Command{
		Use:               string(verb) + " TYPE/NAME",
		Short:             a.t("rollout." + string(verb) + ".short"),
		Long:              a.t("rollout." + string(verb) + ".long"),
		Example:           a.t("rollout." + string(verb) + ".examples"),
		ValidArgsFunction: a.completeWorkloads,
		RunE:              runs(func(cmd *cobra.Command, args []string) (startOptions, error) { return f.options(a, cmd, verb, args) }, a.runRolloutStart, runF),
	}
	f.add(cmd, verb)
	return cmd
}

func (f *startFlags) add(cmd *cobra.Command, verb startVerb) {
	fs := cmd.Flags()
	fs.StringArrayVar(&f.images, "image", nil, "")
	fs.StringArrayVar(&f.env, "set-env", nil, "")
	fs.StringVar(&f.patch, "patch", "", "")
	fs.StringArrayVarP(&f.files, "filename", "f", nil, "")
	if verb == startPlan {
		fs.Var(enum(&f.strategy, rollout.Canary, rollout.BlueGreen), "strategy", "")
	}
	fs.StringVar(&f.steps, "steps", "", "")
	fs.StringVar(&f.pause, "pause", "", "")
	fs.StringArrayVar(&f.gates, "gate", nil, "")
	fs.Var(enum(&f.onFail, rollout.Rollback, rollout.HoldOnFail), "on-fail", "")
	fs.DurationVar(&f.timeout, "timeout", 0, "")
	fs.Var(enum(&f.via, router.Names()...), "via", "")
	fs.StringArrayVar(&f.services, "service", nil, "")
	fs.StringVar(&f.preview, "preview", "", "")
	fs.DurationVar(&f.keep, "keep", 0, "")
	fs.IntVar(&f.maxSurge, "max-surge", 0, "")
	fs.IntVar(&f.maxRestarts, "max-restarts", 0, "")
	fs.StringVar(&f.groupBy, "group-by", "", "")
	if verb == startPlan {
		fs.VarP(&f.report, "output", "o", "")
	} else {
		fs.BoolVar(&f.dryRun, "dry-run", false, "")
		fs.Var(enum(&f.exitOn, exitOnEnd, exitOnPause), "exit-on", "")
		fs.VarP(enum(&f.format, asTable, asJSON), "output", "o", "")
	}
	// What the verb has no use for is taken, so that the answer can be better than "unknown flag", and not shown.
	for _, name := range foreignTo(verb) {
		fs.Lookup(name).Hidden = true
	}
}

// foreignTo lists the flags that a strategy has no use for.
func foreignTo(verb startVerb) []string {
	switch verb {
	case startCanary:
		return []string{"preview", "keep"}
	case startBlueGreen:
		return []string{"steps", "max-surge", "group-by"}
	case startPlan:
	}
	return nil
}

// options checks what was typed, without looking at any cluster.
func (f *startFlags) options(a *app, cmd *cobra.Command, verb startVerb, args []string) (startOptions, error) {
	o := startOptions{planOnly: f.dryRun || verb == startPlan, exitOnPause: f.exitOn == exitOnPause, events: f.format == asJSON, report: f.report}
	if f.format == asJSON {
		o.report.format = render.JSON
	}
	if err := a.global.check(); err != nil {
		return o, err
	}
	var err error
	if o.spec, err = f.base(a, cmd, args); err != nil {
		return o, err
	}
	if err := f.namespace(a, &o.spec); err != nil {
		return o, err
	}
	if err := f.change(&o.spec.Edit); err != nil {
		return o, err
	}
	if err := f.howTo(cmd, verb, &o.spec); err != nil {
		return o, err
	}
	return o, f.pace(cmd, &o.spec)
}

// base is what the arguments and the file say.
func (f *startFlags) base(a *app, cmd *cobra.Command, args []string) (rollout.Spec, error) {
	var ref rollout.Ref
	var err error
	if len(args) > 0 || len(f.files) == 0 {
		if ref, err = parseWorkload(cmd, args); err != nil {
			return rollout.Spec{}, err
		}
	}
	switch {
	case len(f.files) > 1:
		return rollout.Spec{}, usage("rollout.error.files", "first", f.files[0], "second", f.files[1])
	case len(f.files) == 1 && f.files[0] == "":
		return rollout.Spec{}, usage("error.flag-needs-value", "flag", "-f/--filename", "type", "file")
	case len(f.files) == 1:
		return a.readSpec(f.files[0], ref)
	}
	return rollout.Spec{Workload: ref}, nil
}

// namespace settles which one is meant; -n and a file that names another contradict each other, as in kubectl.
func (f *startFlags) namespace(a *app, spec *rollout.Spec) error {
	typed := *a.global.config.Namespace
	if typed != "" {
		if err := checkNamespace(typed); err != nil {
			return err
		}
		if theirs := spec.Workload.Namespace; theirs != "" && theirs != typed {
			return usage("rollout.error.file-namespace", "file", f.files[0], "theirs", theirs, "typed", typed)
		}
		spec.Workload.Namespace = typed
	}
	return nil
}

// change adds the flags' edits to those of the file; of one container's image the flag's holds.
func (f *startFlags) change(e *rollout.Edit) error {
	images, err := parseImages(f.images)
	if err != nil {
		return err
	}
	for container, image := range images {
		if e.Images == nil {
			e.Images = map[string]string{}
		}
		e.Images[container] = image
	}
	env, err := parseEnv(f.env)
	if err != nil {
		return err
	}
	e.Env = append(e.Env, env...)
	patch, err := parsePatch(f.patch)
	if err != nil {
		return err
	}
	if patch != nil {
		e.Patch = patch
	}
	if len(e.Images) == 0 && len(e.Env) == 0 && len(e.Patch) == 0 && len(e.Manifest) == 0 && e.Revision == 0 {
		return usage("rollout.error.no-change")
	}
	return nil
}

// howTo settles the strategy, the router and the Services.
func (f *startFlags) howTo(cmd *cobra.Command, verb startVerb, spec *rollout.Spec) error {
	strategy := verb.strategy()
	if strategy == "" {
		strategy = f.strategy
	}
	if strategy != "" {
		if spec.Strategy != "" && spec.Strategy != strategy {
			return usage("rollout.error.file-strategy", "file", f.files[0], "theirs", string(spec.Strategy), "typed", string(strategy))
		}
		spec.Strategy = strategy
	}
	if spec.Strategy == "" {
		spec.Strategy = rollout.Canary
	}
	foreign := startCanary
	if spec.Strategy == rollout.BlueGreen {
		foreign = startBlueGreen
	}
	for _, name := range foreignTo(foreign) {
		if cmd.Flags().Changed(name) {
			return usage("rollout.error.foreign-flag", "flag", "--"+name, "strategy", string(spec.Strategy))
		}
	}
	if cmd.Flags().Changed("via") {
		spec.Via = f.via
	}
	if len(f.services) > 0 {
		spec.Services = f.services
	}
	if f.preview != "" {
		spec.Preview = f.preview
	}
	return nil
}

// pace settles steps, pauses, gates and limits.
func (f *startFlags) pace(cmd *cobra.Command, spec *rollout.Spec) error {
	changed := cmd.Flags().Changed
	if changed("steps") {
		steps, err := parseSteps(f.steps)
		if err != nil {
			return err
		}
		spec.Steps = steps
	}
	if changed("pause") {
		pause, err := parsePause(f.pause)
		if err != nil {
			return err
		}
		if len(spec.Steps) == 0 {
			spec.Steps = plan.DefaultSteps(spec.Strategy, pause)
		}
		for i := range spec.Steps {
			if spec.Steps[i].Weight != rollout.All {
				spec.Steps[i].Pause = pause
			}
		}
	}
	for _, typed := range f.gates {
		g, err := gate.Parse(typed)
		if err != nil {
			return err
		}
		spec.Gates = append(spec.Gates, g)
	}
	if changed("on-fail") || spec.OnFail == "" {
		spec.OnFail = f.onFail
	}
	for _, d := range []struct {
		flag  string
		typed time.Duration
		into  *rollout.Duration
	}{{"timeout", f.timeout, &spec.Timeout}, {"keep", f.keep, &spec.Keep}} {
		if !changed(d.flag) {
			continue
		}
		if d.typed <= 0 {
			return usage("rollout.error.not-positive", "flag", "--"+d.flag, "value", d.typed.String())
		}
		*d.into = rollout.Duration(d.typed)
	}
	return f.limits(cmd, spec)
}

func (f *startFlags) limits(cmd *cobra.Command, spec *rollout.Spec) error {
	if cmd.Flags().Changed("max-surge") {
		if f.maxSurge < 1 {
			return usage("rollout.error.max-surge", "value", f.maxSurge)
		}
		spec.MaxSurge = f.maxSurge
	}
	if cmd.Flags().Changed("group-by") {
		if problems := validation.IsQualifiedName(f.groupBy); len(problems) > 0 {
			return usage("rollout.error.group-by", "value", f.groupBy)
		}
		if spec.Workload.Kind != "DaemonSet" {
			return usage("rollout.error.group-by-kind", "workload", spec.Workload.String())
		}
		spec.GroupBy = f.groupBy
	}
	if cmd.Flags().Changed("max-restarts") {
		if f.maxRestarts < 0 {
			return usage("rollout.error.max-restarts", "value", f.maxRestarts)
		}
		spec.MaxRestarts = f.maxRestarts
	}
	return nil
}

// parseSteps reads weights that rise: "1,5,25,50,100".
func parseSteps(typed string) ([]rollout.Step, error) {
	var steps []rollout.Step
	for _, t := range strings.Split(typed, ",") {
		w, err := rollout.ParseWeight(strings.TrimSpace(t))
		if err != nil {
			return nil, usage("rollout.error.weight", "typed", t)
		}
		if n := len(steps); n > 0 && w <= steps[n-1].Weight {
			return nil, usage("rollout.error.falling", "second", w.String(), "first", steps[n-1].Weight.String())
		}
		steps = append(steps, rollout.Step{Weight: w})
	}
	return steps, nil
}

func parsePause(typed string) (rollout.Pause, error) {
	if typed == "manual" {
		return rollout.Pause{Manual: true}, nil
	}
	d, err := time.ParseDuration(typed)
	if err != nil || d < 0 {
		return rollout.Pause{}, usage("rollout.error.pause", "typed", typed)
	}
	return rollout.Pause{For: rollout.Duration(d)}, nil
}
