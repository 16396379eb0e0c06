package render

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

const (
	columnGap = "   " // as in kubectl's own tables
	minColumn = 8     // a column is not squeezed below this
	tableCut  = "..." // … may be two columns wide in some terminals, and would break the alignment
)

// WriteTable writes rows under headers (nil for none) the way every table of
// the tool looks: columns aligned also where the text is Korean, no borders, no
// spaces at line ends, a column left out where all its cells are empty. What
// does not fit a known width is cut, except in Wide and in the first column,
// which names the row.
func WriteTable(w io.Writer, headers []string, rows [][]string, o Options) error {
	p := newPage(nil, o)
	marked := make([]row, len(rows))
	for i, r := range rows {
		marked[i] = row{cells: r}
	}
	if err := p.table("", headers, marked); err != nil {
		return err
	}
	if _, err := io.WriteString(w, p.out.String()); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

// row is a line of a table, with a mark in front of it if any row has one.
type row struct {
	mark  mark
	cells []string
}

// table writes rows under headers. Colour is put on whole lines once they are
// laid out, so that the layout never has to know about it.
func (p *page) table(indent string, headers []string, rows []row) error {
	lead, marked := 0, false
	for _, r := range rows {
		marked = marked || r.mark != noMark
	}
	if marked {
		lead = 2
	}
	lines, err := p.layout(headers, rows, columns(indent)+lead)
	if err != nil {
		return err
	}
	if headers != nil && len(lines) > 0 {
		p.line(indent + strings.Repeat(" ", lead) + p.style.paint(faint, lines[0]))
		lines = lines[1:]
	}
	for i, l := range lines {
		if marked {
			symbol, t := p.style.symbol(rows[i].mark)
			l = p.style.paint(t, symbol) + " " + l
		}
		p.line(indent + l)
	}
	return nil
}

// layout gives one line for the headers, if any, and one for each row; taken is
// how many columns of the terminal are not its own.
func (p *page) layout(headers []string, rows []row, taken int) ([]string, error) {
	var grid [][]string
	if headers != nil {
		grid = append(grid, headers)
	}
	for _, r := range rows {
		cells := make([]string, max(len(headers), len(r.cells)))
		for i, c := range r.cells {
			cells[i] = cell(c)
		}
		grid = append(grid, cells)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	if grid = dropEmptyColumns(grid, headers != nil); len(grid[0]) == 0 {
		return nil, nil
	}
	if !p.wide && p.width > 0 {
		squeeze(grid, p.full()-taken)
	}
	return align(grid)
}

// dropEmptyColumns leaves out the columns that hold nothing below their header.
func dropEmptyColumns(grid [][]string, headed bool) [][]string {
	body := grid
	if headed {
		body = grid[1:]
	}
	out := make([][]string, len(grid))
	for c := range grid[0] {
		used := false
		for _, r := range body {
			used = used || c < len(r) && r[c] != ""
		}
		if !used {
			continue
		}
		for i, r := range grid {
			if c < len(r) {
				out[i] = append(out[i], r[c])
			}
		}
	}
	return out
}

// squeeze cuts the cells of the widest columns, but for the first, until a line
// fits the budget.
func squeeze(grid [][]string, budget int) {
	var widths []int
	for _, r := range grid {
		for c, cell := range r {
			if c == len(widths) {
				widths = append(widths, 0)
			}
			widths[c] = max(widths[c], columns(cell))
		}
	}
	total := len(columnGap) * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for ; total > budget && len(widths) > 1; total-- {
		widest := 1
		for c, w := range widths {
			if c > 0 && w > widths[widest] {
				widest = c
			}
		}
		if widths[widest] <= minColumn {
			break
		}
		widths[widest]--
	}
	for _, r := range grid {
		for c := range r {
			r[c] = shorten(r[c], widths[c], tableCut)
		}
	}
}

// align pads the cells. Every option of the library that could change a cell
// or read the environment is pinned: by default it rewrites headers, trims the
// indent of cells, wraps, and counts ambiguous characters by the locale.
func align(grid [][]string) ([]string, error) {
	var out bytes.Buffer
	pinned := tw.CellConfig{
		Alignment:  tw.CellAlignment{Global: tw.AlignLeft},
		Formatting: tw.CellFormatting{AutoFormat: tw.Off, AutoWrap: tw.WrapNone},
		Padding:    tw.CellPadding{Global: tw.Padding{Right: columnGap, Overwrite: true}},
	}
	t := tablewriter.NewTable(&out,
		tablewriter.WithEastAsian(tw.Off),
		tablewriter.WithConfig(tablewriter.Config{Row: pinned}),
		tablewriter.WithTrimSpace(tw.Off), tablewriter.WithTrimTab(tw.Off), tablewriter.WithTrimLine(tw.Off), tablewriter.WithAutoHide(tw.Off),
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
		})),
	)
	for _, r := range grid {
		if err := t.Append(r); err != nil {
			return nil, fmt.Errorf("lay out table: %w", err)
		}
	}
	if err := t.Render(); err != nil {
		return nil, fmt.Errorf("lay out table: %w", err)
	}
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	if len(lines) != len(grid) {
		return nil, fmt.Errorf("lay out table: %d rows became %d lines", len(grid), len(lines))
	}
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines, nil
}
