// Command promql is a Prometheus that scrapes nothing: its time series database in
// a temporary folder, filled from standard input, its query engine over that, and
// its HTTP API on loopback. It writes its address, and ends with its input.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/prometheus/tsdb"
)

// Input is what to be.
type Input struct {
	Series []Series `json:"series"`
	// MaxSamples and Timeout bound a query, as --query.max-samples and
	// --query.timeout do; left out they are what those are by default.
	MaxSamples int    `json:"maxSamples"`
	Timeout    string `json:"timeout"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) (err error) {
	input := json.NewDecoder(in)
	is := Input{MaxSamples: 50_000_000, Timeout: "2m"}
	if err := input.Decode(&is); err != nil {
		return fmt.Errorf("read the series: %w", err)
	}
	timeout, err := time.ParseDuration(is.Timeout)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "promql-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	options := tsdb.DefaultOptions()
	options.RetentionDuration = 0 // whatever the clock says
	db, err := tsdb.Open(folder, nil, nil, options, nil)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := fill(db, is.Series); err != nil {
		return fmt.Errorf("fill the database: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler(db, is.MaxSamples, timeout), ReadHeaderTimeout: time.Minute}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		_ = server.Close()
	}()
	fmt.Fprintf(out, "http://%s\n", l.Addr())
	if err := server.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}
