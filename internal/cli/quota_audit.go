package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/file"
)

// quotaAuditFlags are those that only audit has.
type quotaAuditFlags struct {
	*quotaFlags
	history historyFlags
	by      string
	basis   quota.Basis
	explain bool
	sort    quota.Order
	top     int
	soft    string
	usage   bool
}

// quotaAuditOptions is what will run.
type quotaAuditOptions struct {
	quotaOptions
	historyOptions
	view  quota.View
	sort  quota.Order
	top   int
	soft  string
	usage bool
}

func newQuotaAudit(a *app, runF func(context.Context, quotaAuditOptions) error) *cobra.Command {
	f := &quotaAuditFlags{quotaFlags: newQuotaFlags(failOn(finding.Error)), history: newHistoryFlags(), by: string(quota.ByWorkload), basis: quota.Placed, sort: quota.ByName}
	cmd := &cobra.Command{
		Use:     "audit",
		Short:   a.t("quota.audit.short"),
		Long:    a.t("quota.audit.long"),
		Example: a.t("quota.audit.examples"),
		Args:    noArgs,
		RunE: runs(func(cmd *cobra.Command, _ []string) (quotaAuditOptions, error) {
			return f.options(a, cmd.Flags().Changed("by"))
		}, a.runQuotaAudit, runF),
	}
	f.add(cmd)
	f.history.add(cmd)
	fs := cmd.Flags()
	fs.StringVar(&f.by, "by", f.by, "")
	fs.Var(enum(&f.basis, quota.Placed, quota.Charged, quota.Incoming), "basis", "")
	fs.BoolVar(&f.explain, "explain", false, "")
	fs.Var(enum(&f.sort, quota.ByName, quota.ByCPU, quota.ByMemory, quota.ByCPULimit, quota.ByMemoryLimit, quota.ByCPUUsage, quota.ByMemoryUsage, quota.ByPods), "sort", "")
	fs.IntVar(&f.top, "top", 0, "")
	fs.StringVar(&f.soft, "soft", "", "")
	fs.BoolVar(&f.usage, "usage", true, "")
	return cmd
}

// options checks what was typed. Over all namespaces a row is a namespace, unless --by says otherwise.
func (f *quotaAuditFlags) options(a *app, byTyped bool) (quotaAuditOptions, error) {
	base, err := f.quotaFlags.options(a, nil)
	o := quotaAuditOptions{quotaOptions: base, view: quota.View{Basis: f.basis, Explain: f.explain}, sort: f.sort, top: f.top, soft: f.soft, usage: f.usage}
	if err == nil && f.top < 0 {
		err = usage("error.flag-invalid", "flag", "--top", "value", fmt.Sprint(f.top), "type", "N", "why", "")
	}
	if err == nil {
		err = o.by(f.by)
	}
	if err == nil {
		o.historyOptions, err = f.history.options()
		o.optional, o.view.Window = o.prometheus == "", o.window
	}
	if o.allNamespaces && !byTyped {
		o.view.By = quota.ByNamespace
	}
	return o, err
}

// by reads --by: one of the groupings, or label=KEY.
func (o *quotaAuditOptions) by(typed string) error {
	groupings := []quota.Grouping{quota.ByNamespace, quota.ByWorkload, quota.ByContainer, quota.ByNode, quota.ByZone, quota.ByPriority, quota.ByPartOf}
	if key, ok := strings.CutPrefix(typed, "label="); ok && len(validation.IsQualifiedName(key)) == 0 {
		o.view.By, o.view.Label = quota.ByLabel, key
		return nil
	}
	for _, g := range groupings {
		if string(g) == typed {
			o.view.By = g
			return nil
		}
	}
	return usage("error.flag-not-allowed", "flag", "--by", "value", typed, "allowed", []string{"namespace", "workload", "container", "node", "zone", "priority", "part-of", "label=KEY"})
}

func (a *app) runQuotaAudit(ctx context.Context, o quotaAuditOptions) error {
	catalogue, err := finding.LoadCatalogue()
	if err != nil {
		return err
	}
	soft, err := readSoft(o.soft)
	if err != nil {
		return err
	}
	o.lean = true
	restore := frugally(25)
	defer restore()
	s, q, name, err := a.readUsage(ctx, o.quotaOptions, o.historyOptions, func(s *snapshot.Snapshot, q quota.Query) snapshot.Needs {
		return quota.AuditNeeds(s, q, o.usage)
	}, func(s *snapshot.Snapshot, q quota.Query) []snapshot.SeriesNeed {
		return quota.QuotaHistoryNeeds(s, q, o.window)
	})
	if err != nil {
		return err
	}
	report, err := quota.AuditOf(s, q, soft, o.view, catalogue, a.lang)
	if err != nil {
		return err
	}
	report.Sort, report.Top, report.Prometheus = o.sort, o.top, name
	return a.give(report, o.output, o.verdict)
}

// readSoft reads the file of soft limits, if one is named.
func readSoft(path string) (quota.SoftLimits, error) {
	if path == "" {
		return quota.SoftLimits{}, nil
	}
	data, err := os.ReadFile(path)
	var plain *fs.PathError
	if errors.As(err, &plain) {
		err = plain.Err
	}
	if err != nil {
		return quota.SoftLimits{}, &file.Error{File: path, Err: err}
	}
	soft, err := quota.ParseSoftLimits(data)
	if err != nil {
		return soft, &file.Error{File: path, Err: err}
	}
	return soft, nil
}
