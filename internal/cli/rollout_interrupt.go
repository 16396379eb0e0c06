package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/internal/term"
)

// interrupts are the Ctrl-Cs of a driver. The first one asks, where there is
// somebody to ask; the next ends the process, until the question is answered.
type interrupts struct {
	app     *app
	base    context.Context
	present context.Context
	stop    func()
	answers chan string
}

func (a *app) interrupts(ctx context.Context) *interrupts {
	return &interrupts{app: a, base: context.WithoutCancel(ctx), present: ctx, stop: func() {}, answers: make(chan string, 1)}
}

// came is closed by the next signal; while it is dealt with, nil.
func (i *interrupts) came() <-chan struct{} {
	if i.present == nil {
		return nil
	}
	return i.present.Done()
}

// ask puts the question, and says whether it could; answers then gets the answer.
func (i *interrupts) ask() bool {
	cause := context.Cause(i.present)
	i.present = nil
	s := i.app.Streams
	if !s.InTTY || !s.ErrTTY || errors.Is(cause, term.ErrTerminated) {
		return false
	}
	go func() { i.answers <- s.Ask("\n" + i.app.t("rollout.ask-interrupt")) }()
	return true
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
