package app

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/load"
)

func TestRequestInFlightIsAnsweredAfterSIGTERM(t *testing.T) {
	a := start(t, webService(), "LATENCY", "600ms") // longer than SHUTDOWN_DELAY
	answered := make(chan int, 1)
	go func() {
		resp, err := http.Get("http://" + a.Addr() + "/")
		if err != nil {
			t.Error(err)
			answered <- 0
			return
		}
		resp.Body.Close()
		answered <- resp.StatusCode
	}()
	time.Sleep(200 * time.Millisecond) // the request has been taken by now
	a.stop()
	if status := <-answered; status != 200 {
		t.Errorf("status = %d", status)
	}
	if err := <-a.ended; err != nil {
		t.Error(err)
	}
}

func TestDrainingAnswersAndClosesConnections(t *testing.T) {
	a := start(t, webService(), "SHUTDOWN_DELAY", "1s")
	if _, _, h := get(t, "http://"+a.Addr()+"/"); h.Get("Connection") == "close" {
		t.Error("a connection is closed without need")
	}
	a.stop()
	for a.Ready() == nil {
		time.Sleep(time.Millisecond)
	}
	if status, _, h := get(t, "http://"+a.Addr()+"/"); status != 200 || h.Get("Connection") != "close" {
		t.Errorf("status %d, Connection %q; want 200 and close", status, h.Get("Connection"))
	}
	if status, _, _ := get(t, "http://"+a.Addr()+"/readyz"); status != 503 {
		t.Errorf("readyz = %d", status)
	}
	if err := <-a.ended; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", a.Addr()); err == nil {
		t.Error("the port is still open")
	}
}

// A Service in small: connections go to the first pod, and some time after that
// one was told to stop, to the second. Neither a kept nor a new connection may
// lose a request, and the client must not need its own retries for that.
func TestNoRequestIsLostWhenAPodStops(t *testing.T) {
	for name, keepAlive := range map[string]bool{"kept connections": true, "new connections": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old, next := start(t, webService(), "SHUTDOWN_DELAY", "2300ms"), start(t, webService())
			var endpoint atomic.Pointer[string]
			oldAddr, nextAddr := old.Addr(), next.Addr()
			endpoint.Store(&oldAddr)
			cfg := load.Config{
				URL: "http://web/", Method: http.MethodGet, Rate: 100, Duration: 3500 * time.Millisecond, Timeout: 30 * time.Second,
				KeepAlive: keepAlive, MaxInFlight: 350,
				Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, network, *endpoint.Load())
				},
			}
			go func() {
				time.Sleep(500 * time.Millisecond)
				old.stop()
				time.Sleep(200 * time.Millisecond) // kube-proxy takes its time
				endpoint.Store(&nextAddr)
			}()
			sum := cfg.Run(t.Context(), nil)
			if sum.Failed != 0 || sum.Retried != 0 || sum.OK != 350 {
				t.Errorf("%d ok, %d failed, %d sent twice: %v", sum.OK, sum.Failed, sum.Retried, sum.Failure)
			}
			if err := <-old.ended; err != nil {
				t.Error(err)
			}
		})
	}
}
