// Package live fills a snapshot from a cluster: what is asked for and nothing
// else, in parallel, in pages, as protobuf. It only reads.
package live

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // credential plugins of kubeconfig files
	"k8s.io/client-go/rest"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const (
	// parallel bounds how many reads are under way at once.
	parallel = 10
	// rounds bounds how often the plan is asked for more. A chain of references
	// is as long as this at most (Ingress, Service, Pod, ReplicaSet, …, Secret);
	// what a longer one still wants stays unread, and answers so.
	rounds = 12
	// pageSize is kubectl's --chunk-size.
	pageSize = 500
	// retries bounds how often a request is sent again that the server put off
	// (429, or 5xx with Retry-After).
	retries = 3
)

// Options set a reader up.
type Options struct {
	// Version goes into the user agent.
	Version string
	// QPS and Burst bound the rate of requests; a QPS of 0 or less does not.
	QPS   float32
	Burst int
	// Warnings gets what the API server warns of.
	Warnings rest.WarningHandlerWithContext
	// Now is the local clock, used where the server does not tell the time.
	Now func() time.Time
}

// Reader reads a cluster. Safe for use by several goroutines, except Fill on the same snapshot.
type Reader struct {
	clients *clients
	meter   *meter
	host    string
	timeout time.Duration
	keep    snapshot.Keep
	now     func() time.Time

	discovery discovery
}

// New makes a reader; nothing is sent yet.
func New(config *rest.Config, o Options) (*Reader, error) {
	m := &meter{}
	c, err := newClients(config, o, m)
	if err != nil {
		return nil, err
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	return &Reader{clients: c, meter: m, host: config.Host, timeout: config.Timeout, now: now}, nil
}

// Requests lists every HTTP request sent so far, in the order in which they ended.
func (r *Reader) Requests() []Request { return r.meter.log() }

// Fill asks the plan what is missing, reads it, and asks again, until nothing
// is. The snapshot's time is the server's when it began to answer. What cannot be read is recorded with the reason. The error is an
// *UnreachableError where the cluster does not answer at all or does not know
// who is asking, or the context's cause where that ended first.
func (r *Reader) Fill(ctx context.Context, s *snapshot.Snapshot, plan func(*snapshot.Snapshot) snapshot.Needs) error {
	r.meter.begin()
	for round := range rounds {
		needs := s.Missing(plan(s))
		if needs.Empty() {
			break
		}
		err := r.fillOnce(ctx, s, needs, round == 0)
		s.Requests = len(r.meter.log())
		if err != nil {
			return err
		}
	}
	s.TakenAt = r.meter.clock()
	if s.TakenAt.IsZero() {
		s.TakenAt = r.now()
	}
	return nil
}

// fillOnce reads one round. Reads write to their own place and are recorded in
// the order asked, so that the same cluster gives the same snapshot.
func (r *Reader) fillOnce(ctx context.Context, s *snapshot.Snapshot, needs snapshot.Needs, first bool) error {
	objects := make([]objectResult, len(needs.Objects))
	logs := make([]logResult, len(needs.Logs))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, n := range needs.Objects {
		g.Go(func() error { objects[i] = r.read(gctx, n); return r.fatal(objects[i].err) })
	}
	for i, n := range needs.Logs {
		g.Go(func() error { logs[i] = r.readLog(gctx, n); return r.fatal(logs[i].err) })
	}
	err := g.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	if first {
		if err := r.nothingWorked(objects); err != nil {
			return err
		}
	}
	for _, o := range objects {
		if o.found != nil {
			s.Know(*o.found)
		}
		for _, object := range o.objects {
			s.Add(object)
		}
		s.Record(o.reading)
	}
	for _, l := range logs {
		s.RecordLog(l.reading)
	}
	return nil
}

// fatal is the error that ends the whole reading at once: no answer ever came,
// or the server does not know who is asking.
func (r *Reader) fatal(err error) error {
	if err == nil {
		return nil
	}
	if isUnauthorized(err) || (isConnection(err) && !r.meter.answered()) {
		return r.unreachable(err)
	}
	return nil
}

// nothingWorked is an error where not one of the first reads got an answer
// that an API server would give: it is down, or it is something else.
func (r *Reader) nothingWorked(results []objectResult) error {
	for _, o := range results {
		if o.err == nil || isAnswer(o.err) {
			return nil
		}
	}
	if len(results) == 0 {
		return nil
	}
	return r.unreachable(fmt.Errorf("%s: %w", results[0].reading.Need, results[0].err))
}
