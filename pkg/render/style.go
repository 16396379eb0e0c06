package render

import (
	"github.com/fatih/color"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
)

// tone is what a piece of text means, which colour only repeats.
type tone int

const (
	plain tone = iota
	bad
	doubtful
	noted
	good
	faint
	strong
)

// style decides how tones and symbols look, for one Write: colour has no
// switch of its own anywhere else.
type style struct{ color, ascii bool }

func (s style) paint(t tone, text string) string {
	if !s.color || t == plain || text == "" {
		return text
	}
	c := color.New(attributes(t)...)
	c.EnableColor()
	return c.Sprint(text)
}

func attributes(t tone) []color.Attribute {
	switch t {
	case bad:
		return []color.Attribute{color.FgRed, color.Bold}
	case doubtful:
		return []color.Attribute{color.FgYellow, color.Bold}
	case noted:
		return []color.Attribute{color.FgCyan, color.Bold}
	case good:
		return []color.Attribute{color.FgGreen}
	case faint:
		return []color.Attribute{color.Faint}
	case strong:
		return []color.Attribute{color.Bold}
	case plain:
	}
	return nil
}

// mark is a symbol one column wide that can be told apart without colour.
type mark int

const (
	noMark mark = iota
	markError
	markWarning
	markInfo
	markOK
	markProgress
	markUnknown
)

func (s style) symbol(m mark) (string, tone) {
	switch m {
	case markError:
		return s.either("✗", "x"), bad
	case markWarning:
		return "!", doubtful
	case markInfo:
		return "i", noted
	case markOK:
		return s.either("✓", "+"), good
	case markProgress:
		return "~", doubtful
	case markUnknown:
		return "?", doubtful
	case noMark:
	}
	return " ", plain
}

func (s style) arrow() string    { return s.either("→", "->") }
func (s style) dash() string     { return s.either("—", "-") }
func (s style) ellipsis() string { return s.either("…", "...") }

func (s style) either(unicode, ascii string) string {
	if s.ascii {
		return ascii
	}
	return unicode
}

func severityMark(s finding.Severity) mark {
	switch s {
	case finding.Error:
		return markError
	case finding.Warning:
		return markWarning
	case finding.Info:
	}
	return markInfo
}

func healthMark(h inspect.Health) mark {
	switch h {
	case inspect.Healthy:
		return markOK
	case inspect.Progressing:
		return markProgress
	case inspect.Unwell:
		return markError
	case inspect.Unknown:
	}
	return markUnknown
}
