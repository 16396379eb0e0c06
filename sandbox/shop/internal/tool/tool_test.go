package tool

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/fault"
)

// code is what the process would exit with.
func code(err error) int {
	var exit *fault.Exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.Code
	}
	return 1
}

func TestCommands(t *testing.T) {
	t.Setenv("PRESENT", "here")
	dir := t.TempDir()
	file, old := filepath.Join(dir, "new"), filepath.Join(dir, "old")
	if err := os.WriteFile(old, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	hourAgo := time.Now().Add(-time.Hour)
	if err := os.Chtimes(old, hourAgo, hourAgo); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.Error(w, "not here", http.StatusServiceUnavailable)
		}
	}))
	defer web.Close()
	rpc := serveHealth(t)
	for _, c := range []struct {
		line string
		code int
		out  string
	}{
		{"write " + file + " some words", 0, ""},
		{"cat " + file, 0, "some words\n"},
		{"cat /nowhere", 1, ""},
		{"echo a b", 0, "a b\n"},
		{"exit 42 the reason", 42, ""},
		{"exit 256", 2, ""},
		{"exit", 2, ""},
		{"sleep 1ms", 0, ""},
		{"sleep long", 2, ""},
		{"env PRESENT", 0, "here\n"},
		{"env ABSENT_HERE", 1, ""},
		{"probe-exec OK", 0, "ok\n"},
		{"probe-exec FAIL", 1, ""},
		{"probe-exec MAYBE", 2, ""},
		{"memory 0", 2, ""},
		{"health http " + web.URL + "/", 0, ""},
		{"health http " + web.URL + "/down", 1, "not here\n"},
		{"health tcp " + strings.TrimPrefix(web.URL, "http://"), 0, ""},
		{"health tcp 127.0.0.1:1", 1, ""},
		{"health grpc " + rpc, 0, "SERVING\n"},
		{"health grpc " + rpc + " down", 1, ""},
		{"health grpc " + rpc + " unknown", 1, ""},
		{"health file " + old, 0, ""},
		{"health file " + old + " 1m", 1, ""},
		{"health file " + file + " 1m", 0, ""},
		{"health file " + file + " young", 2, ""},
		{"health smoke " + file, 2, ""},
	} {
		words := strings.Fields(c.line)
		command, ok := Lookup(words[0])
		if !ok {
			t.Fatalf("%s: no such command", c.line)
		}
		var out bytes.Buffer
		err := command.Run(t.Context(), &out, words[1:])
		if code(err) != c.code || out.String() != c.out {
			t.Errorf("%s: exit %d (%v), %q; want %d, %q", c.line, code(err), err, out.String(), c.code, c.out)
		}
	}
}

func serveHealth(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := health.NewServer()
	h.SetServingStatus("down", healthpb.HealthCheckResponse_NOT_SERVING)
	s := grpc.NewServer()
	healthpb.RegisterHealthServer(s, h)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return l.Addr().String()
}
