// Package term is what the tool knows of the terminal: its streams, whether a
// person sits at each, how wide it is, and whether colour is welcome.
package term

import (
	"bytes"
	"io"
	"os"

	"golang.org/x/term"
)

// Streams are where a command reads and writes. Results go to Out, everything
// said about them to Err.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
	// InTTY, OutTTY and ErrTTY say for each stream whether it is a terminal.
	InTTY, OutTTY, ErrTTY bool
	// Width is that of the terminal at Out in columns, 0 where there is none.
	Width int
}

// System gives the streams of the process.
func System() Streams {
	s := Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, InTTY: isTTY(os.Stdin), OutTTY: isTTY(os.Stdout), ErrTTY: isTTY(os.Stderr)}
	if s.OutTTY {
		if w, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
			s.Width = w
		}
	}
	return s
}

func isTTY(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// Test gives streams of buffers, none of them a terminal.
func Test(in string) (s Streams, out, err *bytes.Buffer) {
	out, err = &bytes.Buffer{}, &bytes.Buffer{}
	return Streams{In: bytes.NewBufferString(in), Out: out, Err: err}, out, err
}
