package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

// marshal gives the JSON form; "<none>" and "&" stay readable.
func marshal(report any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(report); err != nil {
		return nil, fmt.Errorf("encode report: %w", err)
	}
	return b.Bytes(), nil
}

func writeJSON(w io.Writer, report any) error {
	data, err := marshal(report)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

func writeYAML(w io.Writer, report any) error {
	data, err := marshal(report)
	if err != nil {
		return err
	}
	if data, err = yaml.JSONToYAML(data); err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	_, err = w.Write(data)
	return err
}

// writeNames lists the object of each finding, in order, each once; like
// kubectl, without its namespace.
func writeNames(w io.Writer, base finding.Report) {
	seen := map[finding.Ref]bool{}
	for _, f := range base.Findings {
		if o := f.Object.Object(); !seen[o] {
			seen[o] = true
			fmt.Fprintln(w, inline(o.String()))
		}
	}
}
