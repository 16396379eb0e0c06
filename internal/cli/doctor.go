package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

type doctorOptions struct{ output listFormat }

// doctorView is what the tool can see and do here; the JSON only ever grows.
type doctorView struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Context    string `json:"context"`
	Server     string `json:"server"`
	Namespace  string `json:"namespace"`

	ServerVersion string `json:"serverVersion"`
	ClientVersion string `json:"clientVersion"`
	Skew          skew   `json:"skew"`

	Access  []accessView `json:"access"`
	APIs    []apiView    `json:"apis"`
	Plugins []pluginView `json:"plugins"`

	Requests int `json:"requests"`
}

// accessView is one thing that reports read. Allowed is nil where the API server would not say.
type accessView struct {
	Resource  string `json:"resource"`
	Verb      string `json:"verb"`
	Namespace string `json:"namespace,omitempty"`
	Allowed   *bool  `json:"allowed"`
	Why       string `json:"why,omitempty"`
}

// apiState says whether an optional API is there.
type apiState string

const (
	apiServed  apiState = "served"
	apiAbsent  apiState = "absent"
	apiFailing apiState = "failing" // registered, and does not answer
	apiUnknown apiState = "unknown"
)

type apiView struct {
	Name    string   `json:"name"`
	Group   string   `json:"group"`
	Version string   `json:"version,omitempty"`
	State   apiState `json:"state"`
	Why     string   `json:"why,omitempty"`
}

// pluginView is an executable that kubectl would run in place of a command of ours.
type pluginView struct {
	Path    string        `json:"path"`
	Problem pluginProblem `json:"problem"`
}

func newDoctor(a *app, runF func(context.Context, doctorOptions) error) *cobra.Command {
	o := doctorOptions{output: asTable}
	cmd := &cobra.Command{
		Use:     "doctor",
		Short:   a.t("doctor.short"),
		Long:    a.t("doctor.long"),
		Example: a.t("doctor.examples"),
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return a.runDoctor(cmd.Context(), o)
		},
	}
	cmd.Flags().VarP(enum(&o.output, asTable, asJSON, asYAML), "output", "o", "")
	return cmd
}

func (a *app) runDoctor(ctx context.Context, o doctorOptions) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	done := a.Streams.Wait(a.t("wait.reading", "host", c.host))
	view, err := a.examine(ctx, c)
	done()
	a.sayRequests(c)
	if err != nil {
		return err
	}
	if o.output != asTable {
		return a.writeData(view, o.output)
	}
	return a.writeDoctor(view)
}

func (a *app) examine(ctx context.Context, c *cluster) (doctorView, error) {
	server, err := c.reader.ServerVersion(ctx)
	if ctx.Err() != nil {
		return doctorView{}, context.Cause(ctx)
	}
	if err != nil {
		return doctorView{}, err
	}
	build := buildInfo()
	view := doctorView{
		APIVersion: finding.APIVersion, Kind: "Doctor", Context: c.context, Server: c.host, Namespace: c.namespace,
		ServerVersion: server.GitVersion, ClientVersion: build.ClientGo, Skew: skewOf(build.ClientGo, server),
		Access: examineAccess(ctx, c), APIs: examineAPIs(ctx, c), Plugins: shadowing(a.path(), ownCommands()),
	}
	if ctx.Err() != nil {
		return doctorView{}, context.Cause(ctx)
	}
	view.Requests = len(c.reader.Requests())
	return view, nil
}

// ownCommands are the words behind "kubectl msa" that a plugin of another name could take over.
func ownCommands() []string {
	return []string{"inspect", "tree", "map", "probe", "rollout", "quota", "rules", "doctor", "version", "completion", "options", "help"}
}
