package router

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// service pins Services to one version, by one more label in their selector. The
// traffic is with the old version or with the new one, never shared.
//
// No write of it leaves a Service with fewer ready Pods than it has, as long as
// those are not more than the workload is meant to have: what one version
// carries, the other must be able to carry before it gets it. Where that is not
// so, Set gives no write and Verify says what is missing.
type service struct{}

// toNew says which version a weight is for: the nearer end, and at the half the
// old one, which risks less.
func toNew(weight rollout.Weight) bool { return weight > rollout.All/2 }

func (service) Objects(spec rollout.Spec) []rollout.Managed {
	var objects []rollout.Managed
	for _, name := range names(spec) {
		objects = append(objects, rollout.Managed{
			Ref:   serviceRef(spec, name),
			Paths: []rollout.Pointer{rollout.SelectorField},
		})
	}
	return objects
}

// names are the Services that carry traffic, then the preview, each once.
func names(spec rollout.Spec) []string {
	var all []string
	for _, name := range append(slices.Clone(spec.Services), spec.Preview) {
		if name != "" && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// pinnable are the Services to be pinned: on the way back nobody looks at the
// preview, and nothing waits for it.
func pinnable(s *rollout.State) []string {
	if s.Phase == rollout.Aborting {
		return s.Spec.Services
	}
	return names(s.Spec)
}

// Reach is all or nothing, and never a version that has no Pods.
func (service) Reach(asked rollout.Weight, m rollout.Mix) rollout.Weight {
	if m.New > 0 && (toNew(asked) || m.Old == 0) {
		return rollout.All
	}
	return 0
}

func (service) Observed(s *rollout.State, w *rollout.World) rollout.Weight { return observed(s, w) }

// Set pins one Service at a time. On the way to the new version the preview goes
// first, for people to look at; on the way back the traffic does.
func (service) Set(s *rollout.State, w *rollout.World, weight rollout.Weight) *rollout.Write {
	order := pinnable(s)
	if toNew(weight) && len(order) > len(s.Spec.Services) {
		order = append([]string{s.Spec.Preview}, s.Spec.Services...)
	}
	for _, name := range order {
		if p := pinOf(s, w, name, weight); p.state == pinPossible {
			return p.write
		}
	}
	return nil
}

// Verify is satisfied when every Service that carries traffic, and a preview that
// can be pinned, shows the right version's ready Pods and nothing else.
//
// No ready endpoint at all is enough for weight 0, where the promise is that the
// new version gets nothing: so the way is open for a rollout away from a version
// that is down. Any other weight needs somebody to take the traffic.
func (service) Verify(s *rollout.State, w *rollout.World, weight rollout.Weight) rollout.Verification {
	lag := ""
	for _, name := range pinnable(s) {
		p := pinOf(s, w, name, weight)
		switch {
		case p.state == pinDone:
			if lag == "" {
				lag = p.waitsForEndpoints(w, weight)
			}
		case p.live || p.state == pinPossible:
			return rollout.Verification{Level: rollout.Unwritten, Waits: p.waits}
		}
	}
	if lag != "" {
		return rollout.Verification{Level: rollout.Written, Waits: lag}
	}
	return rollout.Verification{Level: rollout.InEndpoints}
}

// waitsForEndpoints says what a Service with the right selector does not show yet.
func (p pin) waitsForEndpoints(w *rollout.World, weight rollout.Weight) string {
	view, ok := viewOf(w, p.name)
	if !ok {
		return "service/" + p.name + " does not exist any more"
	}
	shown := p.to.shown(view)
	switch strays := total(view) - shown; {
	case strays > 0:
		return fmt.Sprintf("service/%s still shows %s of another version", p.name, count(strays, "ready endpoint"))
	case shown != p.to.ready:
		return p.to.shows(view)
	case shown == 0 && weight > 0:
		return fmt.Sprintf("service/%s shows no ready %s Pod", p.name, p.to.name)
	}
	return ""
}

// Restore gives every Service the selector that it had, those with traffic first.
// That selector takes in all that a pin leaves, so nothing is taken from anybody;
// but it serves the new version too, as long as that has ready Pods.
func (service) Restore(s *rollout.State, w *rollout.World) *rollout.Write {
	for _, name := range names(s.Spec) {
		ref := serviceRef(s.Spec, name)
		m := s.Object(ref)
		live, ok := w.Live[ref]
		if m == nil || !ok {
			continue // that it is gone is the machine's to say, and not ours to make good
		}
		if write := selectorWrite(m, live, m.Original[rollout.SelectorField], rollout.PurposeRestore); write != nil {
			return write
		}
	}
	return nil
}

// selectorWrite is nil where the selector is as wanted.
func selectorWrite(m *rollout.Managed, live rollout.Live, want json.RawMessage, why rollout.Purpose) *rollout.Write {
	have := live.Fields[rollout.SelectorField]
	if rollout.Same(have, want) {
		return nil
	}
	return &rollout.Write{
		Object:  m.Ref,
		UID:     m.UID,
		Changes: []rollout.Change{{Path: rollout.SelectorField, From: have, To: want}},
		Why:     why,
	}
}
