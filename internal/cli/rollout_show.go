package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/kubectl-msa/kubectl-msa/internal/term"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// show tells what a driver does while it drives: a block that is drawn in place
// on a terminal, a line for each event in a pipe, or each event as JSON.
type show struct {
	app     *app
	machine *rollout.Machine
	driver  render.RolloutDriver
	events  bool
	keys    string

	mu     sync.Mutex
	screen *term.Screen
	// view is what was last known, seen when that was by the local clock.
	view render.Rollout
	seen time.Time
	any  bool
	mute bool
	err  error
}

func (a *app) newShow(m *rollout.Machine, driver string, events bool) *show {
	s := &show{app: a, machine: m, driver: render.RolloutDriver{Name: driver, Leads: true}, events: events}
	if !events && a.Streams.Redraws(a.Getenv) {
		s.screen, s.keys = a.Streams.NewScreen(), a.t("rollout.keys")
	}
	return s
}

// event is told of everything that happens.
func (s *show) event(e rollout.Event, state *rollout.State, w *rollout.World) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.know(state, w, "")
	s.view.LastEvent = &e
	switch {
	case s.events:
		s.note(writeLine(s.app.Streams.Out, e))
	case s.screen != nil:
		s.draw()
	default:
		line, err := render.RolloutLine(e, state, s.app.render(outputValue{}))
		if err == nil && line != "" {
			_, err = fmt.Fprintln(s.app.Streams.Out, line)
		}
		s.note(err)
	}
}

// look is told of each look at the cluster.
func (s *show) look(state *rollout.State, w *rollout.World, waits string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.know(state, w, waits)
	s.draw()
}

func (s *show) know(state *rollout.State, w *rollout.World, waits string) {
	last := s.view.LastEvent
	s.driver.Seen = state.Seen
	driver := s.driver
	s.view = render.NewRollout(state, w, s.machine.Describe(state, w), &driver)
	if s.view.LastEvent == nil {
		s.view.LastEvent = last
	}
	s.view.Waits, s.seen, s.any = waits, s.app.Now(), true
}

// tick lets the clock in the block go on.
func (s *show) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draw()
}

func (s *show) draw() {
	if s.screen == nil || !s.any || s.mute {
		return
	}
	width, height := s.app.Streams.Size()
	o := s.app.render(outputValue{format: render.Table})
	o.Width = width
	block, err := render.RolloutLive(s.view, s.view.At.Add(s.app.Now().Sub(s.seen)), s.keys, o)
	if err == nil {
		err = s.screen.Draw(block, height)
	}
	s.note(err)
}

// writeLine writes an event as one line of JSON.
func writeLine(w io.Writer, e rollout.Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// note keeps the first error of the stream: nobody reads any more, which is no reason to stop driving.
func (s *show) note(err error) {
	if s.err == nil {
		s.err = err
	}
}

// quiet leaves the block as it is while a question stands below it, or draws again.
func (s *show) quiet(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mute = on
	if s.screen != nil {
		s.screen.Leave()
	}
}

// done takes the block away: what stands there at the end is the report.
func (s *show) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.screen != nil && s.any && !s.mute {
		s.note(s.screen.Clear())
	}
	s.mute = true
}
