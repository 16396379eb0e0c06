package services

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/app"
	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/env"
)

// Product is one thing for sale. Cents is its price.
type Product struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Cents int    `json:"cents"`
}

// catalog knows the products, from the file PRODUCTS_FILE.
type catalog struct {
	app.Kit
	products []Product
}

func newCatalog(kit app.Kit, r *env.Reader) (app.Service, error) {
	products, err := readProducts(r.String("PRODUCTS_FILE", "/etc/shop/products.json"))
	if err != nil {
		return app.Service{}, err
	}
	c := &catalog{Kit: kit, products: products}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /products", func(w http.ResponseWriter, _ *http.Request) { c.Reply(w, c.products) })
	mux.HandleFunc("GET /products/{id}", c.one)
	return app.Service{HTTP: mux}, nil
}

func readProducts(path string) ([]Product, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("products: %w", err)
	}
	var products []Product
	if err := json.Unmarshal(data, &products); err != nil {
		return nil, fmt.Errorf("products: %s: %w", path, err)
	}
	if len(products) == 0 {
		return nil, fmt.Errorf("products: %s holds none", path)
	}
	return products, nil
}

func (c *catalog) one(w http.ResponseWriter, r *http.Request) {
	for _, p := range c.products {
		if p.ID == r.PathValue("id") {
			c.Reply(w, p)
			return
		}
	}
	c.Fail(w, http.StatusNotFound, fmt.Sprintf("no product has the id %q", r.PathValue("id")))
}
