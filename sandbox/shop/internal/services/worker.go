package services

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/app"
	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/env"
)

// worker ships orders. It takes no requests, so its health is two files that
// its loop touches and an exec probe looks at: heartbeat while the loop turns,
// ready while it would also take work. Neither depends on orders being there.
type worker struct {
	app.Kit
	client *app.Client
	orders string
	every  time.Duration
	dir    string
}

func newWorker(kit app.Kit, r *env.Reader) (app.Service, error) {
	w := &worker{
		Kit:    kit,
		client: app.NewClient(),
		orders: r.String("ORDERS_URL", "http://orders:8080"),
		every:  r.Duration("POLL_INTERVAL", time.Second),
		dir:    r.String("HEALTH_DIR", "/tmp"),
	}
	return app.Service{Loop: w.loop}, nil
}

func (w *worker) loop(ctx context.Context, a *app.App) error {
	shipped, err := a.Count("shop_orders_shipped_total", "Orders shipped.")
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		if a.Alive(ctx) != nil {
			return nil
		}
		if err := w.beat(a.Ready() == nil); err != nil {
			return err
		}
		var taken []Order
		// An order that was handed out is shipped even if the end has come.
		if _, err := w.client.Call(context.WithoutCancel(ctx), http.MethodPost, w.orders+"/queue/next", &taken); err != nil {
			w.Log.Error("no orders to be had", "error", err)
		}
		if len(taken) > 0 {
			shipped.Add(float64(len(taken)))
			w.Log.Info("shipped", "orders", len(taken), "first", taken[0].ID)
		}
		if len(taken) == batch {
			continue // there may be more
		}
		select {
		case <-ctx.Done():
		case <-time.After(w.every):
		}
	}
	return nil
}

func (w *worker) beat(ready bool) error {
	now := []byte(time.Now().Format(time.RFC3339Nano) + "\n")
	if err := os.WriteFile(filepath.Join(w.dir, "heartbeat"), now, 0o644); err != nil {
		return err
	}
	if !ready {
		return nil
	}
	return os.WriteFile(filepath.Join(w.dir, "ready"), now, 0o644)
}
