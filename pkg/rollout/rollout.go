// Package rollout moves traffic from one version of a workload to the next, and
// back. It decides and says; it acts only through its ports.
//
// Two versions live in one workload, held side by side by Kubernetes itself: a
// Deployment by new Pods that never count as available, a StatefulSet by its
// partition, a DaemonSet by updates on request. No second workload, no custom
// resource and no controller is needed, and the end is what "kubectl set image"
// would have left.
//
// The machine is pure: Next(State, Event) gives the next state and what to do.
// The engine does it, one write at a time, each written down in the journal
// first and each with preconditions; so that whoever reads the journal after any
// death of a driver can finish, or put everything back.
package rollout

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// Weight is a share of the traffic, in per cent of all of it: 0 to 100.
type Weight float64

// All is the whole traffic.
const All Weight = 100

// String is the weight as people write it: "5", "33.3".
func (w Weight) String() string {
	return strconv.FormatFloat(math.Round(float64(w)*10)/10, 'f', -1, 64)
}

// ParseWeight reads "5", "5%" or "0.5"; it refuses what is not above 0 and at most 100.
func ParseWeight(s string) (Weight, error) {
	text := s
	if n := len(text); n > 0 && text[n-1] == '%' {
		text = text[:n-1]
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || f <= 0 || f > 100 {
		return 0, fmt.Errorf("weight %q is not above 0 and at most 100 per cent", s)
	}
	return Weight(f), nil
}

// Mix is how many Pods each version has, or shall have.
type Mix struct {
	Old int `json:"old"`
	New int `json:"new"`
}

// Share is the part of the Pods that are new: what a Service gives the new
// version when it picks among ready endpoints at random. 0 where there is no Pod.
func (m Mix) Share() Weight {
	if m.Old+m.New == 0 {
		return 0
	}
	return All * Weight(m.New) / Weight(m.Old+m.New)
}

// Strategy is the procedure.
type Strategy string

// The procedures.
const (
	// Canary raises the new version's share step by step.
	Canary Strategy = "canary"
	// BlueGreen brings up the whole new version beside the old one, then moves all traffic at once.
	BlueGreen Strategy = "bluegreen"
)

// Via names the router that moves the traffic.
type Via string

// The routers.
const (
	// ViaRatio has no route of its own: the share follows from how many ready Pods each version has behind the same Service.
	ViaRatio Via = "ratio"
	// ViaService pins the Service's selector to one version.
	ViaService Via = "service"
)

// OnFail is what follows when a version fails.
type OnFail string

// What may follow.
const (
	// Rollback puts everything back.
	Rollback OnFail = "rollback"
	// HoldOnFail stops where it is and waits for a person.
	HoldOnFail OnFail = "hold"
)

// Ref names the object of a rollout in the cluster.
type Ref struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// String is kind and name in kubectl's form: "deployment/web".
func (r Ref) String() string { return lower(r.Kind) + "/" + r.Name }

// Spec is what was asked for. Written as YAML it is a plan that can live in git.
type Spec struct {
	Workload Ref `json:"workload"`
	// Edit is what makes the new version of the old one.
	Edit     Edit     `json:"change"`
	Strategy Strategy `json:"strategy"`
	Via      Via      `json:"via"`
	// Services are the Services whose traffic moves; their names, in the workload's namespace.
	Services []string `json:"services,omitempty"`
	// Preview is an existing Service that is pinned to the new version while both run.
	Preview string `json:"preview,omitempty"`
	Steps   []Step `json:"steps"`
	// Gates are asked at every step.
	Gates  []GateSpec `json:"gates,omitempty"`
	OnFail OnFail     `json:"onFail"`
	// Timeout is how long a step may take to become ready. Time in which the cluster could not be seen does not count.
	Timeout Duration `json:"timeout"`
	// Keep is how long a blue-green rollout keeps the old version at full scale after the traffic has moved.
	Keep Duration `json:"keep,omitempty"`
	// MaxSurge is how many Pods there may be beyond the workload's replicas while a canary's share is moved, at least 1.
	MaxSurge int `json:"maxSurge"`
	// GroupBy is the node label by which a DaemonSet's nodes follow one another: all nodes of one value before those of the next.
	GroupBy string `json:"groupBy,omitempty"`
	// MaxRestarts is how often the new version's containers may restart, all together.
	MaxRestarts int `json:"maxRestarts"`
}

// AllGates are the gates of the plan, then those of its steps.
func (s Spec) AllGates() []GateSpec {
	all := slices.Clone(s.Gates)
	for _, step := range s.Steps {
		all = append(all, step.Gates...)
	}
	return all
}

// Step is one level of traffic.
type Step struct {
	Weight Weight `json:"weight"`
	// Pause follows when the step's gates have passed.
	Pause Pause `json:"pause,omitzero"`
	// Gates are asked at this step, beside those of the plan.
	Gates []GateSpec `json:"gates,omitempty"`
}

// Pause is a wait between steps; the zero value is none.
type Pause struct {
	// Manual waits for a person.
	Manual bool     `json:"manual,omitempty"`
	For    Duration `json:"for,omitempty"`
}

// IsZero says that there is no pause.
func (p Pause) IsZero() bool { return !p.Manual && p.For == 0 }

// GateKind is a kind of gate.
type GateKind string

// The kinds. Ready and restarts are asked at every step without being named.
const (
	GateReady    GateKind = "ready"
	GateRestarts GateKind = "restarts"
	GateTime     GateKind = "time"
	GateCommand  GateKind = "command"
	GateWebhook  GateKind = "webhook"
	GatePerson   GateKind = "person"
)

// GateSpec is one gate as asked for: the kind and what it needs, a duration, a command line or an address.
type GateSpec struct {
	Kind  GateKind `json:"kind"`
	Value string   `json:"value,omitempty"`
	// Timeout bounds one question to a command or a web hook.
	Timeout Duration `json:"timeout,omitempty"`
}

// String is the gate as it is written on the command line: "time=2m".
func (g GateSpec) String() string {
	if g.Value == "" {
		return string(g.Kind)
	}
	return string(g.Kind) + "=" + g.Value
}

// Duration is written as "2m30s" in JSON and YAML.
type Duration time.Duration

// Std is the same length of time.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String is the duration as time.Duration writes it, without units that are zero.
func (d Duration) String() string { return short(time.Duration(d)) }

// MarshalJSON writes the string.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads the string.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("a duration is a text such as \"2m\", not %s", b)
	}
	parsed, err := time.ParseDuration(s)
	if err != nil || parsed < 0 {
		return fmt.Errorf("%q is not a duration such as 30s or 2m", s)
	}
	*d = Duration(parsed)
	return nil
}

// Edit is what makes the new version of the old one, as it was asked for. At least one part is set.
type Edit struct {
	// Images are images by container name; "*" is every container.
	Images map[string]string `json:"images,omitempty"`
	// Env are variables to set; one whose Remove is true is taken away, as "kubectl set env NAME-" does.
	Env []EnvEdit `json:"env,omitempty"`
	// Patch is a strategic merge patch for the workload, JSON, as "kubectl patch -p" takes it; only what it says of spec.template counts.
	Patch json.RawMessage `json:"patch,omitempty"`
	// Manifest is the whole workload as a manifest, JSON; its spec.template becomes the new version's as "kubectl apply" would have it.
	Manifest json.RawMessage `json:"manifest,omitempty"`
	// Revision is a revision of the past to go to.
	Revision int64 `json:"revision,omitempty"`
}

// EnvEdit is one variable of one container, or of every one where Container is empty.
type EnvEdit struct {
	Container string `json:"container,omitempty"`
	Name      string `json:"name"`
	Value     string `json:"value,omitempty"`
	Remove    bool   `json:"remove,omitempty"`
}
