package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/render"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot/live"
)

// known is what is known without asking: what the watches tell, and of the rest
// what was read not long ago.
func (w *inspectWatch) known() *snapshot.Snapshot {
	s := snapshot.New(snapshot.FromCluster, w.clock())
	s.Context, s.Namespace = w.last.Context, w.last.Namespace
	for _, i := range w.last.Found() {
		s.Know(i)
	}
	fresh := w.app.Now().Sub(w.readAt) < reread
	if !fresh {
		w.readAt = w.app.Now()
	}
	for _, r := range w.last.Readings() {
		h := w.held[r.Need]
		if h != nil && h.ready {
			for _, o := range h.objects {
				s.Add(o)
			}
			s.Record(snapshot.Reading{Need: r.Need, NotFound: r.Need.Name != "" && len(h.objects) == 0})
			continue
		}
		if fresh || h != nil && !h.denied {
			carry(w.last, s, r)
		}
	}
	if fresh {
		for _, l := range w.last.Logs() {
			s.RecordLog(l)
		}
	}
	return s
}

// carry takes one reading over as it was.
func carry(from, to *snapshot.Snapshot, r snapshot.Reading) {
	n := r.Need
	selector, err := labels.Parse(n.Selector)
	if err != nil {
		return
	}
	for _, o := range from.OfKind(n.Kind, n.Namespace) {
		if (n.Name == "" || n.Name == o.GetName()) && selector.Matches(labels.Set(o.GetLabels())) {
			to.Add(o)
		}
	}
	to.Record(r)
}

// follow begins to watch what the newest report was made of and is not watched yet.
func (w *inspectWatch) follow(ctx context.Context) {
	for _, r := range w.last.Readings() {
		n := r.Need
		if w.held[n] != nil || r.Why != "" || r.Partial || !watchable(n.Kind) || len(w.held) >= watchedMost {
			continue
		}
		one, cancel := context.WithCancel(ctx)
		w.held[n] = &held{stop: cancel, objects: map[finding.Ref]snapshot.Object{}}
		go func() {
			defer cancel()
			err := w.c.reader.Watch([]snapshot.Need{n}).Run(one, w.notices)
			var unreachable *live.UnreachableError
			if errors.As(err, &unreachable) {
				w.fail(err)
			}
		}()
	}
	if w.readAt.IsZero() {
		w.readAt = w.app.Now()
	}
}

// watchable kinds are those of Kubernetes itself: what an aggregated API serves
// often knows no watch, and what add-ons bring is read through discovery.
func watchable(k snapshot.Kind) bool {
	info, ok := snapshot.Lookup(k)
	return ok && !info.Custom && !info.Metadata && !info.JSON
}

// show makes the report and puts it on the screen, or behind the one before in
// a pipe: there only where it says something else.
func (w *inspectWatch) show(again bool) error {
	if again {
		w.last.TakenAt = w.clock()
	}
	report, err := w.look.make(w.last, w.query, w.options)
	var missing *rule.NotFoundError
	switch {
	case errors.As(err, &missing): // it was there, and may come again
		return w.put(w.app.notFound(missing)+"\n", w.app.notFound(missing))
	case err != nil:
		return err
	}
	text, err := w.rendered(report, w.o.output.format)
	if err != nil {
		return err
	}
	said, err := w.rendered(report, render.JSON)
	if err != nil {
		return err
	}
	return w.put(text, timeless().ReplaceAllString(said, ""))
}

// timeless takes out of a report's JSON what differs in any two: when it was taken, and what it cost.
var timeless = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^  "(takenAt|requests)": .*\n`) })

// put writes a report; said is what tells it from another.
func (w *inspectWatch) put(text, said string) error {
	a := w.app
	w.block = text
	if w.screen != nil {
		_, height := a.Streams.Size()
		return w.screen.Draw(w.block+"\n"+w.foot(), height)
	}
	if said == w.shown {
		return nil
	}
	w.shown = said
	if w.o.output.format != render.JSON {
		text = fmt.Sprintf("--- %s\n%s", w.last.TakenAt.UTC().Format(time.RFC3339), text)
	}
	_, err := a.Streams.Out.Write([]byte(text))
	return err
}

func (w *inspectWatch) rendered(report any, format render.Format) (string, error) {
	o := w.app.render(outputValue{format: format})
	o.Width, _ = w.app.Streams.Size()
	var out bytes.Buffer
	err := render.Write(&out, report, o)
	return out.String(), err
}

// foot says that the screen is alive, and what is not.
func (w *inspectWatch) foot() string {
	watched, other, why := 0, 0, ""
	for _, h := range w.held {
		if h.denied {
			other++
		} else {
			watched++
		}
	}
	for _, l := range w.lost {
		why = snapshot.Safe(l)
	}
	return w.app.t("inspect.watch-foot", "at", w.last.TakenAt.UTC().Format(time.TimeOnly), "n", watched, "denied", other, "lost", why)
}
