package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// document is one object of a file, as JSON, with the line it starts at.
type document struct {
	json []byte
	line int
	head header
}

type header struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

func (d document) isSnapshot() bool {
	group, _, _ := strings.Cut(APIVersion, "/")
	return d.head.Kind == Kind && strings.HasPrefix(d.head.APIVersion, group+"/")
}

// split cuts a file into its documents: JSON values one after the other, or
// YAML documents. Documents without content are left out.
func split(name string, data []byte) ([]document, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		docs, err := splitJSON(name, data)
		if err == nil {
			return docs, nil
		}
		// YAML in flow style begins with a brace too.
		if yamlDocs, yamlErr := splitYAML(name, data); yamlErr == nil {
			return yamlDocs, nil
		}
		return nil, err
	}
	return splitYAML(name, data)
}

func splitJSON(name string, data []byte) ([]document, error) {
	var docs []document
	decoder := json.NewDecoder(bytes.NewReader(data))
	for {
		line := lineAt(data, int(decoder.InputOffset()))
		var raw json.RawMessage
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			var syntax *json.SyntaxError
			if errors.As(err, &syntax) {
				line = lineAt(data, int(syntax.Offset))
			}
			return nil, &Error{File: name, Line: line, Err: err}
		}
		d, err := newDocument(raw, line)
		if err != nil {
			return nil, &Error{File: name, Line: line, Err: err}
		}
		docs = append(docs, d)
	}
}

func lineAt(data []byte, offset int) int {
	offset = min(offset, len(data))
	return 1 + bytes.Count(data[:offset], []byte("\n"))
}

var (
	separator = regexp.MustCompile(`(?m)^---(?:[ \t].*)?\r?$`)
	yamlLine  = regexp.MustCompile(`yaml: line (\d+): `)
)

func splitYAML(name string, data []byte) ([]document, error) {
	var docs []document
	starts := [][]int{{0, 0}}
	starts = append(starts, separator.FindAllIndex(data, -1)...)
	for i, at := range starts {
		end := len(data)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		part := data[at[1]:end]
		first := lineAt(data, at[1]) // the separator's own line; what follows it on the line is a comment
		raw, err := yaml.YAMLToJSON(part)
		if err != nil {
			return nil, yamlError(name, first, part, err)
		}
		if text := bytes.TrimSpace(raw); len(text) == 0 || string(text) == "null" {
			continue
		}
		first += leadingBlank(part)
		d, err := newDocument(raw, first)
		if err != nil {
			return nil, &Error{File: name, Line: first, Err: err}
		}
		docs = append(docs, d)
	}
	return docs, nil
}

// leadingBlank counts the lines before the first that has content.
func leadingBlank(part []byte) int {
	n := 0
	for line := range bytes.Lines(part) {
		if t := bytes.TrimSpace(line); len(t) > 0 && t[0] != '#' {
			return n
		}
		n++
	}
	return 0
}

func yamlError(name string, first int, part []byte, err error) error {
	line := first
	text := err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		if n, convErr := strconv.Atoi(m[1]); convErr == nil {
			line = first + n - 1
		}
		text = strings.Replace(text, m[0], "", 1)
	}
	text = strings.TrimPrefix(strings.TrimPrefix(text, "error converting YAML to JSON: "), "yaml: ")
	text = strings.Join(strings.Fields(text), " ")
	if bytes.Contains(part, []byte("{{")) {
		text += " (this looks like a template: render it first, as with helm template)"
	}
	return &Error{File: name, Line: line, Err: errors.New(text)}
}

func newDocument(raw []byte, line int) (document, error) {
	d := document{json: raw, line: line}
	if t := bytes.TrimSpace(raw); len(t) == 0 || t[0] != '{' {
		return d, errors.New("not a Kubernetes object: a map with apiVersion and kind is expected")
	}
	if err := json.Unmarshal(raw, &d.head); err != nil {
		return d, errors.New("apiVersion and kind must be text")
	}
	switch {
	case d.head.Kind == "":
		return d, errors.New("not a Kubernetes object: kind is missing")
	case d.head.APIVersion == "":
		return d, errors.New("not a Kubernetes object: apiVersion is missing")
	}
	return d, nil
}
