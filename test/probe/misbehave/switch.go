package misbehave

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Switches answers every path with the status that was set for it: 200 until
// somebody asks for /set/NAME/CODE, which sets that of /NAME. A program that is
// started again has forgotten what was set.
func Switches(ctx context.Context, l net.Listener) error {
	var set sync.Map
	mux := http.NewServeMux()
	mux.HandleFunc("/set/{name}/{code}", func(w http.ResponseWriter, r *http.Request) {
		code, err := strconv.Atoi(r.PathValue("code"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		set.Store(r.PathValue("name"), code)
	})
	mux.HandleFunc("/{name}", func(w http.ResponseWriter, r *http.Request) {
		if code, ok := set.Load(r.PathValue("name")); ok {
			w.WriteHeader(code.(int))
		}
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(l); ctx.Err() == nil {
		return err
	}
	return nil
}
