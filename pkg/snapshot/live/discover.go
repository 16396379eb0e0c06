package live

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	discoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// aggregated asks for all groups with all their resources in one answer
// (KEP-3352; v2 is stable since Kubernetes 1.30, v2beta1 there since 1.27).
const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList," +
	"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"

// tooOld is why kinds beyond the table cannot be found.
const tooOld = "the API server does not list its resources in one answer (Kubernetes before 1.27)"

// discovery is what the API server serves beyond its core group, asked for once.
type discovery struct {
	mu     sync.Mutex
	asked  bool
	groups []discoveryv2.APIGroupDiscovery
	err    error
	// old: the answer came in the form of older servers, which has the names of groups alone.
	old   bool
	names map[string]bool
}

// served asks what the cluster serves; the answer is kept, but for one that
// never came.
func (r *Reader) served(ctx context.Context) (groups []discoveryv2.APIGroupDiscovery, old bool, err error) {
	d := &r.discovery
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.asked {
		return d.groups, d.old, d.err
	}
	client, err := r.clients.raw()
	if err != nil {
		return nil, false, err
	}
	data, err := body(client.Get().SetHeader("Accept", aggregated).MaxRetries(retries).AbsPath("/apis").Do(ctx))
	if ctx.Err() != nil {
		return nil, false, context.Cause(ctx)
	}
	d.asked, d.err = true, err
	if err != nil {
		return nil, false, err
	}
	var list struct {
		discoveryv2.APIGroupDiscoveryList
		Groups []struct{ Name string }
	}
	if err := json.Unmarshal(data, &list); err != nil {
		d.err = fmt.Errorf("the answer to /apis is not what an API server says: %w", err)
		return nil, false, d.err
	}
	d.groups, d.old = list.Items, list.Kind != "APIGroupDiscoveryList"
	d.names = map[string]bool{}
	for _, g := range list.Groups {
		d.names[g.Name] = true
	}
	return d.groups, d.old, nil
}

// found describes a kind as this cluster serves it; why says that it does not,
// or that this could not be found out.
func (r *Reader) found(ctx context.Context, kind snapshot.Kind) (info snapshot.Info, why string, err error) {
	name, group := kind.Split()
	groups, old, err := r.served(ctx)
	switch {
	case err != nil:
		return info, r.why("get /apis", err), err
	case old && r.discovery.names[group]:
		return info, tooOld, nil
	case old:
		return info, notServed, nil
	}
	for _, g := range groups {
		if g.Name != group {
			continue
		}
		stale := ""
		for _, v := range g.Versions {
			for _, res := range v.Resources {
				if res.ResponseKind != nil && res.ResponseKind.Kind == name {
					return described(g.Name, v.Version, res), "", nil
				}
			}
			if v.Freshness == discoveryv2.DiscoveryFreshnessStale {
				stale = v.Version
			}
		}
		if stale != "" {
			return info, "the server behind " + group + "/" + stale + " does not answer", nil
		}
	}
	return info, notServed, nil
}

func described(group, version string, res discoveryv2.APIResourceDiscovery) snapshot.Info {
	gvr := schema.GroupVersionResource{Group: group, Version: version, Resource: res.Resource}
	i := snapshot.Found(gvr, res.ResponseKind.Kind, res.ShortNames, res.Scope == discoveryv2.ScopeNamespace)
	if res.SingularResource != "" {
		i.Singular = res.SingularResource
	}
	if known, ok := snapshot.Lookup(snapshot.KindNamed(group, res.ResponseKind.Kind)); ok {
		known.Resource = gvr
		return known
	}
	return i
}

// Resolve finds a kind that is not in the table by what people type: singular,
// plural or short name, with the group behind it if they like. It costs one
// request, however often it is asked. Nothing found is no error.
func (r *Reader) Resolve(ctx context.Context, typed string) (snapshot.Info, bool, error) {
	groups, old, err := r.served(ctx)
	if err != nil {
		if fatal := r.fatal(err); fatal != nil {
			return snapshot.Info{}, false, fatal
		}
		return snapshot.Info{}, false, fmt.Errorf("%s", r.why("get /apis", err))
	}
	if old {
		return snapshot.Info{}, false, fmt.Errorf("%s", tooOld)
	}
	name, group, grouped := strings.Cut(strings.ToLower(typed), ".")
	for _, g := range groups {
		for _, v := range g.Versions {
			if grouped && group != g.Name && group != v.Version+"."+g.Name {
				continue
			}
			for _, res := range v.Resources {
				if res.ResponseKind != nil && has(res, "list") && called(res, name) {
					return described(g.Name, v.Version, res), true, nil
				}
			}
		}
	}
	return snapshot.Info{}, false, nil
}

func has(res discoveryv2.APIResourceDiscovery, verb string) bool {
	for _, v := range res.Verbs {
		if v == verb {
			return true
		}
	}
	return false
}

func called(res discoveryv2.APIResourceDiscovery, name string) bool {
	if name == res.Resource || name == res.SingularResource || strings.EqualFold(name, res.ResponseKind.Kind) {
		return true
	}
	for _, s := range res.ShortNames {
		if name == s {
			return true
		}
	}
	return false
}

// Served lists every kind that the cluster serves beyond its core group.
func (r *Reader) Served(ctx context.Context) ([]snapshot.Info, error) {
	groups, old, err := r.served(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s", r.why("get /apis", err))
	case old:
		return nil, fmt.Errorf("%s", tooOld)
	}
	var out []snapshot.Info
	seen := map[schema.GroupKind]bool{}
	for _, g := range groups {
		for _, v := range g.Versions {
			for _, res := range v.Resources {
				if res.ResponseKind == nil || !has(res, "list") {
					continue
				}
				gk := schema.GroupKind{Group: g.Name, Kind: res.ResponseKind.Kind}
				if !seen[gk] {
					seen[gk] = true
					out = append(out, described(g.Name, v.Version, res))
				}
			}
		}
	}
	return out, nil
}
