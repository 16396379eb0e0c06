package term

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// showAfter is how long a wait may last before it says that it is one.
	showAfter = 300 * time.Millisecond
	turnEvery = 200 * time.Millisecond
	clearLine = "\r\x1b[K"
)

// Wait shows on Err, if that is a terminal, that something takes time, until
// the function it returns is called; that one leaves no trace, and may be
// called more than once.
func (s Streams) Wait(label string) (done func()) {
	if !s.ErrTTY {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		turn(s.Err, label, stop)
	}()
	var once sync.Once
	return func() { once.Do(func() { close(stop); <-stopped }) }
}

func turn(w io.Writer, label string, stop <-chan struct{}) {
	begin := time.NewTimer(showAfter)
	defer begin.Stop()
	select {
	case <-stop:
		return
	case <-begin.C:
	}
	tick := time.NewTicker(turnEvery)
	defer tick.Stop()
	for i := 0; ; i++ {
		fmt.Fprintf(w, "%s%c %s", clearLine, `|/-\`[i%4], label)
		select {
		case <-stop:
			fmt.Fprint(w, clearLine)
			return
		case <-tick.C:
		}
	}
}
