package misbehave

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// Course is how a server answers that keeps a record. It answers in the place of
// a program that only marks its life, so that it is there before that begins:
// requests pass, but from number FailFrom on, until the program was told to end.
type Course struct {
	// File is the record, which both write.
	File string
	// FailFrom is the number of the first request that fails, 0 for none.
	FailFrom int
	// Hang: it does not answer them at all.
	Hang bool
}

// Noted is one line of a record.
type Noted struct {
	At   time.Time `json:"at"`
	What What      `json:"what"`
	// Passed and Took belong to a request: what it was told, and how long until it was
	// told or whoever asked had gone.
	Passed bool          `json:"passed,omitempty"`
	Took   time.Duration `json:"took,omitempty"`
	// Overslept is by how much the process was woken up late since its line before, at the most.
	Overslept time.Duration `json:"overslept"`
}

// What was noted.
type What string

// The program began, the server was asked, the program was told to end.
const (
	Began What = "began"
	Asked What = "asked"
	Told  What = "told"
)

// The paths of the server that keeps a record.
const (
	AskPath    = "/ask"
	RecordPath = "/record"
)

// Keep serves on the listener, and keeps a record, until the context ends.
func Keep(ctx context.Context, l net.Listener, c Course) error {
	k := &keeper{course: c}
	go k.nap(ctx)
	mux := http.NewServeMux()
	mux.HandleFunc(AskPath, k.ask)
	mux.HandleFunc(RecordPath, func(w http.ResponseWriter, _ *http.Request) {
		record, err := os.ReadFile(c.File)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(record)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	<-ctx.Done()
	return nil
}

// Mark is the program: it notes in the record when it began and was told to end.
func Mark(ctx context.Context, file string) error {
	k := &keeper{course: Course{File: file}}
	if err := k.note(Noted{At: time.Now(), What: Began}); err != nil {
		return err
	}
	<-ctx.Done()
	return k.note(Noted{At: time.Now(), What: Told})
}

type keeper struct {
	course Course

	mu        sync.Mutex
	asked     int
	overslept time.Duration
}

// over says that the program was told to end, once at least.
func (k *keeper) over() bool {
	record, err := os.ReadFile(k.course.File)
	return err == nil && strings.Contains(string(record), `"`+string(Told)+`"`)
}

// nap finds out how late this process is woken up.
func (k *keeper) nap(ctx context.Context) {
	const nap = 50 * time.Millisecond
	for ctx.Err() == nil {
		began := time.Now()
		time.Sleep(nap)
		k.mu.Lock()
		k.overslept = max(k.overslept, time.Since(began)-nap)
		k.mu.Unlock()
	}
}

func (k *keeper) ask(w http.ResponseWriter, r *http.Request) {
	n := Noted{At: time.Now(), What: Asked}
	k.mu.Lock()
	k.asked++
	n.Passed = k.course.FailFrom == 0 || k.asked < k.course.FailFrom || k.over()
	k.mu.Unlock()
	switch {
	case n.Passed:
		_, _ = fmt.Fprintln(w, "ok")
	case k.course.Hang:
		select {
		case <-r.Context().Done():
		case <-time.After(longest):
		}
	default:
		w.WriteHeader(http.StatusInternalServerError)
	}
	n.Took = time.Since(n.At)
	if err := k.note(n); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// note adds a line to the record.
func (k *keeper) note(n Noted) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	n.Overslept, k.overslept = k.overslept, 0
	line, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("encode a line of the record: %w", err)
	}
	f, err := os.OpenFile(k.course.File, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the record: %w", err)
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		_ = f.Close()
		return fmt.Errorf("write the record: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	return nil
}
