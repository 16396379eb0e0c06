package gate

import (
	"net/url"
	"strings"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/spelling"
)

// forms are the gates that can be asked for, as they are typed.
func forms() map[rollout.GateKind]string {
	return map[rollout.GateKind]string{
		rollout.GateTime:    "time=2m",
		rollout.GateCommand: "command=./smoke.sh",
		rollout.GateWebhook: "webhook=https://host/path",
		rollout.GatePerson:  "person",
	}
}

// Kinds are the gates that can be asked for.
func Kinds() []rollout.GateKind {
	return []rollout.GateKind{rollout.GateTime, rollout.GateCommand, rollout.GateWebhook, rollout.GatePerson}
}

// Parse reads a gate as it is typed: "time=2m", "command=./smoke.sh",
// "webhook=https://host/path", "person". The error is a *SpecError.
func Parse(typed string) (rollout.GateSpec, error) {
	kind, value, given := strings.Cut(typed, "=")
	g := rollout.GateSpec{Kind: rollout.GateKind(strings.TrimSpace(kind)), Value: strings.TrimSpace(value)}
	switch {
	case isAddress(typed):
		return rollout.GateSpec{}, &SpecError{Problem: ProblemKind, Got: typed, Near: "webhook=" + typed}
	case given && g.Kind == rollout.GatePerson:
		return rollout.GateSpec{}, &SpecError{Problem: ProblemNoValue, Kind: g.Kind}
	}
	if err := Check(g); err != nil {
		return rollout.GateSpec{}, err
	}
	return g, nil
}

func isAddress(typed string) bool {
	return strings.HasPrefix(typed, "https://") || strings.HasPrefix(typed, "http://")
}

// Check says whether a gate can be asked. The error is a *SpecError.
func Check(g rollout.GateSpec) error {
	wrong := func(p Problem) error { return &SpecError{Problem: p, Kind: g.Kind, Got: g.Value} }
	switch g.Kind {
	case rollout.GateReady, rollout.GateRestarts:
		return wrong(ProblemAlways)
	case rollout.GatePerson:
		if g.Value != "" {
			return wrong(ProblemNoValue)
		}
		return nil
	case rollout.GateTime, rollout.GateCommand, rollout.GateWebhook:
	default:
		return &SpecError{Problem: ProblemKind, Got: string(g.Kind), Near: nearest(string(g.Kind))}
	}
	if strings.TrimSpace(g.Value) == "" {
		return wrong(ProblemValue)
	}
	switch g.Kind {
	case rollout.GateTime:
		if d, err := time.ParseDuration(g.Value); err != nil || d <= 0 {
			return wrong(ProblemDuration)
		}
	case rollout.GateCommand:
		if strings.ContainsRune(g.Value, 0) {
			return wrong(ProblemCommand)
		}
	case rollout.GateWebhook:
		if p := checkAddress(g.Value); p != "" {
			return wrong(p)
		}
	case rollout.GateReady, rollout.GateRestarts, rollout.GatePerson:
	}
	return nil
}

// checkAddress refuses what cannot be posted to, and a password: gates are
// written into the journal, which more people can read than should know it.
func checkAddress(address string) Problem {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return ProblemAddress
	case u.User != nil:
		return ProblemPassword
	}
	return ""
}

// nearest is the form of the gate that was probably meant.
func nearest(kind string) string {
	var kinds []string
	for _, k := range Kinds() {
		kinds = append(kinds, string(k))
	}
	return forms()[rollout.GateKind(spelling.Nearest(kind, kinds))]
}
