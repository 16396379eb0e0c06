package app

import (
	"encoding/json"
	"net/http"
)

// sideHandler serves what is not the service's business: metrics, health for
// services that speak no HTTP, and the switches of the faults. /faults goes on
// answering in a deadlock, so that one can be undone.
func (a *App) sideHandler() http.Handler {
	mux := http.NewServeMux()
	a.healthHandler(mux)
	mux.Handle("GET /metrics", a.metrics.handler())
	mux.HandleFunc("GET /faults", a.showFaults)
	mux.HandleFunc("PUT /faults", a.changeFaults)
	return mux
}

func (a *App) showFaults(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(a.cfg.Faults.Values())
}

// changeFaults takes the variables as a query: PUT /faults?ERROR_RATE=0.5&LATENCY=
func (a *App) changeFaults(w http.ResponseWriter, r *http.Request) {
	changes := map[string]string{}
	for name, values := range r.URL.Query() {
		changes[name] = values[len(values)-1]
	}
	if err := a.cfg.Faults.Change(changes); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.log.Info("faults changed", "faults", a.cfg.Faults.Values())
	a.showFaults(w, r)
}
