package fit

import (
	"sort"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// What it costs to lift a refusal, for choosing the node where least stands
// between the pod and a place. The order is that of deliberateness: room comes
// and goes, where pods stand next to each other changes with every rollout, a
// cordon is lifted after maintenance, a taint is a decision about the node, and
// the node selection is what the pod itself asked for: a node that it does not
// select was never meant, so it comes last. A volume is bound to its place and
// only moves with its data.
const (
	costRoom     = 1.0 // plus the missing share of the request, below 1
	costPort     = 2.0
	costNearby   = 3.0 // spread and anti-affinity: another pod stands there
	costAffinity = 4.0
	costTooBig   = 6.0 // even the empty node is too small
	costCordon   = 8.0
	costTaint    = 12.0
	costSelector = 16.0
	costExtra    = 4.0 // each further label that is missing
	costVolume   = 40.0
)

func (r Refusal) cost() float64 {
	switch {
	case r.Reason == Insufficient && r.Shortage.TooBig():
		return costTooBig + share(r.Shortage)
	case r.Reason == Insufficient:
		return costRoom + share(r.Shortage)
	case r.Reason == NotSelected:
		return costSelector + costExtra*float64(max(len(r.Missing)-1, 0))
	}
	return r.Reason.cost()
}

func (r Reason) cost() float64 {
	switch r {
	case Insufficient:
		return costRoom
	case PortTaken:
		return costPort
	case Skewed, AntiAffinity, KeptAway:
		return costNearby
	case AffinityUnmet:
		return costAffinity
	case Cordoned:
		return costCordon
	case Tainted:
		return costTaint
	case NotSelected, NoTopologyLabel, OtherNode:
		return costSelector
	default: // claims and volumes
		return costVolume
	}
}

// share is how much of the request is missing, between 0 and 1.
func share(s *Shortage) float64 {
	asked := s.Asked.AsApproximateFloat64()
	if asked <= 0 {
		return 0
	}
	return min(s.Short.AsApproximateFloat64()/asked, 1) * 0.9
}

// Main is the refusal that matters most on a node: the most deliberate one,
// because it has to go before the others are worth a look.
func (n NodeVerdict) Main() Refusal {
	var main Refusal
	cost := -1.0
	for _, r := range n.Refusals {
		if c := r.cost(); c > cost {
			main, cost = r, c
		}
	}
	return main
}

func (n NodeVerdict) cost() float64 {
	sum := 0.0
	for _, r := range n.Refusals {
		sum += r.cost()
	}
	return sum
}

// String joins the refusals of the node.
func (n NodeVerdict) String() string {
	if n.Fits() {
		return "fits"
	}
	parts := make([]string, len(n.Refusals))
	for i, r := range n.Refusals {
		parts[i] = r.String()
	}
	return strings.Join(parts, "; ")
}

// Nearest lists the nodes, the one where least would have to change first; of
// equal ones the first by name.
func (v Verdict) Nearest() []NodeVerdict {
	type priced struct {
		node NodeVerdict
		cost float64
	}
	all := make([]priced, len(v.Nodes))
	for i, n := range v.Nodes {
		all[i] = priced{n, n.cost()}
	}
	sort.SliceStable(all, func(i, j int) bool {
		if all[i].cost != all[j].cost {
			return all[i].cost < all[j].cost
		}
		return all[i].node.Node < all[j].node.Node
	})
	out := make([]NodeVerdict, len(all))
	for i := range all {
		out[i] = all[i].node
	}
	return out
}

// Change is the smallest change after which the pod would fit, as far as is known.
type Change struct {
	// Node is where; empty where the refusal holds whatever the node.
	Node string
	// Lift are the refusals that must go, all of them, the main one first.
	Lift []Refusal
}

// SmallestChange says what would have to change for the pod to fit; false
// where it fits, or where there is no node at all.
func (v Verdict) SmallestChange() (Change, bool) {
	if len(v.Everywhere) > 0 {
		return Change{Lift: v.Everywhere}, true
	}
	nearest := v.Nearest()
	if len(nearest) == 0 || nearest[0].Fits() {
		return Change{}, false
	}
	lift := append([]Refusal{}, nearest[0].Refusals...)
	sort.SliceStable(lift, func(i, j int) bool { return lift[i].cost() > lift[j].cost() })
	return Change{Node: nearest[0].Node, Lift: lift}, true
}

// String says the change in words: "on node-2: free 300m cpu, or ask for at most 200m".
func (c Change) String() string {
	steps := make([]string, len(c.Lift))
	for i, r := range c.Lift {
		steps[i] = r.remedy()
	}
	all := strings.Join(steps, "; ")
	if c.Node == "" {
		return all
	}
	return "on " + c.Node + ": " + all
}

func (r Refusal) remedy() string {
	switch r.Reason {
	case Insufficient:
		return r.Shortage.remedy()
	case Cordoned:
		return "uncordon the node"
	case Tainted:
		return "tolerate " + r.Taint.ToString() + ", or take the taint off"
	case NotSelected:
		return "label the node: " + requirementsText(r.Missing)
	case PortTaken:
		return "free host port " + r.Port.String() + ", which pod " + r.Port.Holder + " holds"
	default: // of the others the refusal itself says what would have to be different
		return r.String()
	}
}

func (s Shortage) remedy() string {
	if s.Resource == corev1.ResourcePods {
		return "move one pod away"
	}
	atMost := ""
	if s.Free.Sign() > 0 {
		atMost = "ask for at most " + Human(s.Resource, s.Free, false) + " " + string(s.Resource)
	}
	switch {
	case !s.TooBig() && atMost != "":
		return "free " + Human(s.Resource, s.Short, true) + " " + string(s.Resource) + ", or " + atMost
	case !s.TooBig():
		return "free " + Human(s.Resource, s.Short, true) + " " + string(s.Resource)
	case atMost != "":
		return atMost
	}
	return "a node with " + Human(s.Resource, s.Asked, true) + " " + string(s.Resource)
}
