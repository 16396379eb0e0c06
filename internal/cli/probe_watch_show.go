package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
)

// hear takes one notice in and shows what it means. What comes before all first
// lists are complete waits for them, so that an event finds its pod.
func (w *probeWatch) hear(n live.Notice) error {
	switch n.Event {
	case live.Listed:
		w.open--
		return w.begin(n.At)
	case live.Denied:
		w.open--
		if n.Need == w.pods {
			return errors.New(n.Why)
		}
		if err := w.show(w.silence(n, probe.NotHeard)); err != nil {
			return err
		}
		return w.begin(n.At)
	case live.Lost, live.Back:
		return w.gap(n)
	case live.Found, live.Added, live.Changed, live.Gone:
		switch {
		case n.Event == live.Found:
			return w.see(n)
		case w.open > 0:
			w.held = append(w.held, n)
		default:
			w.settling.add(n, time.Now())
		}
	}
	return nil
}

// gap tells that nothing is heard of one kind at least, or of all again.
func (w *probeWatch) gap(n live.Notice) error {
	if err := w.settle(time.Now().Add(settles)); err != nil {
		return err
	}
	if n.Event == live.Lost {
		if w.lost++; w.lost > 1 {
			return nil
		}
		return w.show(w.silence(n, probe.Silent))
	}
	if w.lost--; w.lost > 0 {
		return nil
	}
	return w.show(w.silence(n, probe.Heard))
}

// settle takes in what has settled.
func (w *probeWatch) settle(now time.Time) error {
	for _, n := range w.settling.take(now) {
		if err := w.see(n); err != nil {
			return err
		}
	}
	return nil
}

// silence tells of the watch itself; a need that is denied is no silence.
func (w *probeWatch) silence(n live.Notice, kind probe.MomentKind) probe.Moment {
	if kind == probe.NotHeard {
		return probe.Moment{Time: micro(n.At), Event: kind, Reason: n.Why}
	}
	return w.watcher.Silence(n.At, kind, n.Why)
}

func (w *probeWatch) begin(at time.Time) error {
	if w.open > 0 {
		return nil
	}
	if err := w.show(w.watcher.Begin(at)); err != nil {
		return err
	}
	for _, n := range w.held {
		if err := w.see(n); err != nil {
			return err
		}
	}
	w.held = nil
	return nil
}

func (w *probeWatch) see(n live.Notice) error {
	for _, m := range w.watcher.See(probe.Sighting{At: n.At, Object: n.Object, Gone: n.Event == live.Gone, First: n.Event == live.Found, Missed: n.Missed}) {
		if err := w.show(m); err != nil {
			return err
		}
	}
	return nil
}

// show writes a moment where it belongs: in the view, as a line, or as JSON.
func (w *probeWatch) show(m probe.Moment) error {
	switch {
	case w.o.json:
		return w.writeJSON(m)
	case w.screen != nil:
		if w.latest = append(w.latest, m); len(w.latest) > latestShown {
			w.latest = w.latest[1:]
		}
		return w.draw()
	}
	line, err := render.ProbeMoment(m, w.app.render(outputValue{format: render.Table}))
	if err == nil {
		_, err = fmt.Fprintln(w.app.Streams.Out, line)
	}
	return err
}

func (w *probeWatch) draw() error {
	if w.screen == nil || w.open > 0 {
		return nil
	}
	width, height := w.app.Streams.Size()
	o := w.app.render(outputValue{format: render.Table})
	o.Width = width
	block, err := render.ProbeLive(w.watcher.View(), w.latest, w.watch.Now(), height, o)
	if err != nil {
		return err
	}
	return w.screen.Draw(block, height)
}

func (w *probeWatch) writeJSON(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	_, err = w.app.Streams.Out.Write(append(line, '\n'))
	return err
}

func micro(t time.Time) metav1.MicroTime { return metav1.NewMicroTime(t.UTC()) }
