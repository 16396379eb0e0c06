package plan

import (
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// Report says what a rollout would do, and refuses it where a finding is an error.
type Report struct {
	finding.Report
	Plan Plan `json:"plan"`
}

// Base gives the part that every report has.
func (r Report) Base() finding.Report { return r.Report }

// Refused says that the rollout must not begin.
func (r Report) Refused() bool { return finding.AtLeast(r.Findings, finding.Error) > 0 }

// Plan is the rollout as it would go.
type Plan struct {
	Workload rollout.Ref `json:"workload"`
	// Refused says that a finding is an error: nothing will be written.
	Refused  bool             `json:"refused"`
	Strategy rollout.Strategy `json:"strategy"`
	Via      rollout.Via      `json:"via"`
	// Services are those whose traffic moves; Preview shows the new version to those who look.
	Services []string `json:"services"`
	Preview  string   `json:"preview,omitempty"`
	Replicas int      `json:"replicas"`
	// OldImages and NewImages are those of the containers.
	OldImages []string `json:"oldImages"`
	NewImages []string `json:"newImages"`
	Steps     []Step   `json:"steps"`
	Writes    []Write  `json:"writes"`
	Capacity  Capacity `json:"capacity"`
	Time      Time     `json:"time"`
	// Fights are who or what would work against it; each is a finding as well.
	Fights []Fight  `json:"fights"`
	Access []Access `json:"access"`
	// Notes are differences that were asked for and that no rollout writes.
	Notes []Note `json:"notes"`
}

// Step is one level of traffic, as asked for and as it can be.
type Step struct {
	// N counts from 1.
	N         int            `json:"n"`
	Asked     rollout.Weight `json:"asked"`
	Reachable rollout.Weight `json:"reachable"`
	// Old and New are the Pods of each version at this step.
	Old int `json:"old"`
	New int `json:"new"`
	// Error is Reachable − Asked.
	Error rollout.Weight `json:"error"`
	// ReplicasToReach is how many replicas would come near enough; 0 where these do, or no number would.
	ReplicasToReach int `json:"replicasToReach"`
	// Pause is what follows: a time such as "2m", "manual", or nothing.
	Pause string   `json:"pause"`
	Gates []string `json:"gates"`
}

// Write is one request that would change the cluster.
type Write struct {
	// N counts from 1.
	N       int             `json:"n"`
	Object  rollout.Ref     `json:"object"`
	Purpose rollout.Purpose `json:"purpose"`
	// Fields are those that change.
	Fields []string `json:"fields"`
	// Diff is a unified diff of the object as the API server would store it, empty where there is none or it could not be asked.
	Diff string `json:"diff"`
	// Refused is what the API server said against it.
	Refused string `json:"refused,omitempty"`
	// Checked says that the API server was asked, by a dry run.
	Checked bool `json:"checked"`
}

// Capacity is what the rollout needs beyond what is there.
type Capacity struct {
	// ExtraPods is how many Pods more than now there are at the worst moment.
	ExtraPods int         `json:"extraPods"`
	Quota     []QuotaLine `json:"quota"`
	Room      Room        `json:"room"`
}

// QuotaLine is one limit of one ResourceQuota that the extra Pods count against.
type QuotaLine struct {
	Quota    string `json:"quota"`
	Resource string `json:"resource"`
	Hard     string `json:"hard"`
	Used     string `json:"used"`
	// Extra is what the extra Pods add at the worst moment.
	Extra string `json:"extra"`
	Short bool   `json:"short"`
}

// RoomState says whether the extra Pods find a place.
type RoomState string

// The answers. Unknown: nodes or Pods could not be read, or something decides that is not modelled.
const (
	RoomFits    RoomState = "fits"
	RoomShort   RoomState = "short"
	RoomUnknown RoomState = "unknown"
)

// Room is whether the nodes take the extra Pods.
type Room struct {
	State RoomState `json:"state"`
	// Placed is how many of the extra Pods found a place.
	Placed int `json:"placed"`
	// Why is the scheduler's reason for the first that did not, or why it is not known.
	Why string `json:"why,omitempty"`
}

// Time is how long it is expected to take.
type Time struct {
	// StartUp is how long a Pod of this workload takes from its creation until it is ready, in seconds: the slowest of
	// those Seen. Null where none could tell.
	StartUp *int `json:"startUp"`
	Seen    int  `json:"seen"`
	// Starting, Ending, Pausing, Gates and Keeping add up to Total, in seconds. Total is null where StartUp is.
	Starting *int `json:"starting"`
	// Ending is how long old Pods take at least that must end before new ones can come, EndingMost what their grace
	// period allows them. A Deployment's new Pods do not wait for that.
	Ending     int  `json:"ending"`
	EndingMost int  `json:"endingMost"`
	Pausing    int  `json:"pausing"`
	Gates      int  `json:"gates"`
	Keeping    int  `json:"keeping"`
	Total      *int `json:"total"`
	// People is how often a person is waited for, Open how many gates take a time that nobody knows; neither is in Total.
	People int `json:"people"`
	Open   int `json:"open"`
}

// Fight is something that would work against the rollout.
type Fight struct {
	Rule     string           `json:"rule"`
	Severity finding.Severity `json:"severity"`
	Object   finding.Ref      `json:"object"`
	Says     string           `json:"says"`
}

// Access is one thing that the rollout must be allowed to do.
type Access struct {
	Verb string `json:"verb"`
	// Resource is in the form of RBAC: "deployments.apps", "configmaps".
	Resource  string `json:"resource"`
	Namespace string `json:"namespace"`
	// Name is set where only that object matters.
	Name string `json:"name,omitempty"`
	// Allowed is null where it could not be asked; Why then says the reason.
	Allowed *bool  `json:"allowed"`
	Why     string `json:"why,omitempty"`
}

// Note is a difference that was asked for and that no rollout writes.
type Note struct {
	Path  string `json:"path"`
	Live  string `json:"live"`
	Asked string `json:"asked"`
}

// Holder is who holds the workload: a rollout that is under way, or that nobody drives any more.
type Holder struct {
	// Name is the driver's.
	Name  string        `json:"name"`
	Since time.Time     `json:"since"`
	Phase rollout.Phase `json:"phase"`
	// Driving says that the driver is alive; without one the rollout is abandoned.
	Driving bool `json:"driving"`
	// Drift is what someone else has changed since, where nobody drives; nil where nothing.
	Drift *rollout.DriftError `json:"drift"`
}
