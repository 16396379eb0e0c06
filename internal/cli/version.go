package cli

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

// Set by the release build with -ldflags "-X …/internal/cli.buildVersion=…".
var buildVersion, buildCommit, buildDate string //nolint:gochecknoglobals // the linker can only set variables

type versionOptions struct {
	server bool
	output listFormat
}

type versionView struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Version    string `json:"version"`
	Commit     string `json:"commit,omitempty"`
	Date       string `json:"date,omitempty"`
	Go         string `json:"go"`
	Platform   string `json:"platform"`
	// ClientGo is the version of Kubernetes that the tool was built for.
	ClientGo string `json:"clientGo,omitempty"`
	Server   string `json:"server,omitempty"`
}

func newVersion(a *app, runF func(context.Context, versionOptions) error) *cobra.Command {
	o := versionOptions{output: asTable}
	cmd := &cobra.Command{
		Use:     "version",
		Short:   a.t("version.short"),
		Example: a.t("version.examples"),
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return a.runVersion(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&o.server, "with-server", false, "")
	cmd.Flags().VarP(enum(&o.output, asTable, asJSON, asYAML), "output", "o", "")
	return cmd
}

func (a *app) runVersion(ctx context.Context, o versionOptions) error {
	v := buildInfo()
	if o.server {
		c, err := a.connect()
		if err != nil {
			return err
		}
		ctx, cancel := a.within(ctx)
		defer cancel()
		server, err := c.reader.ServerVersion(ctx)
		a.sayRequests(c)
		if err != nil {
			return err
		}
		v.Server = server.GitVersion
	}
	if o.output != asTable {
		return a.writeData(v, o.output)
	}
	text := "kubectl-msa " + v.Version
	if v.Commit != "" {
		text += " (" + strings.TrimSpace(v.Commit+" "+v.Date) + ")"
	}
	text += fmt.Sprintf(" %s %s, client-go %s\n", v.Go, v.Platform, v.ClientGo)
	if v.Server != "" {
		text += a.t("version.server", "version", v.Server) + "\n"
	}
	_, err := fmt.Fprint(a.Streams.Out, text)
	return err
}

// ownVersion is the tool's own.
func ownVersion() string { return buildInfo().Version }

// buildInfo takes what the release build set, else what the Go toolchain noted.
func buildInfo() versionView {
	v := versionView{
		APIVersion: finding.APIVersion, Kind: "Version", Version: buildVersion, Commit: buildCommit, Date: buildDate,
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		fromToolchain(&v, info)
	}
	if v.Version == "" || v.Version == "(devel)" {
		v.Version = "devel"
	}
	if v.ClientGo == "" {
		v.ClientGo = "unknown"
	}
	return v
}

func fromToolchain(v *versionView, info *debug.BuildInfo) {
	if v.Version == "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && v.Commit == "":
			v.Commit = s.Value
		case s.Key == "vcs.time" && v.Date == "":
			v.Date = s.Value
		}
	}
	for _, d := range info.Deps {
		if d.Path == "k8s.io/client-go" {
			v.ClientGo = d.Version
		}
	}
}
