package quota

import "time"

// View says how an audit looks at pods.
type View struct {
	// By is what the groups of the report are; namespaces, workloads and
	// containers are told in any case.
	By Grouping
	// Label is the key that ByLabel groups by.
	Label string
	// Basis is by whose rules pods are counted; empty is Placed.
	Basis Basis
	// Explain adds the formula to every number.
	Explain bool
	// Window is how far back the use of quotas is looked at.
	Window time.Duration
}

// Counted is the basis in use.
func (v View) Counted() Basis {
	if v.Basis == "" {
		return Placed
	}
	return v.Basis
}

// Grouping is what a row of the text stands for.
type Grouping string

// The groupings. Part-of is the label app.kubernetes.io/part-of, priority the
// PriorityClass, zone the node's topology.kubernetes.io/zone.
const (
	ByNamespace Grouping = "namespace"
	ByWorkload  Grouping = "workload"
	ByContainer Grouping = "container"
	ByNode      Grouping = "node"
	ByZone      Grouping = "zone"
	ByPriority  Grouping = "priority"
	ByPartOf    Grouping = "part-of"
	ByLabel     Grouping = "label"
)

// Grouped says that the report holds groups for this.
func (g Grouping) Grouped() bool {
	switch g {
	case ByNode, ByZone, ByPriority, ByPartOf, ByLabel:
		return true
	case ByNamespace, ByWorkload, ByContainer:
	}
	return false
}

// Order is what rows are ordered by, the largest first.
type Order string

// The orders.
const (
	ByName        Order = "name"
	ByCPU         Order = "cpu"
	ByMemory      Order = "memory"
	ByCPULimit    Order = "cpu-limit"
	ByMemoryLimit Order = "memory-limit"
	ByCPUUsage    Order = "cpu-usage"
	ByMemoryUsage Order = "memory-usage"
	ByPods        Order = "pods"
)
