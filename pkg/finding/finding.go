// Package finding holds what the tool has to say: findings, the reports that
// carry them, and the catalogue of rules with their texts in every language.
package finding

import (
	"strings"
)

// Severity grades a finding by what it does to the people who depend on it.
type Severity string

// Severities, the worst first. Error: something does not work now, or will not
// at the next change. Warning: it works by luck or not for long. Info: worth knowing.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Rank orders severities: a worse one ranks higher; an unknown one ranks 0.
func (s Severity) Rank() int {
	switch s {
	case Error:
		return 3
	case Warning:
		return 2
	case Info:
		return 1
	}
	return 0
}

// Confidence says how much of a finding was seen.
type Confidence string

// Certain: read from the objects or said by the component that acts. Likely:
// follows from what was seen with one ordinary assumption. Possible: fits, but
// something that would decide it could not be read.
const (
	Certain  Confidence = "certain"
	Likely   Confidence = "likely"
	Possible Confidence = "possible"
)

// Ref names an object, and one of its containers where that matters.
type Ref struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	Container string `json:"container,omitempty"`
}

// String is the short form used in chains and tables: "deployment/web".
func (r Ref) String() string { return strings.ToLower(r.Kind) + "/" + r.Name }

// Object is the Ref without its container.
func (r Ref) Object() Ref { r.Container = ""; return r }

// Evidence is one thing that was seen: on which object, at which field path
// (or "events", "log"), with which value.
type Evidence struct {
	Object string `json:"object"`
	Path   string `json:"path"`
	Value  string `json:"value"`
}

// Fix is a next step: what to do in words and, where there is one, the command.
type Fix struct {
	Text    string `json:"text"`
	Command string `json:"command,omitempty"`
}

// Finding is one root cause, with everything needed to believe it and to act.
type Finding struct {
	Rule       string     `json:"rule"`
	Severity   Severity   `json:"severity"`
	Confidence Confidence `json:"confidence"`
	// Object is what must change for the problem to go away.
	Object Ref `json:"object"`
	// Count is how many objects (pods, as a rule) suffer from this same cause.
	Count int `json:"count"`
	// Chain leads from what the user asked about to the cause.
	Chain    []string   `json:"chain"`
	Title    string     `json:"title"`
	Why      string     `json:"why"`
	Evidence []Evidence `json:"evidence"`
	// Explains are the symptoms that go away with this cause.
	Explains []Symptom `json:"explains"`
	Fix      []Fix     `json:"fix"`
	Doc      string    `json:"doc"`

	// Args fill the texts of the catalogue.
	Args map[string]any `json:"-"`
	// At is where the cause was seen: the pod, for a finding about its owner's
	// template. The chain is drawn to it. Zero means Object.
	At Ref `json:"-"`
	// Also are the further places of a cause that was seen in several.
	Also []Ref `json:"-"`
	// Via is what the chain ends with beyond At: the Secret that a pod refers to.
	Via []Ref `json:"-"`
}

// Symptom is a finding that a deeper one explains.
type Symptom struct {
	Rule   string `json:"rule"`
	Object Ref    `json:"object"`
	Title  string `json:"title"`
}

// Places lists every object at which the cause was seen.
func (f Finding) Places() []Ref { return append([]Ref{f.Where()}, f.Also...) }

// Where returns the object at which the cause was seen.
func (f Finding) Where() Ref {
	if f.At != (Ref{}) {
		return f.At
	}
	return f.Object
}
