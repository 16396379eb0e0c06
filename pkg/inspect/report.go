// Package inspect explains objects: what each one is, what was asked of it
// against what is observed, what it depends on, and the root cause of what is
// wrong. It is pure: it reads a snapshot and nothing else.
package inspect

import (
	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

// Report is the diagnosis with an explanation of each object asked about.
type Report struct {
	finding.Report
	Objects []Object `json:"objects"`
}

// Base gives the part that every report has.
func (r Report) Base() finding.Report { return r.Report }

// Health is how an object is.
type Health string

// Progressing is on its way without a fault seen; unknown could not be read or has not been observed.
const (
	Healthy     Health = "healthy"
	Progressing Health = "progressing"
	Unwell      Health = "unwell"
	Unknown     Health = "unknown"
)

// Object explains one object.
type Object struct {
	Object finding.Ref `json:"object"`
	Health Health      `json:"health"`
	// Status is the health in a few words: "1 of 3 pods ready".
	Status string `json:"status"`
	// Summary says in one sentence what the object is and does.
	Summary string `json:"summary"`
	// Owners leads from the object up to the one that nobody owns.
	Owners []Link `json:"owners"`
	// Related are the objects selected, controlled or referred to, and those that select this one.
	Related []Link `json:"related"`
	// Compare holds what was asked for against what is observed.
	Compare []Comparison `json:"compare"`
	// Managed is the tool that the object comes from, nil where nothing says so.
	Managed *Managed `json:"managed,omitempty"`
	// Warning is the cluster's newest warning about an object that is not healthy and that no finding explains.
	Warning *finding.Evidence `json:"warning,omitempty"`
}

// Link is a related object.
type Link struct {
	Relation Relation    `json:"relation"`
	Object   finding.Ref `json:"object"`
	Health   Health      `json:"health"`
	// Note is a few words on its state: "ready", "Secret key missing".
	Note string `json:"note,omitempty"`
}

// Relation says how a linked object belongs to the explained one.
type Relation string

// The relations that are shown.
const (
	OwnedBy    Relation = "owned-by"
	Controls   Relation = "controls"
	Selects    Relation = "selects"
	SelectedBy Relation = "selected-by"
	RefersTo   Relation = "refers-to"
	UsedBy     Relation = "used-by"
	Runs       Relation = "runs"
)

// Comparison is one line of desired against observed.
type Comparison struct {
	What     string `json:"what"`
	Desired  string `json:"desired"`
	Observed string `json:"observed"`
	// OK is false where the two disagree and it matters, nil where there is nothing to judge.
	OK *bool `json:"ok"`
}
