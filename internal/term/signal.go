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

// Interruptible gives a context that the first interrupt or termination signal
// ends, with ErrInterrupted as its cause. From then on the signals do what they
// do by themselves, so that the second one ends the process at once; a shell
// sees 130. Call stop when the work is done.
func Interruptible(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case got := <-signals:
			signal.Stop(signals)
			if got == syscall.SIGTERM {
				cancel(ErrTerminated)
				return
			}
			cancel(ErrInterrupted)
		case <-ctx.Done():
			signal.Stop(signals)
		}
	}()
	return ctx, func() { cancel(nil) }
}
