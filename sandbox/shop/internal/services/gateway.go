package services

import (
	"net/http"
	"net/url"

	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/app"
	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/env"
)

// gateway is the edge: it passes requests on and says who answered them.
type gateway struct {
	app.Kit
	client                *app.Client
	catalog, cart, orders string
}

func newGateway(kit app.Kit, r *env.Reader) (app.Service, error) {
	g := &gateway{
		Kit:     kit,
		client:  app.NewClient(),
		catalog: r.String("CATALOG_URL", "http://catalog:8080"),
		cart:    r.String("CART_URL", "http://cart:8080"),
		orders:  r.String("ORDERS_URL", "http://orders:8080"),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { g.Reply(w, nil) })
	mux.HandleFunc("GET /products", func(w http.ResponseWriter, r *http.Request) {
		g.pass(w, r, g.catalog+"/products")
	})
	mux.HandleFunc("GET /cart/{user}", func(w http.ResponseWriter, r *http.Request) {
		g.pass(w, r, g.cart+"/cart/"+url.PathEscape(r.PathValue("user")))
	})
	mux.HandleFunc("POST /checkout/{user}", func(w http.ResponseWriter, r *http.Request) {
		g.pass(w, r, g.orders+"/orders/"+url.PathEscape(r.PathValue("user")))
	})
	return app.Service{HTTP: mux}, nil
}

func (g *gateway) pass(w http.ResponseWriter, r *http.Request, to string) {
	var data any
	answer, err := g.client.Call(r.Context(), r.Method, to, &data)
	if err != nil {
		g.FailCall(w, err)
		return
	}
	g.Reply(w, data, answer)
}
