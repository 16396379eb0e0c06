package fault

import (
	"context"
	"fmt"
	"os"
	"time"
)

// Exit is a process that ends on purpose.
type Exit struct {
	Code    int
	Message string
}

func (e *Exit) Error() string { return fmt.Sprintf("%s (exit code %d)", e.Message, e.Code) }

// Wait passes START_DELAY, and returns an *Exit if the crash comes at once
// (CRASH_AFTER=0s), before the service listens.
func (s Start) Wait(ctx context.Context) error {
	if s.Crash.Set && s.Crash.Delay == 0 {
		return s.exit()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(s.Delay):
		return nil
	}
}

// Run takes memory and waits for the crash. It returns an *Exit when the time
// has come, and nil when ctx ends first.
func (s Start) Run(ctx context.Context) error {
	if s.MemoryMB > 0 {
		go TakeMemory(ctx, s.MemoryMB)
	}
	if !s.Crash.Set {
		<-ctx.Done()
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(s.Crash.Delay):
		return s.exit()
	}
}

func (s Start) exit() error { return &Exit{Code: s.Code, Message: s.Message} }

// TakeMemory grows by mbPerSecond MB (2^20 bytes) each second until ctx ends or
// the kernel kills the process. It grows in ten steps a second and writes to
// every page, because the kernel counts a page from its first write on.
func TakeMemory(ctx context.Context, mbPerSecond int) {
	const stepsPerSecond = 10
	tick := time.NewTicker(time.Second / stepsPerSecond)
	defer tick.Stop()
	var held [][]byte
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		block := make([]byte, mbPerSecond<<20/stepsPerSecond)
		for i := 0; i < len(block); i += os.Getpagesize() {
			block[i] = 1
		}
		held = append(held, block)
	}
}
