package render

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
)

// columns is how wide a terminal shows s. Characters of ambiguous width (→ … —)
// count one column whatever the locale: terminals of today draw them so.
func columns(s string) int { return pinned().String(s) }

func pinned() displaywidth.Options { return displaywidth.Options{EastAsianWidth: false} }

// cut shortens s to the width, tail included.
func cut(s string, width int, tail string) string { return pinned().TruncateString(s, width, tail) }

// shorten cuts a cell of a table. One without spaces is a name or an image, whose
// end tells it from the others, and is cut in the middle.
func shorten(s string, width int, mark string) string {
	if columns(s) <= width {
		return s
	}
	if strings.Contains(s, " ") {
		return cut(s, width, mark)
	}
	return middle(s, width, mark)
}

// middle puts the mark in the place of the middle of s, so that it fits the width.
func middle(s string, width int, mark string) string {
	if columns(s) <= width {
		return s
	}
	head := (width - columns(mark)) / 2
	if head < 2 {
		return cut(s, width, mark)
	}
	end := s
	for columns(end) > width-columns(mark)-head {
		_, size := utf8.DecodeRuneInString(end)
		end = end[size:]
	}
	return cut(s, head, "") + mark + end
}

// pad fills s up to the width.
func pad(s string, width int) string { return s + strings.Repeat(" ", max(0, width-columns(s))) }

// safe replaces what would drive the terminal or reorder its text, and what is
// no character at all; tab and newline stay. Readers of clusters do this at
// entry; what reaches a report on another way, such as an error of the API
// server, meets it here.
func safe(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n':
			return r
		case unicode.IsControl(r), r == 0xfffe, r == 0xffff, r == 0xfeff, r == 0x2028, r == 0x2029, r == 0x61c, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f:
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// inline is s on one line.
func inline(s string) string { return strings.Join(strings.Fields(s), " ") }

// cell is s on one line with its leading spaces, which may draw a tree.
func cell(s string) string {
	return strings.TrimRight(strings.NewReplacer("\n", " ", "\t", " ").Replace(safe(s)), " ")
}

// wrap breaks prose at spaces so that no line is wider than width, but for a
// word that is: names are to be copied, so they are not broken. An empty line
// ends a paragraph. Korean breaks at spaces too.
func wrap(s string, width int) []string {
	var lines []string
	for _, paragraph := range strings.Split(s, "\n\n") {
		line := ""
		for _, word := range unbroken(paragraph) {
			switch {
			case line == "":
				line = word
			case columns(line)+1+columns(word) <= width:
				line += " " + word
			default:
				lines = append(lines, line)
				line = word
			}
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// unbroken are the words between which a line may end. A number and its unit
// stay together: "361 s", "99 %".
func unbroken(s string) []string {
	var words []string
	for _, word := range strings.Fields(s) {
		if n := len(words) - 1; n >= 0 && isUnit(word) && strings.ContainsAny(words[n][len(words[n])-1:], "0123456789") {
			words[n] += " " + word
			continue
		}
		words = append(words, word)
	}
	return words
}

// isUnit takes a unit with the marks behind it, if there are any.
func isUnit(word string) bool {
	switch strings.TrimRight(word, "*.,;:)") {
	case "%", "s", "ms":
		return true
	}
	return false
}

// chop is wrap for values: a word wider than the line is broken, behind a
// character that separates where there is one in the second half of the line.
func chop(s string, width int) []string {
	var lines []string
	for _, line := range wrap(s, width) {
		for columns(line) > width {
			head := cut(line, width, "")
			if head == "" {
				break // one character wider than the line
			}
			if at := strings.LastIndexAny(head, "./,:]"); at > len(head)/2 {
				head = head[:at+1]
			}
			lines = append(lines, head)
			line = line[len(head):]
		}
		lines = append(lines, line)
	}
	return lines
}
