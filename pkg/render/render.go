// Package render turns reports into what people and programs read: text in the
// reader's language, JSON, YAML, names, and what a JSONPath picks.
package render

import (
	"bytes"
	"fmt"
	"io"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

// Options say how a report is written. Nothing is read from the environment:
// the caller decides, for the stream it writes to.
type Options struct {
	Format Format
	// Template is what JSONPath evaluates.
	Template string
	Lang     lang.Lang
	// Color switches colour on. Nothing is said by colour alone.
	Color bool
	// ASCII keeps the tool's own symbols to ASCII, for a locale that is not UTF-8.
	ASCII bool
	// Width is that of the terminal in columns, 0 where there is none: prose
	// then wraps at 100 columns, and headlines and tables take what they need.
	Width int
	// Connection are the flags that lead to this cluster as they were typed, for
	// the commands that people copy: "--context prod".
	Connection string
}

// based is a report that a command built around finding.Report.
type based interface{ Base() finding.Report }

// Write writes a report: a finding.Report, or a command's own that embeds it
// and gives it with Base. What it returns is an error of the stream, of the
// template, or of a report that this package does not know.
func Write(w io.Writer, report any, o Options) error {
	if _, err := baseOf(report); err != nil {
		return err
	}
	report = prepared(report)
	base, err := baseOf(report)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	switch o.Format {
	case JSON:
		err = writeJSON(&out, report)
	case YAML:
		err = writeYAML(&out, report)
	case Name:
		writeNames(&out, base)
	case JSONPath:
		err = writeJSONPath(&out, report, o.Template)
	case Table, Wide, "":
		err = writeText(&out, report, base, o)
	default:
		err = fmt.Errorf("unknown output format %q: use %s", o.Format, allowedFormats)
	}
	if err != nil {
		return err
	}
	if _, err := out.WriteTo(w); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func baseOf(report any) (finding.Report, error) {
	switch r := report.(type) {
	case finding.Report:
		return r, nil
	case based:
		return r.Base(), nil
	}
	return finding.Report{}, fmt.Errorf("render: %T is not a report", report)
}
