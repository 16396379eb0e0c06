// Command promql is a Prometheus without a disk: its own query engine over series
// that it reads from standard input, behind the two paths of its HTTP API that ask
// questions, on loopback. It writes its address, and ends with its input.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	input := json.NewDecoder(in)
	var m memory
	if err := input.Decode(&m.series); err != nil {
		return fmt.Errorf("read the series: %w", err)
	}
	a := api{memory: &m, engine: promql.NewEngine(promql.EngineOpts{
		MaxSamples: 50_000_000, Timeout: time.Minute, EnableAtModifier: true, EnableNegativeOffset: true, Parser: parser.NewParser(parser.Options{}),
	})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/query", a.instant)
	mux.HandleFunc("GET /api/v1/query_range", a.over)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
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

// api answers as the HTTP API does (prometheus.io/docs/prometheus/latest/querying/api).
type api struct {
	memory *memory
	engine *promql.Engine
}

func (a api) instant(w http.ResponseWriter, r *http.Request) {
	at, err := moment(r.FormValue("time"))
	if err != nil {
		refuse(w, err)
		return
	}
	q, err := a.engine.NewInstantQuery(r.Context(), a.memory, nil, r.FormValue("query"), at)
	a.answer(r.Context(), w, q, err)
}

func (a api) over(w http.ResponseWriter, r *http.Request) {
	from, err1 := moment(r.FormValue("start"))
	to, err2 := moment(r.FormValue("end"))
	step, err3 := strconv.ParseFloat(r.FormValue("step"), 64)
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			refuse(w, err)
			return
		}
	}
	q, err := a.engine.NewRangeQuery(r.Context(), a.memory, nil, r.FormValue("query"), from, to, time.Duration(step*float64(time.Second)))
	a.answer(r.Context(), w, q, err)
}

func (a api) answer(ctx context.Context, w http.ResponseWriter, q promql.Query, err error) {
	if err != nil {
		refuse(w, err)
		return
	}
	defer q.Close()
	result := q.Exec(ctx)
	if result.Err != nil {
		refuse(w, result.Err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{"resultType": result.Value.Type(), "result": result.Value}})
}

func refuse(w http.ResponseWriter, err error) {
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "error", "errorType": "bad_data", "error": err.Error()})
}

// moment is seconds since the epoch.
func moment(text string) (time.Time, error) {
	s, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return time.Time{}, err
	}
	return time.UnixMilli(int64(s * 1000)), nil
}
