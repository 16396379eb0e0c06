package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-msa/kubectl-msa/internal/term"
)

// leaveWithin is how long the second Ctrl-C waits for the driver to leave: long
// enough for commands of gates to be ended, which nobody else would do, and too
// short to wait for an API server that does not answer. A third ends the process.
const leaveWithin = 4 * time.Second

// interrupts are the Ctrl-Cs of a driver. The first one asks, where there is
// somebody to ask; the next leaves, until the question is answered.
type interrupts struct {
	app     *app
	base    context.Context
	present context.Context
	stop    func()
	answers chan string
	// asking says that the question stands, leaving that the driver was told to leave.
	asking, leaving bool
	// late is when a driver that was told to leave twice is not waited for any more.
	late <-chan time.Time
}

func (a *app) interrupts(ctx context.Context) *interrupts {
	return &interrupts{app: a, base: context.WithoutCancel(ctx), present: ctx, stop: func() {}, answers: make(chan string, 1)}
}

// came is closed by the next signal; after one to leave for good, nil.
func (i *interrupts) came() <-chan struct{} {
	if i.late != nil {
		return nil
	}
	return i.present.Done()
}

// ask deals with a signal: it puts the question, which answers gets the answer
// to, or says that the driver is to leave.
func (i *interrupts) ask() bool {
	cause := context.Cause(i.present)
	s := i.app.Streams
	if i.asking || i.leaving {
		i.leave()
		return false
	}
	i.again()
	if !s.InTTY || !s.ErrTTY || errors.Is(cause, term.ErrTerminated) {
		i.leaving = true
		return false
	}
	i.asking = true
	go func() { i.answers <- s.Ask("\n" + i.app.t("rollout.ask-interrupt")) }()
	return true
}

// leave lets the next signal end the process.
func (i *interrupts) leave() {
	if i.asking {
		fmt.Fprintln(i.app.Streams.Err) // below the question
	}
	i.stop()
	i.late = time.After(leaveWithin)
}

// again listens for the next signal.
func (i *interrupts) again() {
	i.stop()
	i.present, i.stop = term.Interruptible(i.base)
}

// choice is what to do after Ctrl-C.
type choice string

const (
	chooseHold     choice = "hold"
	chooseAbort    choice = "abort"
	chooseContinue choice = "continue"
)

// choose takes a letter or the word; anything else holds, which loses nothing.
func choose(typed string) choice {
	typed = strings.ToLower(typed)
	for _, c := range []choice{chooseAbort, chooseContinue} {
		if typed != "" && strings.HasPrefix(string(c), typed) {
			return c
		}
	}
	return chooseHold
}
