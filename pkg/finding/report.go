package finding

import "time"

// Version and kind of the machine-readable report. It only ever grows.
const (
	APIVersion = "kubectl-msa.dev/v1alpha1"
	ReportKind = "Report"
)

// Verdict is the worst thing a report says, "ok" where it says nothing.
type Verdict string

// VerdictOK is the verdict of a report without findings. The other verdicts are the severities.
const VerdictOK Verdict = "ok"

// Scope is what was asked about.
type Scope struct {
	Context   string   `json:"context"`
	Namespace string   `json:"namespace"`
	Targets   []string `json:"targets"`
}

// NotChecked is something that could not be read, and why: neither present nor absent.
type NotChecked struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// Report is the result of a reading command; commands embed it and add a part of their own.
type Report struct {
	APIVersion string       `json:"apiVersion"`
	Kind       string       `json:"kind"`
	Command    string       `json:"command"`
	Verdict    Verdict      `json:"verdict"`
	TakenAt    time.Time    `json:"takenAt"`
	Scope      Scope        `json:"scope"`
	Findings   []Finding    `json:"findings"`
	NotChecked []NotChecked `json:"notChecked"`
	// Requests counts the requests made to the API server; 0 from a file.
	Requests int `json:"requests"`
}

// NewReport puts a report together; the verdict follows from the findings.
func NewReport(command string, takenAt time.Time, scope Scope, findings []Finding, notChecked []NotChecked, requests int) Report {
	if findings == nil {
		findings = []Finding{}
	}
	if notChecked == nil {
		notChecked = []NotChecked{}
	}
	if scope.Targets == nil {
		scope.Targets = []string{}
	}
	return Report{
		APIVersion: APIVersion, Kind: ReportKind, Command: command, Verdict: Worst(findings),
		TakenAt: takenAt.UTC().Truncate(time.Second), Scope: scope,
		Findings: findings, NotChecked: notChecked, Requests: requests,
	}
}

// Worst is the verdict over findings.
func Worst(findings []Finding) Verdict {
	worst := Severity("")
	for _, f := range findings {
		if f.Severity.Rank() > worst.Rank() {
			worst = f.Severity
		}
	}
	if worst == "" {
		return VerdictOK
	}
	return Verdict(worst)
}

// AtLeast counts the findings at or above a severity.
func AtLeast(findings []Finding, s Severity) int {
	n := 0
	for _, f := range findings {
		if f.Severity.Rank() >= s.Rank() {
			n++
		}
	}
	return n
}
