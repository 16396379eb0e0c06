package term

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// ErrInterrupted is the cause of a context that a signal ended.
var ErrInterrupted = errors.New("interrupted")

// ErrTerminated is an ErrInterrupted that nobody typed: nobody waits to be asked.
var ErrTerminated = fmt.Errorf("terminated: %w", ErrInterrupted)

// OutlivePipe lets the process go on when nobody reads what it writes any more:
// a write is an error from then on, and no signal. The signal is taken and not
// ignored, for what is ignored stays so in every program that is started: there
// "while :; do echo x; done | head -1" would never end.
func OutlivePipe() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// Interruptible gives a context that the first interrupt, termination or hang-up
// ends, with ErrInterrupted as its cause, or ErrTerminated. From then on the signals do what they
// do by themselves, so that the second one ends the process at once; a shell
// sees 130. Call stop when the work is done.
func Interruptible(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		select {
		case got := <-signals:
			signal.Stop(signals)
			if got == os.Interrupt {
				cancel(ErrInterrupted)
				return
			}
			cancel(ErrTerminated)
		case <-ctx.Done():
			signal.Stop(signals)
		}
	}()
	return ctx, func() { cancel(nil) }
}
