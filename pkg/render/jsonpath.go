package render

import (
	"fmt"
	"io"
	"strings"

	"k8s.io/client-go/util/jsonpath"
	sigsjson "sigs.k8s.io/json"
)

// parseTemplate takes what kubectl takes: "{.a}", and ".a" or "a" without the
// braces. A key that a report does not have prints nothing, as in kubectl:
// optional fields are left out of the JSON.
func parseTemplate(template string) (*jsonpath.JSONPath, error) {
	source := template
	if !strings.Contains(source, "{") {
		source = "{." + strings.TrimPrefix(source, ".") + "}"
	}
	p := jsonpath.New("output").AllowMissingKeys(true)
	if err := p.Parse(source); err != nil {
		return nil, fmt.Errorf("jsonpath template %q: %w", template, err)
	}
	return p, nil
}

func writeJSONPath(w io.Writer, report any, template string) error {
	p, err := parseTemplate(template)
	if err != nil {
		return err
	}
	data, err := marshal(report)
	if err != nil {
		return err
	}
	// Whole numbers stay whole, so that filters can compare them and 1000000 is not printed as 1e+06.
	var values any
	if err := sigsjson.UnmarshalCaseSensitivePreserveInts(data, &values); err != nil {
		return fmt.Errorf("read report: %w", err)
	}
	if err := p.Execute(w, values); err != nil {
		return fmt.Errorf("jsonpath template %q: %w", template, err)
	}
	return nil
}
