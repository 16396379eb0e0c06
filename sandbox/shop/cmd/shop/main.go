// Command shop is every service of the sample shop and the small commands that
// its images hold, in one static binary.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/app"
	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/env"
	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/fault"
	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/load"
	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/services"
	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/tool"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage())
		os.Exit(2)
	}
	name, args := os.Args[1], os.Args[2:]
	err := run(name, args)
	if err == nil {
		return
	}
	code := 1
	var exit *fault.Exit
	if errors.As(err, &exit) {
		code, err = exit.Code, errors.New(exit.Message)
	}
	if err.Error() != "" {
		fmt.Fprintf(os.Stderr, "%s: %s\n", name, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	os.Exit(code)
}

func run(name string, args []string) error {
	ctx := context.Background()
	if port, ok := services.Port(name); ok {
		return serve(ctx, name, port)
	}
	if name == "load" {
		return load.Main(ctx, args, os.Stdout, os.Stderr)
	}
	if command, ok := tool.Lookup(name); ok {
		return command.Run(ctx, os.Stdout, args)
	}
	return &fault.Exit{Code: 2, Message: "no such service or command; run shop without arguments to see them"}
}

func serve(ctx context.Context, name string, port int) error {
	r := &env.Reader{Get: os.Getenv}
	cfg, err := app.ReadConfig(name, port, r)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil)).With("service", name, "version", cfg.Version)
	if cfg.Start.IgnoreTerm {
		signal.Ignore(syscall.SIGTERM)
	} else {
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
		defer stop()
	}
	log.Info("starting", "pod", cfg.Pod, "startDelay", cfg.Start.Delay.String(), "faults", cfg.Faults.Values())
	// The crash comes before the settings of the service are looked at, so that
	// it can be had without any.
	if err := cfg.Start.Wait(ctx); err != nil {
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}
	svc, err := services.New(name, app.Kit{Identity: cfg.Identity, Log: log}, r)
	if err != nil {
		return err
	}
	a, err := app.Listen(cfg, svc, log)
	if err != nil {
		return err
	}
	start := time.Now()
	err = a.Run(ctx)
	log.Info("ended", "after", time.Since(start).Round(time.Millisecond).String())
	return err
}

func usage() string {
	var b strings.Builder
	fmt.Fprintf(&b, "shop SERVICE       serve: %s\nshop load …        send requests at a fixed rate and count (shop load -h)\n", strings.Join(services.Names(), ", "))
	for _, name := range tool.Names() {
		c, _ := tool.Lookup(name)
		fmt.Fprintf(&b, "shop %s %s\n        %s\n", name, c.Args, c.Help)
	}
	return b.String()
}
