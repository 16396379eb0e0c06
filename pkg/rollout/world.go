package rollout

import "time"

// World is what was seen of the cluster at one moment.
type World struct {
	// At is the API server's clock.
	At time.Time
	// Workload is nil where the workload does not exist any more.
	Workload *Workload
	// Old and New are the two versions; any other that still has Pods is in Others.
	Old, New Version
	Others   []Version
	// Live are the managed objects' fields as they are, with their marks, by object. An object that does not exist has no entry.
	Live map[Ref]Live
	// Services are those whose traffic moves, the preview among them, each with its endpoints.
	Services []ServiceView
	// Budgets are the PodDisruptionBudgets over the workload's Pods.
	Budgets []Budget
}

// Workload is the workload as seen.
type Workload struct {
	Generation, Observed int64
	// Replicas is the number asked for: spec.replicas, or the nodes that a DaemonSet is meant for.
	Replicas int
	Paused   bool
	Deleting bool
	// Start is a StatefulSet's first ordinal.
	Start int
	// UpdateHash is the version of the template in force, as the controller names it; empty where it has not said so yet.
	UpdateHash string
	Pods       []Pod
}

// Version is one version's Pods, together.
type Version struct {
	Hash     string
	Revision int64
	Images   []string
	// Wanted is how many its ReplicaSet asks for, Replicas how many there are, without those that are ending.
	Wanted, Replicas, Ready, Available int
	// Youngest is when the last of its ready Pods became ready.
	Youngest time.Time
	// Restarts are those of its Pods' containers.
	Restarts int
	// Ended are container exits with a reason that tells a crash, for the message.
	Ended string
}

// Pod is what a hold must know of one Pod.
type Pod struct {
	Name, UID, Hash, Node string
	Ordinal               int
	Ready, Deleting       bool
	// Group is the value of the label that groups a DaemonSet's nodes.
	Group string
}

// Live is a managed object as it is.
type Live struct {
	UID        string
	Generation int64
	// Version is the resourceVersion.
	Version string
	// Token is the value of the mark; Marked says that there is one.
	Token  string
	Marked bool
	Fields Fields
}

// ServiceView is a Service with its endpoints.
type ServiceView struct {
	Name string
	// Selects are the labels that its selector asks for.
	Selects map[string]string
	// Ready counts ready endpoints by version; those of neither version are under "".
	Ready map[string]int
}

// Budget is a PodDisruptionBudget as its controller sees it.
type Budget struct {
	Name           string
	CurrentHealthy int
	DesiredHealthy int
}
