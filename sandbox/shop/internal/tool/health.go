package tool

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// checkTimeout bounds one check, whatever the probe's own timeout is.
const checkTimeout = 10 * time.Second

func probeExec(ctx context.Context, out io.Writer, args []string) error {
	switch args[0] {
	case "OK":
		return echo(ctx, out, []string{"ok"})
	case "FAIL":
		return fmt.Errorf("failing as asked")
	case "SLOW":
		return sleep(ctx, out, []string{"30s"})
	}
	return usage("probe-exec: want OK, FAIL or SLOW")
}

func checkHealth(ctx context.Context, out io.Writer, args []string) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	kind, target, rest := args[0], args[1], args[2:]
	switch kind {
	case "http":
		return get(ctx, out, []string{target})
	case "tcp":
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", target)
		if err != nil {
			return err
		}
		return conn.Close()
	case "grpc":
		return healthGRPC(ctx, out, target, append(rest, "")[0])
	case "file":
		return healthFile(target, rest)
	}
	return usage("health: want http, tcp, grpc or file")
}

func get(ctx context.Context, out io.Writer, args []string) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, args[0], nil)
	if err != nil {
		return usage(err.Error())
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(out, io.LimitReader(resp.Body, 1<<20)); err != nil {
		return err
	}
	if resp.StatusCode >= 400 {
		return fmt.Errorf("%s: %s", args[0], resp.Status)
	}
	return nil
}

func healthGRPC(ctx context.Context, out io.Writer, addr, service string) error {
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return usage(err.Error())
	}
	defer conn.Close()
	resp, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{Service: service})
	if err != nil {
		return err
	}
	if resp.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		return fmt.Errorf("%s: %s", addr, resp.GetStatus())
	}
	return echo(ctx, out, []string{resp.GetStatus().String()})
}

// healthFile checks that a file is there and, given an age, not older.
func healthFile(path string, rest []string) error {
	info, err := os.Stat(path)
	if err != nil || len(rest) == 0 {
		return err
	}
	limit, err := time.ParseDuration(rest[0])
	if err != nil {
		return usage("health file: want an age such as 15s")
	}
	if age := time.Since(info.ModTime()); age > limit {
		return fmt.Errorf("%s was written %s ago, over %s", path, age.Round(time.Second), limit)
	}
	return nil
}
