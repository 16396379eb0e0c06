package render

import (
	"fmt"
	"strings"
)

// Format is a value of -o.
type Format string

// The formats. Table and Wide are text for people, and may change; JSON, YAML
// and what JSONPath picks from them only ever grow. Name prints one line for
// each object that must change, nothing where nothing was found, as kubectl
// prints nothing where nothing matches.
const (
	Table    Format = "table"
	Wide     Format = "wide"
	JSON     Format = "json"
	YAML     Format = "yaml"
	Name     Format = "name"
	JSONPath Format = "jsonpath"
)

const allowedFormats = "table, wide, json, yaml, name or jsonpath=TEMPLATE"

// ParseFormat reads the value of -o; empty means Table. For jsonpath=TEMPLATE
// the template comes back too, known to parse. The error names the allowed values.
func ParseFormat(s string) (Format, string, error) {
	name, template, hasTemplate := strings.Cut(s, "=")
	switch f := Format(name); f {
	case "":
		if !hasTemplate {
			return Table, "", nil
		}
	case Table, Wide, JSON, YAML, Name:
		if hasTemplate {
			return "", "", fmt.Errorf("output format %q takes no value: use %s", name, allowedFormats)
		}
		return f, "", nil
	case JSONPath:
		if template == "" {
			return "", "", fmt.Errorf(`output format jsonpath needs a template, such as -o jsonpath='{.findings[*].rule}'`)
		}
		if _, err := parseTemplate(template); err != nil {
			return "", "", err
		}
		return f, template, nil
	}
	return "", "", fmt.Errorf("unknown output format %q: use %s", s, allowedFormats)
}
