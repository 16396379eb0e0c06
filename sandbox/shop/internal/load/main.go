package load

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/fault"
)

// Main runs the command line. It returns a *fault.Exit with 1 if a request
// failed, 2 for wrong usage and 130 after an interrupt.
func Main(ctx context.Context, args []string, out, log io.Writer) error {
	cfg, format, quiet, err := parse(args, log)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return &fault.Exit{Code: 2, Message: err.Error()}
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	p := &printer{out: log}
	if quiet {
		p.out = io.Discard
	}
	sum := cfg.Run(ctx, p.see)
	p.closeSecond()
	if format == "json" {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		err = enc.Encode(sum)
	} else {
		_, err = io.WriteString(out, sum.text())
	}
	switch {
	case err != nil:
		return err
	case sum.Interrupted:
		return &fault.Exit{Code: 130, Message: "interrupted"}
	case sum.Failed > 0:
		return &fault.Exit{Code: 1, Message: fmt.Sprintf("%d of %d requests failed", sum.Failed, sum.Requests)}
	}
	return nil
}

func parse(args []string, log io.Writer) (cfg Config, format string, quiet bool, err error) {
	f := flag.NewFlagSet("load", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Float64Var(&cfg.Rate, "rate", 100, "requests per second, at most 5000")
	f.DurationVar(&cfg.Duration, "duration", 10*time.Second, "how long to send, at most 10m")
	f.DurationVar(&cfg.Timeout, "timeout", 5*time.Second, "bound of one request")
	f.BoolVar(&cfg.KeepAlive, "keepalive", true, "reuse connections")
	f.StringVar(&cfg.Method, "method", "GET", "HTTP method")
	f.StringVar(&cfg.Host, "host", "", "Host header, if not that of the URL")
	f.IntVar(&cfg.MaxInFlight, "in-flight", 1000, "most requests unanswered at any time")
	f.StringVar(&format, "o", "text", "final summary on stdout: text or json")
	f.BoolVar(&quiet, "q", false, "no lines for seconds and failures on stderr")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(log, "load [flags] URL")
			f.SetOutput(log)
			f.PrintDefaults()
		}
		return cfg, format, quiet, err
	}
	if f.NArg() != 1 {
		return cfg, format, quiet, fmt.Errorf("want one URL after the flags, got %d arguments", f.NArg())
	}
	cfg.URL = f.Arg(0)
	return cfg, format, quiet, cfg.check(format)
}

func (c Config) check(format string) error {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil:
		return err
	case u.Scheme != "http" || u.Host == "":
		return fmt.Errorf("%q: want a URL such as http://gateway/", c.URL)
	case !(c.Rate > 0 && c.Rate <= 5000):
		return fmt.Errorf("-rate %v: want more than 0 and at most 5000", c.Rate)
	case c.Duration <= 0 || c.Duration > 10*time.Minute:
		return fmt.Errorf("-duration %s: want more than 0 and at most 10m", c.Duration)
	case c.Timeout <= 0:
		return fmt.Errorf("-timeout %s: want more than 0", c.Timeout)
	case c.MaxInFlight < 1:
		return fmt.Errorf("-in-flight %d: want at least 1", c.MaxInFlight)
	case format != "text" && format != "json":
		return fmt.Errorf("-o %q: want text or json", format)
	}
	return nil
}

// text is the summary for people.
func (s *Summary) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests in %.1f s: %d ok, %d failed", s.Requests, s.Seconds, s.OK, s.Failed)
	if s.Retried > 0 {
		fmt.Fprintf(&b, ", %d sent twice", s.Retried)
	}
	if s.Late > 0 {
		fmt.Fprintf(&b, ", %d left late", s.Late)
	}
	b.WriteByte('\n')
	if l := s.LatencyMs; l != nil {
		fmt.Fprintf(&b, "latency ms: p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  max %.1f\n", l.P50, l.P90, l.P99, l.P999, l.Max)
	}
	if len(s.Versions) > 0 {
		fmt.Fprintf(&b, "versions: %s\n", counts(s.Versions))
	}
	if s.Failed > 0 {
		fmt.Fprintf(&b, "failures: %s\n", counts(s.Failures))
	}
	return b.String()
}

func counts[K ~string](m map[K]int) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", k, m[k]))
	}
	return strings.Join(parts, "  ")
}
