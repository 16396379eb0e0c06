package lang

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v3"
)

// Text is one sentence or paragraph in every language, a text/template each.
type Text struct {
	En string `json:"en"`
	Ko string `json:"ko"`
}

// In returns the template source in the language.
func (t Text) In(l Lang) string {
	if l == Korean {
		return t.Ko
	}
	return t.En
}

// Empty says that the text holds nothing in any language.
func (t Text) Empty() bool { return t.En == "" && t.Ko == "" }

// Render fills the text with args. A template that does not parse, or that
// names an argument it was not given, is an error of the catalogue: the text
// is returned with the error in it, so that a reader sees what is wrong and a
// test can look for it.
func (t Text) Render(l Lang, args map[string]any) string {
	s, err := t.Try(l, args)
	if err != nil {
		return fmt.Sprintf("%s (%v)", t.In(l), err)
	}
	return s
}

// Try is Render for those that want the error by itself.
func (t Text) Try(l Lang, args map[string]any) (string, error) {
	source := t.In(l)
	if !strings.Contains(source, "{{") {
		return source, nil
	}
	tmpl, err := template.New("").Option("missingkey=error").Funcs(functions(l)).Parse(source)
	if err != nil {
		return "", fmt.Errorf("parse text: %w", err)
	}
	if args == nil {
		args = map[string]any{}
	}
	var b strings.Builder
	if err := tmpl.Execute(&b, args); err != nil {
		return "", fmt.Errorf("render text: %w", err)
	}
	if l == Korean {
		return chooseParticles(b.String()), nil
	}
	return b.String(), nil
}

// functions are what a text may call: plural picks the English form by number
// (Korean nouns have one form), join lists words, say renders an argument that
// is itself a Text.
func functions(l Lang) template.FuncMap {
	return template.FuncMap{
		"plural": func(n int, one, many string) string {
			if n == 1 && l == English {
				return one
			}
			return many
		},
		"join": func(words []string) string { return strings.Join(words, ", ") },
		"say":  func(t Text) string { return t.In(l) },
	}
}

// Catalogue holds texts by id.
type Catalogue map[string]Text

// Load reads a catalogue: a YAML map of id → {en, ko}. A text that lacks a
// language is an error.
func Load(fsys fs.FS, name string) (Catalogue, error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("read texts: %w", err)
	}
	c := Catalogue{}
	if err := Decode(data, &c); err != nil {
		return nil, fmt.Errorf("texts %s: %w", name, err)
	}
	for id, t := range c {
		if t.En == "" || t.Ko == "" {
			return nil, fmt.Errorf("texts %s: %s lacks a language", name, id)
		}
	}
	return c, nil
}

// Decode reads YAML that texts are in: a field that is not known, or is there
// twice, is an error. It goes straight to the Go types, without the JSON between
// that objects of Kubernetes need; texts are most of what a command reads to start.
func Decode(data []byte, into any) error {
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	return nil
}

// Text renders the text with this id; an id that is not in the catalogue
// renders as itself.
func (c Catalogue) Text(l Lang, id string, args map[string]any) string {
	t, ok := c[id]
	if !ok {
		return id
	}
	return t.Render(l, args)
}
