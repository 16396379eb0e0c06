package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/env"
	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/fault"
)

// running is an app that serves on loopback until its stop is called.
type running struct {
	*App
	stop  context.CancelFunc
	ended chan error
}

func start(t *testing.T, svc Service, vars ...string) *running {
	t.Helper()
	values := map[string]string{"LISTEN_HOST": "127.0.0.1", "METRICS_PORT": "0", "SHOP_VERSION": "v7", "POD_NAME": "web-1", "SHUTDOWN_DELAY": "300ms"}
	for i := 0; i < len(vars); i += 2 {
		values[vars[i]] = vars[i+1]
	}
	cfg, err := ReadConfig("web", 0, &env.Reader{Get: func(name string) string { return values[name] }})
	if err != nil {
		t.Fatal(err)
	}
	a, err := Listen(cfg, svc, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{App: a, stop: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- a.Run(ctx) }()
	t.Cleanup(cancel)
	return r
}

func hello(a *Kit) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { a.Reply(w, "hello") })
}

func webService() Service {
	return Service{HTTP: hello(&Kit{Identity: Identity{"web", "v7", "web-1"}, Log: slog.New(slog.DiscardHandler)})}
}

func get(t *testing.T, url string) (status int, body string, header http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Close {
		resp.Header.Set("Connection", "close") // the client takes it out
	}
	return resp.StatusCode, string(data), resp.Header
}

func TestEveryAnswerSaysWhoGaveIt(t *testing.T) {
	a := start(t, webService())
	status, body, header := get(t, "http://"+a.Addr()+"/")
	if status != 200 || header.Get("X-Shop-Version") != "v7" || header.Get("X-Shop-Pod") != "web-1" {
		t.Errorf("%d %v", status, header)
	}
	if want := `{"service":"web","version":"v7","pod":"web-1","data":"hello"}`; strings.TrimSpace(body) != want {
		t.Errorf("body = %s, want %s", body, want)
	}
	if _, failed, header := get(t, "http://"+start(t, webService(), "ERROR_RATE", "1").Addr()+"/"); header.Get("X-Shop-Version") != "v7" || !strings.Contains(failed, `"version":"v7"`) {
		t.Errorf("a failure does not say who failed: %v %s", header, failed)
	}
}

func TestHealthAndFaults(t *testing.T) {
	a := start(t, webService())
	check := func(what string, want map[string]int) {
		t.Helper()
		for path, status := range want {
			if got, _, _ := get(t, "http://"+a.Addr()+path); got != status {
				t.Errorf("%s: %s = %d, want %d", what, path, got, status)
			}
		}
	}
	change := func(query string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+a.MetricsAddr()+"/faults?"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	check("well", map[string]int{"/": 200, "/healthz": 200, "/readyz": 200, "/startupz": 200})
	change("UNREADY=always&ERROR_RATE=1&ERROR_CODE=507")
	check("unready and failing", map[string]int{"/": 507, "/healthz": 200, "/readyz": 503, "/startupz": 200})
	change("UNREADY=&ERROR_RATE=&DEADLOCK_AFTER=0s")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.Addr()+"/healthz", nil)
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close()
		t.Errorf("deadlocked, and yet /healthz answers %d", resp.StatusCode)
	}
	change("DEADLOCK_AFTER=")
	check("well again", map[string]int{"/": 200, "/healthz": 200, "/readyz": 200})
	if got := change("NONSENSE=1"); got != 400 {
		t.Errorf("an unknown fault = %d", got)
	}
}

func TestMetricsCountByCodeAndVersion(t *testing.T) {
	a := start(t, webService())
	for range 3 {
		get(t, "http://"+a.Addr()+"/")
	}
	get(t, "http://"+a.Addr()+"/healthz")
	if err := a.cfg.Faults.Change(map[string]string{"ERROR_RATE": "1"}); err != nil {
		t.Fatal(err)
	}
	get(t, "http://"+a.Addr()+"/")
	_, body, _ := get(t, "http://"+a.MetricsAddr()+"/metrics")
	for _, want := range []string{
		`http_requests_total{code="200",method="GET",service="web",version="v7"} 3`,
		`http_requests_total{code="500",method="GET",service="web",version="v7"} 1`,
		`http_request_duration_seconds_count{code="200",service="web",version="v7"} 3`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("missing: %s", want)
		}
	}
}

func TestGRPCHealth(t *testing.T) {
	a := start(t, Service{GRPC: func(*grpc.Server) {}})
	conn, err := grpc.NewClient(a.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	check := func(what, service string, want healthpb.HealthCheckResponse_ServingStatus) {
		t.Helper()
		resp, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
		if err != nil || resp.GetStatus() != want {
			t.Errorf("%s: %q = %s, %v; want %s", what, service, resp.GetStatus(), err, want)
		}
	}
	check("well", "", healthpb.HealthCheckResponse_SERVING)
	a.stop()
	for a.Ready() == nil {
		time.Sleep(time.Millisecond)
	}
	check("shutting down", "readiness", healthpb.HealthCheckResponse_NOT_SERVING)
	check("shutting down", "liveness", healthpb.HealthCheckResponse_SERVING)
	if err := <-a.ended; err != nil {
		t.Error(err)
	}
}

func TestCrashEndsTheRun(t *testing.T) {
	a := start(t, webService(), "CRASH_AFTER", "20ms", "CRASH_CODE", "3")
	var exit *fault.Exit
	if err := <-a.ended; !errors.As(err, &exit) || exit.Code != 3 {
		t.Errorf("ended with %v", err)
	}
}

func TestPortInUseIsAnError(t *testing.T) {
	a := start(t, webService())
	_, port, _ := strings.Cut(a.Addr(), ":")
	cfg, err := ReadConfig("web", 0, &env.Reader{Get: func(name string) string {
		return map[string]string{"LISTEN_HOST": "127.0.0.1", "METRICS_PORT": "0", "PORT": port}[name]
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(cfg, webService(), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), port) {
		t.Errorf("err = %v", err)
	}
}
