package fault

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/env"
)

// Set is the request faults in force. It is safe for concurrent use.
type Set struct {
	now func() time.Time

	mu     sync.RWMutex
	values map[string]string
	faults Request
	since  time.Time
}

// NewSet reads the request faults through get. Delays such as DEADLOCK_AFTER
// count from now on.
func NewSet(get func(string) string, now func() time.Time) (*Set, error) {
	s := &Set{now: now}
	values := map[string]string{}
	for _, name := range RequestNames() {
		if v := get(name); v != "" {
			values[name] = v
		}
	}
	return s, s.replace(values)
}

// Change sets some of the variables to new values, "" clearing one; the others
// stay. Delays count from the change on. A name that is not one of
// RequestNames or a bad value changes nothing.
func (s *Set) Change(changes map[string]string) error {
	values := s.Values()
	for name, v := range changes {
		if !slices.Contains(RequestNames(), name) {
			return fmt.Errorf("%s cannot change at run time; want one of %s", name, strings.Join(RequestNames(), ", "))
		}
		values[name] = v
	}
	return s.replace(values)
}

func (s *Set) replace(values map[string]string) error {
	r := &env.Reader{Get: func(name string) string { return values[name] }}
	faults := ReadRequest(r)
	if err := r.Err(); err != nil {
		return err
	}
	maps.DeleteFunc(values, func(_, v string) bool { return v == "" })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values, s.faults, s.since = values, faults, s.now()
	return nil
}

// Values returns a copy of the variables that are set.
func (s *Set) Values() map[string]string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.values)
}

func (s *Set) current() (Request, time.Duration) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.faults, s.now().Sub(s.since)
}

func (a After) reached(age time.Duration) bool { return a.Set && age >= a.Delay }

// Unready says whether readiness is to fail.
func (s *Set) Unready() bool {
	f, age := s.current()
	return f.Unready.reached(age)
}

// Deadlocked says whether nothing answers any more.
func (s *Set) Deadlocked() bool {
	f, age := s.current()
	return f.Deadlock.reached(age)
}

// Request waits as a request of the service has to, and returns the HTTP status
// with which it fails, or 0. It returns the error of ctx if that ends first.
func (s *Set) Request(ctx context.Context) (status int, err error) {
	f, _ := s.current()
	delay := f.Latency
	if f.Jitter > 0 {
		delay += time.Duration((2*rand.Float64() - 1) * float64(f.Jitter))
	}
	if err := s.hold(ctx, delay); err != nil {
		return 0, err
	}
	if f.ErrorRate > 0 && rand.Float64() < f.ErrorRate {
		return f.ErrorCode, nil
	}
	return 0, nil
}

// Health waits as a health request has to.
func (s *Set) Health(ctx context.Context) error {
	f, _ := s.current()
	return s.hold(ctx, f.HealthLatency)
}

// hold waits for the delay, and for ever in a deadlock.
func (s *Set) hold(ctx context.Context, delay time.Duration) error {
	if s.Deadlocked() {
		<-ctx.Done()
		return ctx.Err()
	}
	if delay <= 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(delay):
		return nil
	}
}
