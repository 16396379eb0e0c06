package cli

import (
	"context"

	"github.com/spf13/cobra"
)

// failOn is a severity, or none.
type failOn string

const failNever failOn = "none"

// inspectOptions is what will run.
type inspectOptions struct {
	readOptions
	views viewFlags
	// cluster asks about the cluster itself.
	cluster bool
	// traffic is set where one is asked about traffic between two ends.
	traffic *trafficOptions
	// watch goes on; timeout says that one was given, since a watch has none by itself.
	watch, timeout bool
}

func newInspect(a *app, runF func(context.Context, inspectOptions) error) *cobra.Command {
	f := newReadFlags(failNever)
	views, traffic := viewFlags{}, trafficFlags{}
	watch := false
	cmd := &cobra.Command{
		Use:               "inspect [TYPE NAME | TYPE/NAME ... | cluster]",
		Short:             a.t("inspect.short"),
		Long:              a.t("inspect.long"),
		Example:           a.t("inspect.examples"),
		ValidArgsFunction: a.completeObjects,
		RunE: runs(func(cmd *cobra.Command, args []string) (inspectOptions, error) {
			cluster := len(args) == 1 && args[0] == "cluster"
			if cluster {
				args = nil
			}
			read, err := f.options(a, args, parseAnySelection)
			o := inspectOptions{readOptions: read}
			if err != nil {
				return o, err
			}
			o.views, o.watch, o.cluster = views, watch, cluster
			switch {
			case cluster && (watch || traffic.asked() || views != (viewFlags{}) || o.selector != "" || o.allNamespaces):
				err = usage("error.cluster-alone")
			case cluster:
			case traffic.asked():
				err = traffic.into(&o)
			default:
				err = views.check(o.selection, o.selector)
			}
			if err == nil && watch {
				err = checkWatch(cmd, &o)
			}
			return o, err
		}, a.runInspect, runF),
	}
	f.add(cmd)
	views.add(cmd)
	traffic.add(cmd)
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "")
	return cmd
}
