package cli

import (
	"context"
	"slices"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// examineAccess asks which reads are allowed. One request lists all rules; only
// where an authorizer cannot list them (a web hook, as a rule) each read is asked about.
func examineAccess(ctx context.Context, c *cluster) []accessView {
	wanted := reads(c.namespace)
	status, err := c.reader.Rules(ctx, c.namespace)
	for i := range wanted {
		w := &wanted[i]
		switch {
		case err != nil:
			w.Why = err.Error()
		case permitted(status.ResourceRules, w.attributes()):
			w.Allowed = yes()
		case status.Incomplete:
			allowed, askErr := c.reader.Can(ctx, w.attributes())
			if askErr != nil {
				w.Why = askErr.Error()
				continue
			}
			w.Allowed = &allowed
		default:
			w.Allowed = new(bool)
		}
	}
	return onlyViews(wanted)
}

// read is one thing that reports read, in the parts an access review wants.
type read struct {
	accessView
	group, resource, subresource string
}

func (r read) attributes() authorizationv1.ResourceAttributes {
	return authorizationv1.ResourceAttributes{Namespace: r.Namespace, Verb: r.Verb, Group: r.group, Resource: r.resource, Subresource: r.subresource}
}

func reads(namespace string) []read {
	var all []read
	add := func(group, resource, sub, verb string, namespaced bool) {
		r := read{group: group, resource: resource, subresource: sub}
		r.Resource, r.Verb = resource, verb
		if group != "" {
			r.Resource += "." + group
		}
		if sub != "" {
			r.Resource += "/" + sub
		}
		if namespaced {
			r.Namespace = namespace
		}
		all = append(all, r)
	}
	for _, k := range snapshot.Kinds() {
		if k.Custom || k.Metadata {
			continue // add-ons may not be there, and the rest is asked about under its own name
		}
		for _, verb := range []string{"get", "list"} {
			add(k.Resource.Group, k.Resource.Resource, "", verb, k.Namespaced)
		}
	}
	add("", "pods", "log", "get", true)
	return all
}

func onlyViews(reads []read) []accessView {
	out := make([]accessView, len(reads))
	for i, r := range reads {
		out[i] = r.accessView
	}
	return out
}

// permitted says whether the rules allow it for every name, as the RBAC authorizer
// matches them (k8s.io/component-helpers/auth/rbac/validation).
func permitted(rules []authorizationv1.ResourceRule, what authorizationv1.ResourceAttributes) bool {
	resource := what.Resource
	if what.Subresource != "" {
		resource += "/" + what.Subresource
	}
	for _, r := range rules {
		if len(r.ResourceNames) > 0 || !has(r.Verbs, what.Verb) || !has(r.APIGroups, what.Group) {
			continue
		}
		if has(r.Resources, resource) || what.Subresource != "" && slices.Contains(r.Resources, "*/"+what.Subresource) {
			return true
		}
	}
	return false
}

func has(list []string, word string) bool {
	return slices.Contains(list, "*") || slices.Contains(list, word)
}

func yes() *bool { t := true; return &t }
