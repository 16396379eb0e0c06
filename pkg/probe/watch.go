package probe

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// MomentKind is what happened.
type MomentKind string

// Watching is the beginning: what was there. The others are in the order in
// which a pod meets them; Silent and Heard are about the watch itself.
const (
	Watching           MomentKind = "watching"
	PodNew             MomentKind = "pod-new"
	ContainerRunning   MomentKind = "running"
	StartPassed        MomentKind = "startup-passed"
	BecameReady        MomentKind = "ready"
	InService          MomentKind = "in-service"
	ProbeFailed        MomentKind = "probe-failed"
	BecameUnfit        MomentKind = "unready"
	OutOfService       MomentKind = "out-of-service"
	ContainerKilled    MomentKind = "killing"
	ContainerEnded     MomentKind = "ended"
	ContainerRestarted MomentKind = "restarted"
	Deleting           MomentKind = "deleting"
	PodLeft            MomentKind = "pod-gone"
	Silent             MomentKind = "silent"
	Heard              MomentKind = "heard"
	NotHeard           MomentKind = "not-heard"
)

// MomentKinds lists them.
func MomentKinds() []MomentKind {
	return []MomentKind{
		Watching, PodNew, ContainerRunning, StartPassed, BecameReady, InService, ProbeFailed, BecameUnfit, OutOfService,
		ContainerKilled, ContainerEnded, ContainerRestarted, Deleting, PodLeft, Silent, Heard, NotHeard,
	}
}

// Since says how long before a moment its cause was seen.
type Since struct {
	Event   MomentKind `json:"event"`
	Seconds float64    `json:"seconds"`
}

// Moment is one thing that was seen to happen. Times are when the API server told
// it, by its clock. Where nothing was heard for a while, what had happened in it is
// told afterwards: Missed, and without the time since its cause.
type Moment struct {
	Time      metav1.MicroTime `json:"time"`
	Event     MomentKind       `json:"event"`
	Pod       string           `json:"pod,omitempty"`
	Container string           `json:"container,omitempty"`
	Probe     Type             `json:"probe,omitempty"`
	Service   string           `json:"service,omitempty"`
	// Reason is why, in the kubelet's or the API server's words.
	Reason string `json:"reason,omitempty"`
	// Times is how many failures one notice stands for.
	Times int `json:"times,omitempty"`
	// ExitCode is that of a container that ended, Restarts how often it was started again.
	ExitCode *int32 `json:"exitCode,omitempty"`
	Restarts int32  `json:"restarts,omitempty"`
	// Pods, Ready and Serving count what there was at the beginning.
	Pods    int `json:"pods,omitempty"`
	Ready   int `json:"ready,omitempty"`
	Serving int `json:"inService,omitempty"`
	// Since are its causes, the nearest first.
	Since  []Since `json:"since,omitempty"`
	Missed bool    `json:"missed,omitempty"`
}

// Sighting is what a watch tells: an object as it is now, or as it was last.
type Sighting struct {
	At     time.Time
	Object snapshot.Object
	Gone   bool
	// First: it was there when the watch began. Missed: it happened at some time before At.
	First, Missed bool
}

// Watched are the kinds of which one object can be watched.
func Watched() []snapshot.Kind {
	return []snapshot.Kind{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Pod", "Service"}
}

// WatchPlan asks for what must be known before a watch begins: the object, and
// the Services of its namespace.
func WatchPlan(s *snapshot.Snapshot, target finding.Ref) snapshot.Needs {
	return s.Missing(snapshot.Needs{Objects: []snapshot.Need{
		{Kind: snapshot.Kind(target.Kind), Namespace: target.Namespace, Name: target.Name},
		{Kind: "Service", Namespace: target.Namespace},
	}})
}

// WatchNeeds says what to watch for an object: its pods, the kubelet's events about
// them, and the EndpointSlices of the Services that select them now. The error is a
// *rule.NotFoundError where it is not there, and says what is wrong with it otherwise.
func WatchNeeds(s *snapshot.Snapshot, target finding.Ref) (needs []snapshot.Need, services []string, err error) {
	o, a := s.Find(snapshot.Kind(target.Kind), target.Namespace, target.Name)
	switch a.State {
	case snapshot.Present:
	case snapshot.Absent:
		return nil, nil, &rule.NotFoundError{Targets: []finding.Ref{target}}
	case snapshot.Unknown:
		return nil, nil, fmt.Errorf("%s: %s", target, a.Why)
	}
	pods := snapshot.Need{Kind: "Pod", Namespace: target.Namespace}
	events := snapshot.Need{Kind: eventKind, Namespace: target.Namespace, Fields: "involvedObject.kind=Pod"}
	sub := &subject{ref: target}
	switch of := o.(type) {
	case *corev1.Pod:
		pods.Name, sub.labels = of.Name, of.Labels
		events.Fields += ",involvedObject.name=" + of.Name
	case *corev1.Service:
		pods.Selector = labels.SelectorFromSet(of.Spec.Selector).String()
		services = []string{of.Name}
	default:
		selector, err := metav1.LabelSelectorAsSelector(rule.Selector(o))
		if err != nil || selector.Empty() {
			return nil, nil, fmt.Errorf("%s: its selector selects no pods", target)
		}
		pods.Selector = selector.String()
		sub.labels, _ = template(o)
	}
	if services == nil {
		for _, svc := range selecting(s, sub) {
			services = append(services, svc.Name)
		}
	}
	needs = []snapshot.Need{pods, events}
	if len(services) > 0 {
		needs = append(needs, snapshot.Need{Kind: "EndpointSlice", Namespace: target.Namespace,
			Selector: discoveryv1.LabelServiceName + " in (" + strings.Join(services, ",") + ")"})
	}
	return needs, services, nil
}
