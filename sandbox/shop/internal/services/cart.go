package services

import (
	"hash/fnv"
	"net/http"

	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/app"
	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/env"
)

// Cart is what a user is about to buy.
type Cart struct {
	User  string    `json:"user"`
	Items []Product `json:"items"`
	Cents int       `json:"cents"`
}

// cart fills a user's cart from the user's name, so that every replica holds the
// same one, at the catalog's prices.
type cart struct {
	app.Kit
	client  *app.Client
	catalog string
}

func newCart(kit app.Kit, r *env.Reader) (app.Service, error) {
	c := &cart{Kit: kit, client: app.NewClient(), catalog: r.String("CATALOG_URL", "http://catalog:8080")}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cart/{user}", c.show)
	return app.Service{HTTP: mux}, nil
}

func (c *cart) show(w http.ResponseWriter, r *http.Request) {
	var products []Product
	answer, err := c.client.Call(r.Context(), http.MethodGet, c.catalog+"/products", &products)
	if err != nil {
		c.FailCall(w, err)
		return
	}
	c.Reply(w, fill(r.PathValue("user"), products), answer)
}

// fill takes one to three products.
func fill(user string, products []Product) Cart {
	h := fnv.New32a()
	_, _ = h.Write([]byte(user))
	pick := int(h.Sum32() % 997)
	filled := Cart{User: user}
	for i := range min(1+pick%3, len(products)) {
		p := products[(pick+i)%len(products)]
		filled.Items = append(filled.Items, p)
		filled.Cents += p.Cents
	}
	return filled
}
