package live

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Event is what a notice is about.
type Event string

// Found is an object of a need's first list, and Listed says that this list is
// complete. Added, Changed and Gone came after it. Lost says that nothing is
// heard of the need for now, Back that it is again: what had happened meanwhile
// follows, marked as missed. Denied says that the need will not be heard of.
const (
	Found   Event = "found"
	Listed  Event = "listed"
	Added   Event = "added"
	Changed Event = "changed"
	Gone    Event = "gone"
	Lost    Event = "lost"
	Back    Event = "back"
	Denied  Event = "denied"
)

// Notice is one thing that a watch tells.
type Notice struct {
	Event Event
	Need  snapshot.Need
	// Object is that of Found, Added, Changed, and as it was last seen of Gone.
	Object snapshot.Object
	// Why tells of Lost and Denied.
	Why string
	// At is when it came in, by the API server's clock: see Watch.Now.
	At time.Time
	// Missed: it happened at some time since nothing was heard, not at At.
	Missed bool
}

const (
	// A watch that broke is begun again after the first wait, doubled up to the
	// last while it does not work, so that a server that comes up is not pressed.
	firstWait = 250 * time.Millisecond
	lastWait  = 5 * time.Second
	// catchUp is how long after a silence what comes in is taken for what was missed.
	catchUp = time.Second
)

// Watch hears of what some needs ask for.
type Watch struct {
	r     *Reader
	needs []snapshot.Need
	ahead func() time.Duration
}

// Watch makes one; nothing is sent yet.
func (r *Reader) Watch(needs []snapshot.Need) *Watch {
	return &Watch{r: r, needs: needs, ahead: sync.OnceValue(r.meter.offset)}
}

// Now is the API server's time, known to about a second. Two of these are as far
// apart as they were here: the difference of the clocks is settled once.
func (w *Watch) Now() time.Time { return w.r.now().Add(w.ahead()) }

// Run lists what each need asks for, and then tells of every change until the
// context ends, whose cause it gives. Each need is one list and one watch: nothing is
// asked again and again. A watch that the server ended or that broke goes on where
// it was; where the server has forgotten that point (410), the need is listed again
// and compared. Notices of one need come in order. It returns nil when every need
// was denied, and the errors of Fill where the cluster never answers or does not know who asks.
func (w *Watch) Run(ctx context.Context, out chan<- Notice) error {
	g, gctx := errgroup.WithContext(ctx)
	for _, n := range w.needs {
		g.Go(func() error {
			one := &watcher{r: w.r, now: w.Now, need: n, out: out, known: map[objectKey]snapshot.Object{}}
			return one.run(gctx)
		})
	}
	err := g.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

type objectKey struct{ namespace, name string }

// watcher hears of one need.
type watcher struct {
	r      *Reader
	now    func() time.Time
	need   snapshot.Need
	info   snapshot.Info
	client rest.Interface
	out    chan<- Notice

	// version is where the watch stands, "" where the need must be listed.
	version string
	known   map[objectKey]snapshot.Object
	// listed says that the first list is told, lost that nothing is heard.
	listed, lost bool
	// back is when it was heard again.
	back time.Time
}

// run listens until the context ends.
func (w *watcher) run(ctx context.Context) error {
	var err error
	if w.info, w.client, err = w.r.watching(w.need); err != nil {
		return w.tell(ctx, Notice{Event: Denied, Why: err.Error()})
	}
	wait := firstWait
	for {
		heard, err := w.once(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if heard {
			wait = firstWait
		}
		if err != nil {
			if done, err := w.failed(ctx, err); done || err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
		if wait *= 2; wait > lastWait {
			wait = lastWait
		}
	}
}

// failed says what becomes of a need after an error: a server that refuses the
// first list will refuse the next; one that has answered before is waited for,
// since an API server that has just begun refuses what it is about to allow.
func (w *watcher) failed(ctx context.Context, err error) (done bool, fatal error) {
	switch {
	case isExpired(err):
		w.version = ""
		return false, nil
	case !w.listed && w.r.fatal(err) != nil:
		return true, w.r.fatal(err)
	case !w.listed && isAnswer(err):
		return true, w.tell(ctx, Notice{Event: Denied, Why: w.r.why(w.need.String(), err)})
	case w.lost:
		return false, nil
	}
	w.lost = true
	return false, w.tell(ctx, Notice{Event: Lost, Why: w.r.why(w.need.String(), err)})
}

// tell gives a notice to whoever listens.
func (w *watcher) tell(ctx context.Context, n Notice) error {
	n.Need, n.At = w.need, w.now()
	select {
	case w.out <- n:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
