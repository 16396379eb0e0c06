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
	narrowGap = "  "  // where they would not fit
	minColumn = 8     // a state beside a tree is not cut below this
	// A word up to longestOne is not broken as long as there is another way; no column gets narrower than brokenOne by
	// breaking words.
	longestOne, brokenOne = 16, 12
	mostLines             = 6     // a cell takes no more; what is longer than that is told whole elsewhere, and in Wide
	tableCut              = "..." // … may be two columns wide in some terminals, and would break the alignment
)

// WriteTable writes rows under headers (nil for none) the way every table of
// the tool looks: columns aligned also where the text is Korean, no borders, no
// spaces at line ends, a column left out where all its cells are empty. What
// does not fit a known width goes on below in its column, except in Wide and in
// the first column, which names the row.
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
	blocks, err := p.layout(headers, rows, columns(indent)+lead)
	if err != nil {
		return err
	}
	if headers != nil && len(blocks) > 0 {
		for _, l := range blocks[0] {
			p.line(indent + strings.Repeat(" ", lead) + p.style.paint(faint, l))
		}
		blocks = blocks[1:]
	}
	for i, block := range blocks {
		for n, l := range block {
			switch {
			case marked && n == 0:
				symbol, t := p.style.symbol(rows[i].mark)
				l = p.style.paint(t, symbol) + " " + l
			case marked:
				l = "  " + l
			}
			p.line(indent + l)
		}
	}
	return nil
}

// layout gives the lines of the headers, if any, and those of each row; taken is
// how many columns of the terminal are not its own.
func (p *page) layout(headers []string, rows []row, taken int) ([][]string, error) {
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
	high, gap := make([]int, len(grid)), columnGap // how many lines each row takes
	for i := range high {
		high[i] = 1
	}
	if !p.wide && p.width > 0 {
		var widths []int
		widths, gap = squeezed(grid, headers != nil, p.full()-taken)
		grid, high = fold(grid, widths)
	}
	lines, err := align(grid, gap)
	if err != nil {
		return nil, err
	}
	blocks := make([][]string, len(high))
	for i, n := range high {
		blocks[i], lines = lines[:n], lines[n:]
	}
	return blocks, nil
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

// squeezed gives each column a width, so that a line fits the budget: the widest
// give way first, but never the first one, down to their longest words; then the
// gaps; then long words are broken, though none of a header, where that is enough.
func squeezed(grid [][]string, headed bool, budget int) (widths []int, gap string) {
	widths = make([]int, len(grid[0]))
	whole, least := make([]int, len(widths)), make([]int, len(widths))
	for i, r := range grid {
		for c, cell := range r {
			word := longestWord(cell)
			widths[c] = max(widths[c], columns(cell))
			if headed && i == 0 {
				whole[c], least[c] = word, word
			} else {
				whole[c], least[c] = max(whole[c], min(word, longestOne)), max(least[c], min(word, brokenOne))
			}
		}
	}
	whole[0], least[0] = widths[0], widths[0]
	all := budget - len(columnGap)*(len(widths)-1)
	if shrink(widths, whole, all) {
		return widths, columnGap
	}
	all = budget - len(narrowGap)*(len(widths)-1)
	if sum(least) <= all {
		shrink(widths, least, all)
	}
	return widths, narrowGap
}

// shrink takes from the widest until all are no wider than the budget, or at their floor.
func shrink(widths, floor []int, budget int) bool {
	for total := sum(widths); total > budget; total-- {
		widest := -1
		for c, w := range widths {
			if w > floor[c] && (widest < 0 || w > widths[widest]) {
				widest = c
			}
		}
		if widest < 0 {
			return false
		}
		widths[widest]--
	}
	return true
}

func sum(widths []int) int {
	total := 0
	for _, w := range widths {
		total += w
	}
	return total
}

func longestWord(s string) int {
	longest := 0
	for _, word := range unbroken(s) {
		longest = max(longest, columns(word))
	}
	return longest
}

// fold breaks the cells at their columns' widths, and says how many lines each row takes.
func fold(grid [][]string, widths []int) (folded [][]string, high []int) {
	for _, r := range grid {
		parts, n := make([][]string, len(r)), 1
		for c, cell := range r {
			parts[c] = []string{cell}
			if columns(cell) > widths[c] {
				parts[c] = below(cell, widths[c])
			}
			n = max(n, len(parts[c]))
		}
		for i := range n {
			line := make([]string, len(r))
			for c, part := range parts {
				if i < len(part) {
					line[c] = part[i]
				}
			}
			folded = append(folded, line)
		}
		high = append(high, n)
	}
	return folded, high
}

// below is a cell in lines of a width.
func below(s string, width int) []string {
	lines := chop(s, width)
	if len(lines) <= mostLines {
		return lines
	}
	last := cut(lines[mostLines-1], width-len(tableCut), "") + tableCut
	return append(lines[:mostLines-1:mostLines-1], last)
}

// align pads the cells. Every option of the library that could change a cell
// or read the environment is pinned: by default it rewrites headers, trims the
// indent of cells, wraps, and counts ambiguous characters by the locale.
func align(grid [][]string, gap string) ([]string, error) {
	var out bytes.Buffer
	pinned := tw.CellConfig{
		Alignment:  tw.CellAlignment{Global: tw.AlignLeft},
		Formatting: tw.CellFormatting{AutoFormat: tw.Off, AutoWrap: tw.WrapNone},
		Padding:    tw.CellPadding{Global: tw.Padding{Right: gap, Overwrite: true}},
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
