package render

import (
	"strings"
	"unicode"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

// Prose is read best within these widths; values and tables use all there is.
const (
	minWidth    = 60
	maxProse    = 100
	unknownFull = 120 // the width for values where no terminal says one
)

// page is the small vocabulary that the text of every report is made of:
// headlines, labelled lines, tables and blocks.
type page struct {
	out   strings.Builder
	texts lang.Catalogue
	lang  lang.Lang
	style style
	width int
	wide  bool
	// connection is Options.Connection.
	connection string
	// label is the width of the column of labels.
	label int
}

func newPage(texts lang.Catalogue, o Options) *page {
	return &page{
		texts: texts, lang: o.Lang, width: o.Width, wide: o.Format == Wide,
		connection: o.Connection,
		style:      style{color: o.Color, ascii: o.ASCII},
	}
}

// say is a text of this package in the reader's language.
func (p *page) say(id string, args map[string]any) string { return p.texts.Text(p.lang, id, args) }

// prose is the width that sentences wrap at.
func (p *page) prose() int {
	if p.width == 0 {
		return maxProse
	}
	return min(max(p.width, minWidth), maxProse)
}

// full is the width that tables and values may use.
func (p *page) full() int {
	if p.width == 0 {
		return unknownFull
	}
	return max(p.width, minWidth)
}

func (p *page) line(s string) {
	if p.style.ascii {
		s = strings.ReplaceAll(s, string(unicode.ReplacementChar), "?")
	}
	p.out.WriteString(strings.TrimRight(s, " "))
	p.out.WriteByte('\n')
}

// gap separates what follows from what is there, if anything is.
func (p *page) gap() {
	if p.out.Len() > 0 {
		p.out.WriteByte('\n')
	}
}

// headline says one thing behind its mark, with a tail that steps back: on the
// same line where it fits, else below. Without a terminal it stays on one line,
// so that the first line of the output is the whole answer.
func (p *page) headline(m mark, text, tail string) {
	symbol, t := p.style.symbol(m)
	lines := []string{inline(text)}
	if p.width > 0 {
		lines = wrap(text, p.prose()-2)
	}
	for i, l := range lines {
		lead := "  "
		if i == 0 {
			lead = p.style.paint(t, symbol) + " "
		}
		said := lead + p.style.paint(strong, l)
		if i == len(lines)-1 && tail != "" {
			if p.width > 0 && 2+columns(l)+2+columns(tail) > p.prose() {
				p.line(said)
				said = ""
			}
			said += "  " + p.style.paint(faint, tail)
		}
		p.line(said)
	}
}

// labels sets the column of labels to the widest of those that will be used.
func (p *page) labels(ids ...string) {
	p.label = 0
	for _, id := range ids {
		p.label = max(p.label, columns(p.say(id, nil)))
	}
}

// margin is where the text beside a label begins.
func (p *page) margin() int { return 2 + p.label + 2 }

// labelled writes lines beside a label; nothing where there are no lines.
func (p *page) labelled(id string, lines []string) {
	for i, l := range lines {
		head := strings.Repeat(" ", p.margin())
		if i == 0 {
			head = "  " + p.style.paint(faint, pad(p.say(id, nil), p.label)) + "  "
		}
		p.line(head + l)
	}
}

// wrapped is prose that fits beside a label.
func (p *page) wrapped(s string) []string { return wrap(s, p.prose()-p.margin()) }

// hung is wrapped with the lines below the first indented, for one of several entries.
func (p *page) hung(s string) []string {
	lines := wrap(s, p.prose()-p.margin()-2)
	for i := range lines {
		if i > 0 {
			lines[i] = "  " + lines[i]
		}
	}
	return lines
}

// bullet writes a sentence behind a mark, the lines below it hanging.
func (p *page) bullet(m mark, text string) {
	symbol, t := p.style.symbol(m)
	for i, l := range wrap(text, p.prose()-4) {
		if i == 0 {
			p.line("  " + p.style.paint(t, symbol) + " " + l)
			continue
		}
		p.line("    " + l)
	}
}
