// Package services holds the six services of the shop. They keep no state that
// matters: prices come from a file, carts from the user's name, and orders wait
// in memory until a worker takes them.
package services

import (
	"fmt"
	"maps"
	"slices"

	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/app"
	"github.com/kubectl-msa/kubectl-msa/sandbox/shop/internal/env"
)

type entry struct {
	port  int
	build func(app.Kit, *env.Reader) (app.Service, error)
}

func all() map[string]entry {
	return map[string]entry{
		"gateway":  {8080, newGateway},
		"catalog":  {8080, newCatalog},
		"cart":     {8080, newCart},
		"orders":   {8080, newOrders},
		"payments": {9090, newPayments},
		"worker":   {0, newWorker},
	}
}

// Names returns the names of the services, sorted.
func Names() []string { return slices.Sorted(maps.Keys(all())) }

// Port returns the port on which a service serves by default, 0 for one that
// takes no requests, and false for an unknown name.
func Port(name string) (int, bool) {
	e, ok := all()[name]
	return e.port, ok
}

// New reads the settings of the service called name and makes it.
func New(name string, kit app.Kit, r *env.Reader) (app.Service, error) {
	e, ok := all()[name]
	if !ok {
		return app.Service{}, fmt.Errorf("no service is called %q", name)
	}
	svc, err := e.build(kit, r)
	if err != nil {
		return svc, err
	}
	return svc, r.Err()
}
