package snapshot

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// NodeProbesKind is the kind of NodeProbes.
const NodeProbesKind = "NodeProbes"

// podNamespace narrows what is kept of a node to the pods of one namespace.
const podNamespace = "pod.namespace="

// NodeProbes is what the kubelet of a node has counted of the probes that it
// runs, under the name of the node: its /metrics/probes, read through the API
// server's proxy (pkg/kubelet/prober/prober_manager.go).
type NodeProbes struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Counts            []ProbeCount `json:"counts"`
}

// ProbeCount is one probe of one container. The kubelet counts from when the pod
// came to its node, or from its own start where that was later; a restart of the
// container changes nothing. A run that ends in an error of the probe's own is
// not counted at all.
type ProbeCount struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	UID       string `json:"uid"`
	Container string `json:"container"`
	// Probe is "startup", "readiness" or "liveness".
	Probe     string `json:"probe"`
	Successes int64  `json:"successes"`
	Failures  int64  `json:"failures"`
	// Within is how long successes took: buckets that each hold all before them, in order.
	Within []ProbeBucket `json:"within,omitempty"`
}

// ProbeBucket counts the successes that took no longer than so many seconds.
type ProbeBucket struct {
	Seconds float64 `json:"seconds"`
	Count   int64   `json:"count"`
}

// ProbesOf asks for the counts of a node's kubelet, of the pods of one namespace ("" for all).
func ProbesOf(node, namespace string) Need {
	n := Need{Kind: NodeProbesKind, Name: node}
	if namespace != "" {
		n.Fields = podNamespace + namespace
	}
	return n
}

// DeepCopyObject makes NodeProbes a runtime.Object.
func (n *NodeProbes) DeepCopyObject() runtime.Object {
	out := *n
	n.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Counts = slices.Clone(n.Counts)
	for i, c := range out.Counts {
		out.Counts[i].Within = slices.Clone(c.Within)
	}
	return &out
}
