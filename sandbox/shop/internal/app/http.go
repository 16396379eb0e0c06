package app

import (
	"net/http"
	"strconv"
	"time"
)

func (a *App) mainHandler() http.Handler {
	mux := http.NewServeMux()
	a.healthHandler(mux)
	mux.Handle("/", a.measure(a.misbehave(a.svc.HTTP)))
	return mux
}

// misbehave lets the request faults act before the service does.
func (a *App) misbehave(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, err := a.cfg.Faults.Request(r.Context())
		switch {
		case err != nil: // the client has gone
		case status != 0:
			a.kit.Fail(w, status, "error asked for by ERROR_RATE")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// recorder notes the status, and tells the client to close its connection if
// the service is shutting down by the time the answer goes out.
type recorder struct {
	http.ResponseWriter
	app    *App
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
		if r.app.draining.Load() {
			r.Header().Set("Connection", "close")
		}
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
	return r.ResponseWriter.Write(b)
}

func (a *App) measure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		w.Header().Set("X-Shop-Service", a.cfg.Service)
		w.Header().Set("X-Shop-Version", a.cfg.Version)
		w.Header().Set("X-Shop-Pod", a.cfg.Pod)
		rec := &recorder{ResponseWriter: w, app: a}
		next.ServeHTTP(rec, r)
		code := "499" // the client left before the answer, in nginx's words
		if r.Context().Err() == nil || rec.status != 0 {
			code = strconv.Itoa(max(rec.status, http.StatusOK))
		}
		a.metrics.http(r.Method, code, time.Since(start))
	})
}
