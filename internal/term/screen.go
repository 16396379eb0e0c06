package term

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

const (
	// Lines that are too long are cut by the terminal itself, so that one line is always one row (DECAWM).
	wrapOff   = "\x1b[?7l"
	wrapOn    = "\x1b[?7h"
	clearRest = "\x1b[K"
	clearDown = "\x1b[J"
)

// Screen is a block of lines at the end of the output that is drawn again in
// place. What was there before it stays and scrolls as ever.
type Screen struct {
	out  io.Writer
	rows int
}

// NewScreen gives a screen on Out, which must be a terminal that knows cursor movement.
func (s Streams) NewScreen() *Screen { return &Screen{out: s.Out} }

// Draw puts the block in the place of the one before. Of a block higher than
// the terminal the end is left out; height 0 is one that is not known.
func (c *Screen) Draw(block string, height int) error {
	lines := strings.Split(strings.TrimRight(block, "\n"), "\n")
	if height > 2 && len(lines) > height-1 {
		lines = lines[:height-1]
	}
	var b strings.Builder
	b.WriteString(wrapOff)
	c.up(&b)
	for _, l := range lines {
		b.WriteString(l + clearRest + "\n")
	}
	b.WriteString(clearDown + wrapOn)
	c.rows = len(lines)
	_, err := io.WriteString(c.out, b.String())
	return err
}

// Clear takes the block away; what is written next stands in its place.
func (c *Screen) Clear() error {
	var b strings.Builder
	c.up(&b)
	b.WriteString(clearDown)
	c.rows = 0
	_, err := io.WriteString(c.out, b.String())
	return err
}

// Leave lets the block stand; what is drawn next comes below it.
func (c *Screen) Leave() { c.rows = 0 }

func (c *Screen) up(b *strings.Builder) {
	if c.rows > 0 {
		fmt.Fprintf(b, "\x1b[%dA\r", c.rows)
	}
}

// Size is that of the terminal at Out now, in columns and rows: people change
// it. 0 is what is not known.
func (s Streams) Size() (width, height int) {
	f, ok := s.Out.(*os.File)
	if !ok || !s.OutTTY {
		return s.Width, 0
	}
	w, h, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return s.Width, 0
	}
	return w, h
}

// Redraws says that lines on Out can be drawn again in place.
func (s Streams) Redraws(getenv func(string) string) bool {
	return s.OutTTY && getenv("TERM") != "dumb"
}
