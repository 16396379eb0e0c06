package quota

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-msa/kubectl-msa/pkg/fit"
)

// NodeShare is how many more replicas one node takes.
type NodeShare struct {
	Node     string `json:"node"`
	Replicas int    `json:"replicas"`
	// Resource is what runs out first there.
	Resource string `json:"resource,omitempty"`
	Formula  string `json:"formula"`
}

// explain writes the formulas of an answer; pod is one more replica as it would
// be stored.
func (h *Headroom) explain(pod *corev1.Pod) {
	if pod != nil {
		h.Formulas = formulas([]*corev1.Pod{pod}, Incoming)
	}
	for i := range h.Constraints {
		c := &h.Constraints[i]
		switch {
		case c.Each != "":
			c.Formula = fmt.Sprintf("(hard %s - used %s) / %s = %d", c.Hard, c.Used, c.Each, c.Replicas)
		case len(c.Nodes) > 0:
			c.Formula = strings.Trim(shareSum(c.Nodes)+"; "+c.Message, "; ")
		case c.Message != "":
			c.Formula = c.Message
		}
	}
	if u := h.Update; u != nil {
		u.Formula = fmt.Sprintf("%d new + %d old, shutting down included = %d; room for %s more", h.Pods, u.Peak-h.Pods, u.Peak, orAny(h.Replicas))
	}
	if a := h.Autoscaler; a != nil {
		a.Formula = fmt.Sprintf("max %d - now %d = %d more; room for %s; %d short", a.Max, h.Pods, max(a.Max-h.Pods, 0), orAny(h.Replicas), a.Missing)
	}
}

// shareSum is "node-a 8 + node-b 9 = 17", without the nodes that take none.
func shareSum(nodes []NodeShare) string {
	var words []string
	sum := 0
	for _, n := range nodes {
		if n.Replicas > 0 {
			words = append(words, fmt.Sprintf("%s %d", n.Node, n.Replicas))
			sum += n.Replicas
		}
	}
	if len(words) == 0 {
		return "0"
	}
	return strings.Join(words, " + ") + " = " + fmt.Sprint(sum)
}

func orAny(n *int) string {
	if n == nil {
		return "any number"
	}
	return fmt.Sprint(*n)
}

// nodeShares tells each node's part: what it had free, divided by what a pod asks for.
func nodeShares(rooms fit.Rooms) []NodeShare {
	takes := map[string]fit.NodeRoom{}
	for _, n := range rooms.Nodes {
		takes[n.Node] = n
	}
	var out []NodeShare
	for _, v := range rooms.Full.Nodes {
		share := NodeShare{Node: v.Node, Replicas: takes[v.Node].Pods}
		r := v.Main()
		if r.Reason == fit.Insufficient && r.Shortage != nil {
			// The verdict is that on a node which has got its share already.
			name, asked, free := r.Shortage.Resource, r.Shortage.Asked, r.Shortage.Free.DeepCopy()
			free.Add(*product(asked, int64(share.Replicas)))
			held := r.Shortage.Allocatable.DeepCopy()
			held.Sub(free)
			human := func(q resource.Quantity) string { return fit.Human(name, q, true) }
			share.Resource = string(name)
			share.Formula = fmt.Sprintf("%s: (allocatable %s - held %s) / %s = %d", name, human(r.Shortage.Allocatable), human(held), human(asked), share.Replicas)
		} else {
			share.Formula = v.String()
		}
		out = append(out, share)
	}
	return out
}
