package inspect

import (
	"encoding/json"
	"slices"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// backendServices names the Services of its own namespace that an Ingress or a
// route of the Gateway API sends requests to. It goes by the fields' names,
// which the two versions of routes share.
func backendServices(o snapshot.Object) []string {
	data, err := json.Marshal(o)
	if err != nil {
		return nil
	}
	var in struct {
		Spec struct {
			DefaultBackend *ingressBackend `json:"defaultBackend"`
			Rules          []struct {
				HTTP *struct {
					Paths []struct {
						Backend ingressBackend `json:"backend"`
					} `json:"paths"`
				} `json:"http"`
				BackendRefs []struct {
					Kind      *string `json:"kind"`
					Name      string  `json:"name"`
					Namespace *string `json:"namespace"`
				} `json:"backendRefs"`
			} `json:"rules"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return nil
	}
	var out []string
	add := func(name string) {
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	if in.Spec.DefaultBackend != nil {
		add(in.Spec.DefaultBackend.Service.Name)
	}
	for _, r := range in.Spec.Rules {
		if r.HTTP != nil {
			for _, p := range r.HTTP.Paths {
				add(p.Backend.Service.Name)
			}
		}
		for _, b := range r.BackendRefs {
			other := b.Namespace != nil && *b.Namespace != "" && *b.Namespace != o.GetNamespace()
			if (b.Kind == nil || *b.Kind == "Service") && !other {
				add(b.Name)
			}
		}
	}
	return out
}

// ingressBackend is the part of an Ingress that names a Service.
type ingressBackend struct {
	Service struct {
		Name string `json:"name"`
	} `json:"service"`
}
