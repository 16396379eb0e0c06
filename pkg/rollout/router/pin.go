package router

import (
	"fmt"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// pinState is where one Service stands on its way to a version.
type pinState int

const (
	pinDone     pinState = iota // its selector is as wanted
	pinPossible                 // the write can be made now
	pinWaits                    // it cannot
)

// pin is one Service on its way to a version.
type pin struct {
	name string
	// live says that it carries the traffic; the preview does not.
	live  bool
	to    side
	state pinState
	write *rollout.Write
	// waits is why it is not done.
	waits string
}

// pinOf says what a Service needs so that the right version is behind it: the one
// that the weight is for, and behind the preview always the new one.
func pinOf(s *rollout.State, w *rollout.World, name string, weight rollout.Weight) pin {
	p := pin{name: name, live: isLive(s.Spec, name), to: oldSide(s, w), state: pinWaits}
	if !p.live || toNew(weight) {
		p.to = newSide(s, w)
	}
	m := s.Object(serviceRef(s.Spec, name))
	live, ok := w.Live[serviceRef(s.Spec, name)]
	if m == nil || !ok {
		p.waits = "service/" + name + " was not seen"
		return p
	}
	original, have := m.Original[rollout.SelectorField], live.Fields[rollout.SelectorField]
	to := func(hash string) []byte { return pinned(original, s.Spec.Workload.Kind, hash) }
	want := to(p.to.hash)
	if want == nil {
		p.waits = fmt.Sprintf("the hash of the %s version is not known yet", p.to.name)
		return p
	}
	purpose := rollout.PurposeFlip
	switch {
	case rollout.Same(have, want):
		p.state = pinDone
		return p
	case rollout.Same(have, original):
		purpose = rollout.PurposePin
		p.waits = p.cannotPin(s, w)
	case rollout.Same(have, to(s.OldHash)):
		p.waits = p.cannotCarry(s, w, w.Old.Ready, 1)
	case rollout.Same(have, to(s.NewHash)):
		p.waits = p.cannotCarry(s, w, w.New.Ready, 1)
	default:
		// Someone else's. The machine will say whose; it is not overwritten.
		p.waits = fmt.Sprintf("the selector of service/%s is none of this rollout's", name)
	}
	if p.waits == "" {
		p.state = pinPossible
		p.waits = fmt.Sprintf("service/%s is not pinned to the %s version", name, p.to.name)
		p.write = selectorWrite(m, live, want, purpose)
	}
	return p
}

// cannotPin says why a Service may not be pinned that selects all versions yet.
//
// Pods of another workload behind the same Service would be cut off, so there
// must be none, seen. Where nothing at all is ready, a pin takes nothing from
// anybody: so a rollout can begin whose old version is down. A preview is there
// to be looked at, and waits for something to show. On the way back there is
// nothing to keep the traffic from once the new version is not ready any more;
// a pin would then only undo the restored selector again.
func (p pin) cannotPin(s *rollout.State, w *rollout.World) string {
	if !p.live {
		return p.cannotCarry(s, w, everyone(w), 1)
	}
	if s.Phase == rollout.Aborting && w.New.Ready == 0 {
		return "no new Pod is ready"
	}
	view, ok := viewOf(w, p.name)
	if !ok {
		return "service/" + p.name + " does not exist any more"
	}
	strays := total(view) - oldSide(s, w).shown(view) - newSide(s, w).shown(view)
	if strays > 0 {
		return fmt.Sprintf("service/%s has %s of neither version, which a pin would cut off", p.name, count(strays, "ready endpoint"))
	}
	return p.cannotCarry(s, w, everyone(w), 0)
}

// cannotCarry says why the version may not take over from the Pods that carry the
// traffic now; empty where it may. It must have as many ready Pods, though never
// more than the workload is meant to have, nor fewer than least. That a version
// which nobody can reach hands over to one that answers at all is the way back
// from a bad one, and is not kept waiting for the last Pod.
func (p pin) cannotCarry(s *rollout.State, w *rollout.World, carrying, least int) string {
	needed := max(least, min(replicas(s, w), carrying))
	if p.to.ready >= needed {
		return ""
	}
	return fmt.Sprintf("%d of %s ready", p.to.ready, count(needed, p.to.name+" Pod"))
}

// everyone counts the ready Pods of all versions: those behind a Service without a pin.
func everyone(w *rollout.World) int {
	sum := w.Old.Ready + w.New.Ready
	for _, v := range w.Others {
		sum += v.Ready
	}
	return sum
}
