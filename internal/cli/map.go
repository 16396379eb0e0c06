package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/calls"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// mapFormat is -o of map.
type mapFormat string

const (
	mapText    mapFormat = "text"
	mapWide    mapFormat = "wide"
	mapMermaid mapFormat = mapFormat(render.Mermaid)
	mapDot     mapFormat = mapFormat(render.Dot)
	mapSVG     mapFormat = mapFormat(render.SVG)
	mapHTML    mapFormat = mapFormat(render.HTML)
	mapJSON    mapFormat = "json"
	mapYAML    mapFormat = "yaml"
)

func mapFormats() []mapFormat {
	return []mapFormat{mapText, mapWide, mapMermaid, mapDot, mapSVG, mapHTML, mapJSON, mapYAML}
}

// mapOptions is what will run.
type mapOptions struct {
	readOptions
	format mapFormat
}

func newMap(a *app, runF func(context.Context, mapOptions) error) *cobra.Command {
	f := newReadFlags(failNever)
	o := mapOptions{format: mapText}
	cmd := &cobra.Command{
		Use:     "map",
		Short:   a.t("map.short"),
		Long:    a.t("map.long"),
		Example: a.t("map.examples"),
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.readOptions, err = f.options(a, nil, parseAnySelection); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return a.runMap(cmd.Context(), o)
		},
	}
	fs := cmd.Flags()
	fs.VarP(enum(&o.format, mapFormats()...), "output", "o", "")
	fs.BoolVar(&f.strict, "strict", false, "")
	fs.StringVar(&f.save, "save-snapshot", "", "")
	fs.StringArrayVarP(&f.files, "filename", "f", nil, "")
	fs.BoolVarP(&f.allNamespaces, "all-namespaces", "A", false, "")
	return cmd
}

func (a *app) runMap(ctx context.Context, o mapOptions) error {
	s, q, err := a.see(ctx, o.readOptions, func(s *snapshot.Snapshot, q inspect.Query) snapshot.Needs { return calls.Needs(s, q.Namespace) })
	if err != nil {
		return err
	}
	if err := a.saveSnapshot(o.save, s); err != nil {
		return err
	}
	report, err := calls.Draw(s, q.Namespace, a.lang)
	if err != nil {
		return err
	}
	switch o.format {
	case mapMermaid, mapDot, mapSVG, mapHTML:
		err = render.WriteMap(a.Streams.Out, report, render.MapFormat(o.format), a.render(o.output))
	case mapText, mapWide, mapJSON, mapYAML:
		err = render.Write(a.Streams.Out, report, a.render(outputValue{format: map[mapFormat]render.Format{mapText: render.Table, mapWide: render.Wide, mapJSON: render.JSON, mapYAML: render.YAML}[o.format]}))
	}
	if err != nil {
		return err
	}
	return o.verdict.judge(report.Report)
}
