package render

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// RolloutReport is a report on one rollout; its findings are those that made it fail.
type RolloutReport struct {
	finding.Report
	Rollout Rollout `json:"rollout"`
}

// Base gives the part that every report has.
func (r RolloutReport) Base() finding.Report { return r.Report }

// Rollout is a rollout as people and scripts see it; the JSON only ever grows.
type Rollout struct {
	ID       string           `json:"id"`
	Workload rollout.Ref      `json:"workload"`
	Strategy rollout.Strategy `json:"strategy"`
	// Router is how the traffic is moved.
	Router rollout.Via   `json:"router"`
	Phase  rollout.Phase `json:"phase"`
	// Waiting is what a pause waits for.
	Waiting rollout.Waiting `json:"waiting,omitempty"`
	// Step counts from 1; Asked and Reachable are its weight and what comes nearest to it.
	Step      int              `json:"step"`
	Asked     rollout.Weight   `json:"asked"`
	Reachable rollout.Weight   `json:"reachable"`
	Steps     []RolloutStep    `json:"steps"`
	Versions  []RolloutVersion `json:"versions"`
	// Change names what makes the new version of the old one, without the values of variables.
	Change []string      `json:"change"`
	Gates  []RolloutGate `json:"gates"`
	// Driver is null where nobody has driven yet, or it is not known who does.
	Driver *RolloutDriver `json:"driver"`
	// Abandoned is one under way that nobody drives.
	Abandoned bool      `json:"abandoned"`
	Started   time.Time `json:"started"`
	// Since is when the phase began; At when all this was seen, by the API server's clock.
	Since time.Time `json:"since"`
	At    time.Time `json:"at"`
	// Until is when a pause, or the time that the old version is kept, ends by itself.
	Until *time.Time `json:"until,omitempty"`
	// Reason is why it was rolled back or waits.
	Reason    *rollout.Reason `json:"reason,omitempty"`
	LastEvent *rollout.Event  `json:"lastEvent"`
	// Waits is what the driver waits for, in its words.
	Waits string `json:"waits,omitempty"`
	// Drift is what someone else has changed of a rollout that nobody drives.
	Drift *rollout.DriftError `json:"drift,omitempty"`

	// preview is the Service that shows the new version alone.
	preview string
}

// RolloutStep is one level of traffic, as asked for.
type RolloutStep struct {
	Weight rollout.Weight `json:"weight"`
	Pause  string         `json:"pause,omitempty"`
}

// Role tells a version's part in a rollout.
type Role string

// The roles. Other is a version from before that still has Pods.
const (
	RoleOld   Role = "old"
	RoleNew   Role = "new"
	RoleOther Role = "other"
)

// RolloutVersion is one version's Pods. What was not looked at is null.
type RolloutVersion struct {
	Role   Role            `json:"role"`
	Hash   string          `json:"hash"`
	Images []string        `json:"images"`
	Wanted *int            `json:"wanted"`
	Ready  *int            `json:"ready"`
	Asked  *rollout.Weight `json:"asked"`
	// Observed is the share that ready endpoints give it.
	Observed *rollout.Weight `json:"observed"`
	Restarts int             `json:"restarts"`
}

// RolloutGate is a gate with its last answer at this step; no result where it was not asked yet.
type RolloutGate struct {
	Gate    string         `json:"gate"`
	Result  rollout.Result `json:"result"`
	Message string         `json:"message,omitempty"`
}

// RolloutDriver is who drives, or who did last.
type RolloutDriver struct {
	Name string `json:"name"`
	// Leads says that its lease has not run out.
	Leads bool `json:"leads"`
	// Seen is when it last gave a sign of life.
	Seen time.Time `json:"seen"`
}

// NewRollout puts together what is known: what is written down, what was seen of
// the cluster (nil where nobody looked), the machine's description of both, and who drives.
func NewRollout(s *rollout.State, w *rollout.World, d rollout.Event, driver *RolloutDriver) Rollout {
	v := Rollout{
		ID: s.ID, Workload: s.Spec.Workload, Strategy: s.Spec.Strategy, Router: s.Spec.Via, Phase: s.Phase, Waiting: s.Waiting,
		Step: s.Step + 1, Asked: s.At().Weight, Reachable: d.Reachable, Driver: driver,
		Abandoned: !s.Phase.Over() && (driver == nil || !driver.Leads),
		Started:   s.Started, Since: s.Since, At: d.Time, Reason: s.Reason, LastEvent: s.Last, preview: s.Spec.Preview,
	}
	for _, step := range s.Spec.Steps {
		v.Steps = append(v.Steps, RolloutStep{Weight: step.Weight, Pause: pauseText(step.Pause)})
	}
	v.Change = changes(s.Spec.Edit)
	v.Until = until(s)
	v.Versions = versions(s, w, d)
	v.Gates = gates(s)
	return v
}

// changes names the parts of an edit. When the rollout is over, the journal holds
// neither a patch nor a manifest any more.
func changes(e rollout.Edit) []string {
	all := []string{}
	for _, container := range slices.Sorted(maps.Keys(e.Images)) {
		all = append(all, "image "+container+"="+e.Images[container])
	}
	for _, v := range e.Env {
		name := v.Name
		if v.Container != "" {
			name = v.Container + ":" + name
		}
		if v.Remove {
			name += "-"
		}
		all = append(all, "env "+name)
	}
	if len(e.Patch) > 0 {
		all = append(all, "patch")
	}
	if len(e.Manifest) > 0 {
		all = append(all, "manifest")
	}
	if e.Revision != 0 {
		all = append(all, fmt.Sprintf("revision %d", e.Revision))
	}
	return all
}

// manual is a pause that only a person ends.
const manual = "manual"

func pauseText(p rollout.Pause) string {
	switch {
	case p.Manual:
		return manual
	case p.For > 0:
		return p.For.String()
	}
	return ""
}

func until(s *rollout.State) *time.Time {
	var end time.Time
	switch {
	case s.Phase == rollout.Paused && s.Waiting == rollout.WaitingTime:
		end = s.Since.Add(s.At().Pause.For.Std())
	case s.Phase == rollout.Keeping && !s.PauseAsked:
		end = s.Since.Add(s.Spec.Keep.Std())
	default:
		return nil
	}
	return &end
}

// wantedShare is the new version's share that the phase goes for.
func wantedShare(s *rollout.State) rollout.Weight {
	switch s.Phase {
	case rollout.Starting, rollout.Aborting, rollout.Aborted:
		return 0
	case rollout.Keeping, rollout.Releasing, rollout.Promoted:
		return rollout.All
	case rollout.Shifting, rollout.Judging, rollout.Paused:
	}
	return s.At().Weight
}

func versions(s *rollout.State, w *rollout.World, d rollout.Event) []RolloutVersion {
	share := wantedShare(s)
	oldShare := rollout.All - share
	before := RolloutVersion{Role: RoleOld, Hash: s.OldHash, Images: s.OldImages, Asked: &oldShare}
	after := RolloutVersion{Role: RoleNew, Hash: s.NewHash, Images: s.NewImages, Asked: &share}
	if w == nil {
		return []RolloutVersion{before, after}
	}
	if old, all := taking(s, w); all > 0 {
		seen, rest := d.Observed, rollout.Mix{Old: all - old, New: old}.Share()
		before.Observed, after.Observed = &rest, &seen
	}
	before.count(w.Old)
	after.count(w.New)
	all := []RolloutVersion{before, after}
	for _, o := range w.Others {
		other := RolloutVersion{Role: RoleOther, Hash: o.Hash, Images: o.Images}
		other.count(o)
		all = append(all, other)
	}
	return all
}

// taking counts who takes the traffic, the old version's and all: the ready
// endpoints of the first Service, or ready Pods where there is no Service.
func taking(s *rollout.State, w *rollout.World) (old, all int) {
	if len(s.Spec.Services) == 0 {
		all = w.Old.Ready + w.New.Ready
		for _, o := range w.Others {
			all += o.Ready
		}
		return w.Old.Ready, all
	}
	for _, view := range w.Services {
		if view.Name != s.Spec.Services[0] {
			continue
		}
		for _, n := range view.Ready {
			all += n
		}
		old = view.Ready[s.OldHash]
	}
	return old, all
}

func (v *RolloutVersion) count(seen rollout.Version) {
	wanted, ready := seen.Wanted, seen.Ready
	v.Wanted, v.Ready, v.Restarts = &wanted, &ready, seen.Restarts
	if len(v.Images) == 0 {
		v.Images = seen.Images
	}
}

// gates lists those of the plan and of the step in their order, then any other that has answered.
func gates(s *rollout.State) []RolloutGate {
	var all []RolloutGate
	named := map[string]bool{}
	add := func(name string) {
		if !named[name] {
			named[name] = true
			a := s.Gates[name]
			if name == string(rollout.GatePerson) && s.Waiting == rollout.WaitingPerson {
				a.Result = rollout.Pending
			}
			all = append(all, RolloutGate{Gate: name, Result: a.Result, Message: a.Message})
		}
	}
	for _, g := range s.Spec.Gates {
		add(g.String())
	}
	for _, g := range s.At().Gates {
		add(g.String())
	}
	var rest []string
	for name := range s.Gates {
		rest = append(rest, name)
	}
	sort.Strings(rest)
	for _, name := range rest {
		add(name)
	}
	return all
}
