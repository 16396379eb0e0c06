package app

import (
	"encoding/json"
	"log/slog"
	"net/http"
)

// Answer is the body of every answer: who gave it, whom they asked for it, and
// what they say.
type Answer struct {
	Identity
	Calls []Answer `json:"calls,omitempty"`
	Data  any      `json:"data,omitempty"`
	Error string   `json:"error,omitempty"`
}

// Kit is what the handlers of a service need: who they are and where to log.
type Kit struct {
	Identity
	Log *slog.Logger
}

// Reply answers with 200.
func (k Kit) Reply(w http.ResponseWriter, data any, calls ...Answer) {
	k.write(w, http.StatusOK, Answer{Identity: k.Identity, Data: data, Calls: calls})
}

// Fail answers with an error status.
func (k Kit) Fail(w http.ResponseWriter, status int, message string, calls ...Answer) {
	k.write(w, status, Answer{Identity: k.Identity, Error: message, Calls: calls})
}

func (k Kit) write(w http.ResponseWriter, status int, answer Answer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // a client that left is no error of ours
}
