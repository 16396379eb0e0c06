package rollout

import (
	"context"
	"sync"
	"time"
)

// gateRun asks gates beside the looking: a command may take minutes, and the new
// version is watched over all the while.
type gateRun struct {
	judge  Judge
	asking *sync.WaitGroup
	came   chan struct{}
	cancel []context.CancelFunc

	mu      sync.Mutex
	running map[string]bool
	next    map[string]time.Time
	got     map[string]Answer
}

func newGateRun(j Judge, asking *sync.WaitGroup) *gateRun {
	return &gateRun{judge: j, asking: asking, came: make(chan struct{}, 1), running: map[string]bool{}, next: map[string]time.Time{}, got: map[string]Answer{}}
}

// ask starts asking those gates that are not being asked already, each at most once in a few seconds.
func (g *gateRun) ask(ctx context.Context, gates []GateSpec, about Question, clock Clock) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := clock.Now()
	for _, spec := range gates {
		name := spec.String()
		if g.running[name] || now.Before(g.next[name]) {
			continue
		}
		g.running[name] = true
		g.next[name] = now.Add(askGateEvery)
		if spec.Kind == GateTime {
			g.next[name] = now // it costs nothing to ask
		}
		asking, cancel := context.WithCancel(ctx)
		g.cancel = append(g.cancel, cancel)
		g.asking.Go(func() { g.one(asking, spec, about) })
	}
}

func (g *gateRun) one(ctx context.Context, spec GateSpec, about Question) {
	answer := g.judge.Judge(ctx, spec, about)
	if ctx.Err() != nil {
		return // the question does not stand any more
	}
	answer.At = about.Now
	g.mu.Lock()
	g.running[spec.String()] = false
	g.got[spec.String()] = answer
	g.mu.Unlock()
	select {
	case g.came <- struct{}{}:
	default:
	}
}

// answers takes what has come in.
func (g *gateRun) answers() map[string]Answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	got := g.got
	g.got = map[string]Answer{}
	return got
}

// stop gives up what is being asked.
func (g *gateRun) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, cancel := range g.cancel {
		cancel()
	}
	g.cancel = nil
}
