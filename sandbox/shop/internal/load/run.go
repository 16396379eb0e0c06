// Package load sends HTTP requests at a fixed rate and counts how each ended.
//
// The schedule is open: a request is due at its time whether or not the earlier
// ones were answered, as with independent users. A closed loop would send less
// while the server is unwell and so hide the outage that it is to measure.
package load

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Config is one run.
type Config struct {
	URL, Method string
	// Host replaces the Host header if it is not empty.
	Host string
	// Rate is in requests per second.
	Rate     float64
	Duration time.Duration
	// Timeout bounds one request, connecting included.
	Timeout time.Duration
	// KeepAlive reuses connections; without it each request has its own.
	KeepAlive bool
	// MaxInFlight bounds what is unanswered at any time; a request that is due
	// beyond it is a failure of KindNotSent.
	MaxInFlight int
	// Dial replaces how connections are made, for tests.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Run sends the requests and returns when all have ended. If ctx ends, no more
// are sent and those in flight are given up. Each result is also given to see,
// one at a time, in the order in which they end.
func (c Config) Run(ctx context.Context, see func(Event)) Summary {
	client := c.client()
	defer client.CloseIdleConnections()
	var (
		sum      = newSummary(c)
		start    = time.Now()
		results  = make(chan result, 1024)
		inFlight atomic.Int64
		wg       sync.WaitGroup
		counted  = make(chan struct{})
	)
	go func() {
		defer close(counted)
		for r := range results {
			sum.add(start, r)
			if see != nil {
				see(Event{Start: start, result: r})
			}
		}
	}()
	total := int(c.Rate * c.Duration.Seconds())
	for i := 0; i < total && ctx.Err() == nil; i++ {
		due := time.Duration(float64(i) / c.Rate * float64(time.Second))
		if !sleepUntil(ctx, start.Add(due)) {
			break
		}
		if inFlight.Load() >= int64(c.MaxInFlight) {
			now := time.Since(start)
			results <- result{scheduled: due, sent: now, done: now, kind: KindNotSent}
			continue
		}
		inFlight.Add(1)
		wg.Go(func() {
			defer inFlight.Add(-1)
			results <- c.send(ctx, client, start, due)
		})
	}
	wg.Wait()
	close(results)
	<-counted
	sum.finish(time.Since(start), ctx.Err() != nil)
	return sum
}

func sleepUntil(ctx context.Context, at time.Time) bool {
	wait := time.Until(at)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (c Config) client() *http.Client {
	dial := c.Dial
	if dial == nil {
		dial = (&net.Dialer{Control: privateOnly}).DialContext
	}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:         dial,
			DisableKeepAlives:   !c.KeepAlive,
			DisableCompression:  true,
			MaxIdleConnsPerHost: c.MaxInFlight,
			// As the shop's own clients: let go of a connection before a server
			// that shuts down closes it.
			IdleConnTimeout: 2 * time.Second,
		},
	}
}

// privateOnly refuses to connect to an address of somebody else.
func privateOnly(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if ip := ap.Addr().Unmap(); !ip.IsLoopback() && !ip.IsPrivate() {
		return errForeign
	}
	return nil
}

func (c Config) send(ctx context.Context, client *http.Client, start time.Time, due time.Duration) result {
	run := ctx
	ctx, cancel := context.WithTimeout(run, c.Timeout)
	defer cancel()
	connections := 0
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connections++ }})
	r := result{scheduled: due, sent: time.Since(start)}
	r.kind, r.err = c.exchange(ctx, client, &r)
	if r.kind == KindTimeout && run.Err() != nil {
		r.kind = KindCanceled // the run ran out of time, not the request
	}
	r.done, r.retried = time.Since(start), connections > 1
	return r
}

func (c Config) exchange(ctx context.Context, client *http.Client, r *result) (Kind, error) {
	req, err := http.NewRequestWithContext(ctx, c.Method, c.URL, nil)
	if err != nil {
		return KindProtocol, err
	}
	req.Host = c.Host
	resp, err := client.Do(req)
	if err != nil {
		return classify(err), err
	}
	defer resp.Body.Close()
	r.status, r.version, r.pod = resp.StatusCode, resp.Header.Get("X-Shop-Version"), resp.Header.Get("X-Shop-Pod")
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return classify(err), err
	}
	return kindOfStatus(resp.StatusCode), nil
}
