// Package calls draws who calls whom in a namespace, from what is declared:
// environment, arguments, ConfigMaps, routes and NetworkPolicies. Nothing here
// has watched any traffic; each arrow says what it rests on. It is pure.
package calls

import (
	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

// Report is the map of a namespace.
type Report struct {
	finding.Report
	Nodes []Node  `json:"nodes"`
	Calls []Arrow `json:"calls"`
}

// Base gives the part that every report has.
func (r Report) Base() finding.Report { return r.Report }

// Sort says what a node stands for.
type Sort string

// Served: a Service and the workloads behind it. Worker: a workload that no
// Service selects. Entry: an Ingress or a route. Outside: a host that is no
// Service that was seen.
const (
	Served  Sort = "service"
	Worker  Sort = "workload"
	Entry   Sort = "entry"
	Outside Sort = "outside"
)

// Node is one party.
type Node struct {
	// ID is unique in the map: "service/orders", "outside/api.example.com".
	ID     string      `json:"id"`
	Sort   Sort        `json:"sort"`
	Name   string      `json:"name"`
	Object finding.Ref `json:"object"`
	// Hosts are the names that an entry answers to.
	Hosts []string `json:"hosts"`
	// Also are further Services with the very same workloads behind them.
	Also      []string   `json:"also"`
	Workloads []Workload `json:"workloads"`
}

// Workload is something behind a node that keeps pods.
type Workload struct {
	Object finding.Ref `json:"object"`
	// Ready of Desired pods; nil where nothing was observed.
	Ready   *int `json:"ready"`
	Desired *int `json:"desired"`
}

// Certainty says how much an arrow claims.
type Certainty string

// Declared: the caller's own template, or a route, names the callee. Shared: only
// a ConfigMap names it that several workloads take in as a whole, so that this
// one may not use it. Allowed: a NetworkPolicy lets the caller in, nothing says that it calls.
const (
	Declared Certainty = "declared"
	Shared   Certainty = "shared"
	Allowed  Certainty = "allowed"
)

func (c Certainty) rank() int {
	switch c {
	case Declared:
		return 0
	case Shared:
		return 1
	case Allowed:
	}
	return 2
}

// Arrow is one party that is declared to call another.
type Arrow struct {
	From      string    `json:"from"`
	To        string    `json:"to"`
	Certainty Certainty `json:"certainty"`
	// Ports are the ports named, as written.
	Ports []string `json:"ports"`
	Basis []Basis  `json:"basis"`
}

// Source is where a declaration stands.
type Source string

// The places that are looked at.
const (
	FromEnv       Source = "env"
	FromArgs      Source = "args"
	FromConfigMap Source = "configmap"
	FromRoute     Source = "route"
	FromPolicy    Source = "networkpolicy"
)

// Basis is one declaration that an arrow rests on.
type Basis struct {
	Source Source      `json:"source"`
	Object finding.Ref `json:"object"`
	// Path is the field, or the key of the ConfigMap.
	Path string `json:"path"`
	// Value is the address as written, without any credentials; empty for a policy.
	Value string `json:"value"`
	// Takers is how many workloads take the ConfigMap in as a whole; 0 elsewhere.
	Takers int `json:"takers,omitempty"`
}
