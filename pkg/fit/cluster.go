// Package fit says whether a pod fits a node as kube-scheduler would, and where
// it does not, every constraint that refuses it with its arithmetic. It follows
// the default filter plugins of Kubernetes v1.36 (pkg/scheduler/framework/plugins,
// default_plugins.go). What it does not follow is named in Verdict.NotModelled,
// never guessed. It is pure: objects in, values out.
package fit

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Facts are what a verdict may need beyond nodes and pods. A nil field means
// that it was not read: constraints that hang on it are then named as not modelled.
type Facts struct {
	// Claim answers for a PersistentVolumeClaim. known=false: it could not be
	// read; a nil claim with known=true: it is not there.
	Claim func(namespace, name string) (claim *corev1.PersistentVolumeClaim, known bool)
	// Volume answers for a PersistentVolume in the same way.
	Volume func(name string) (volume *corev1.PersistentVolume, known bool)
	// Namespaces holds the labels of every namespace, for namespaceSelector.
	Namespaces map[string]labels.Set
}

// Cluster is nodes with the pods bound to them, indexed once for many verdicts.
// It is not safe for use by several goroutines.
type Cluster struct {
	facts  Facts
	hosts  []*host
	byName map[string]*host
	// guards are the bound pods whose required anti-affinity keeps others away.
	guards []guard
	// nominated pods have no node yet but room is being made for them on one.
	nominated []*corev1.Pod
}

// host is a node with what is bound to it.
type host struct {
	// at is its index among the hosts.
	at          int
	node        *corev1.Node
	allocatable amounts
	requested   amounts
	pods        []*corev1.Pod
}

// NewCluster begins a cluster with its nodes; Bind adds the pods.
func NewCluster(nodes []*corev1.Node, facts Facts) *Cluster {
	c := &Cluster{facts: facts, byName: make(map[string]*host, len(nodes))}
	for _, n := range nodes {
		h := &host{at: len(c.hosts), node: n, allocatable: amounts{}, requested: amounts{}}
		h.allocatable.add(n.Status.Allocatable)
		c.hosts = append(c.hosts, h)
		c.byName[n.Name] = h
	}
	return c
}

// Bind adds pods. A finished pod holds nothing any more and is passed over, as
// the scheduler never sees it (its informer selects status.phase!=Succeeded and
// !=Failed); one that is terminating holds its room until it is gone. A pod
// without a node counts only where room is being made for it.
func (c *Cluster) Bind(pods ...*corev1.Pod) {
	for _, pod := range pods {
		if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		if pod.Spec.NodeName == "" {
			if pod.Status.NominatedNodeName != "" {
				c.nominated = append(c.nominated, pod)
			}
			continue
		}
		h, ok := c.byName[pod.Spec.NodeName]
		if !ok {
			continue
		}
		h.pods = append(h.pods, pod)
		h.requested.addHeld(pod)
		if terms := requiredAntiAffinity(pod); len(terms) > 0 {
			c.guards = append(c.guards, guard{pod: pod, host: h, terms: terms})
		}
	}
}

// Nodes counts the nodes.
func (c *Cluster) Nodes() int { return len(c.hosts) }

// Verdict says whether and where a pod fits.
type Verdict struct {
	// Everywhere are the refusals that hold whatever the node: a claim that is not there.
	Everywhere []Refusal
	// Nodes holds one answer for each node, in the order of the cluster.
	Nodes []NodeVerdict
	// NotModelled names what may refuse the pod as well and was not reckoned with.
	NotModelled []Gap
}

// NodeVerdict is the answer of one node; without refusals the pod fits.
type NodeVerdict struct {
	Node string
	// Refusals are all of them, in the order in which the scheduler asks; it stops at the first.
	Refusals []Refusal
}

// Fits says that the node takes the pod.
func (n NodeVerdict) Fits() bool { return len(n.Refusals) == 0 }

// Fitting lists the nodes that take the pod.
func (v Verdict) Fitting() []string {
	var out []string
	for _, n := range v.Nodes {
		if len(v.Everywhere) == 0 && n.Fits() {
			out = append(out, n.Node)
		}
	}
	return out
}

// Judge answers for one pod that is not bound yet.
func (c *Cluster) Judge(pod *corev1.Pod) Verdict {
	j := judge{c: c, pod: pod}
	filters := j.prepare()
	v := Verdict{Everywhere: j.everywhere, Nodes: make([]NodeVerdict, len(c.hosts))}
	for i, h := range c.hosts {
		v.Nodes[i].Node = h.node.Name
		for _, filter := range filters {
			v.Nodes[i].Refusals = append(v.Nodes[i].Refusals, filter(h)...)
		}
	}
	v.NotModelled = append(v.NotModelled, j.gaps...)
	v.NotModelled = append(v.NotModelled, c.gaps(pod, j.asked)...)
	return v
}

// filter is one constraint with what it needs to know of the pod and of the
// whole cluster already worked out.
type filter func(*host) []Refusal

// judge is the work on one verdict.
type judge struct {
	c          *Cluster
	pod        *corev1.Pod
	asked      amounts
	everywhere []Refusal
	gaps       []Gap
}

// prepare makes the filters in the order of the scheduler's default plugins.
func (j *judge) prepare() []filter {
	j.asked = asks(j.pod)
	return append(j.alone(), j.spread(), j.podAffinity())
}

// alone are the filters that look at one node and the pods on it only.
func (j *judge) alone() []filter {
	return []filter{j.cordon, j.nodeName, j.taints, j.nodeSelection(), j.ports(), j.resources(), j.volumes()}
}
