package cli

import (
	"strings"

	"github.com/spf13/pflag"

	"github.com/kubectl-msa/kubectl-msa/pkg/render"
)

// allowedError says which values a flag takes.
type allowedError struct{ allowed []string }

func (e *allowedError) Error() string { return "use " + strings.Join(e.allowed, ", ") }

// enumValue is a flag that takes one of a closed set of values.
type enumValue[T ~string] struct {
	value   *T
	allowed []T
}

func enum[T ~string](value *T, allowed ...T) pflag.Value { return &enumValue[T]{value, allowed} }

func (e *enumValue[T]) String() string { return string(*e.value) }
func (e *enumValue[T]) Type() string   { return strings.Join(e.words(), "|") }

func (e *enumValue[T]) Set(s string) error {
	for _, a := range e.allowed {
		if string(a) == s {
			*e.value = a
			return nil
		}
	}
	return &allowedError{e.words()}
}

func (e *enumValue[T]) words() []string {
	words := make([]string, len(e.allowed))
	for i, a := range e.allowed {
		words[i] = string(a)
	}
	return words
}

// jsonPath goes before the template of a format that has one.
const jsonPath = "jsonpath="

// outputValue is -o of commands that give a report.
type outputValue struct {
	format   render.Format
	template string
}

func (o *outputValue) String() string { return string(o.format) }
func (o *outputValue) Type() string   { return "FORMAT" }

func (o *outputValue) words() []string {
	return []string{"table", "wide", "json", "yaml", "name", jsonPath + "TEMPLATE"}
}

func (o *outputValue) Set(s string) error {
	format, template, err := render.ParseFormat(s)
	if err != nil {
		if strings.HasPrefix(s, jsonPath) {
			return err
		}
		return &allowedError{o.words()}
	}
	o.format, o.template = format, template
	return nil
}
