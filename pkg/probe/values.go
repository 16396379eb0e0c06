// Package probe judges startup, liveness and readiness probes: what the kubelet
// makes of what is written, when it acts, and whether that fits what was seen.
// It is pure: a snapshot in, a report out. Its facts about the kubelet are those
// of pkg/kubelet/prober and pkg/kubelet/kuberuntime, Kubernetes v1.36.
package probe

import (
	"math"

	corev1 "k8s.io/api/core/v1"
)

// Type is which of a container's three probes it is.
type Type string

// The types. While a container has a startup probe that has not passed, the
// other two are not asked.
const (
	Startup   Type = "startup"
	Liveness  Type = "liveness"
	Readiness Type = "readiness"
)

// Types lists them in the order in which they matter to a container's life.
func Types() []Type { return []Type{Startup, Readiness, Liveness} }

// kills says that the probe's failure ends the container.
func (t Type) kills() bool { return t != Readiness }

// Field is a number of a probe, as it is called in a manifest.
type Field string

// The fields.
const (
	InitialDelay     Field = "initialDelaySeconds"
	Period           Field = "periodSeconds"
	Timeout          Field = "timeoutSeconds"
	SuccessThreshold Field = "successThreshold"
	FailureThreshold Field = "failureThreshold"
	Grace            Field = "terminationGracePeriodSeconds"
)

// Values are the numbers that the kubelet works with.
type Values struct {
	InitialDelaySeconds int `json:"initialDelaySeconds"`
	PeriodSeconds       int `json:"periodSeconds"`
	TimeoutSeconds      int `json:"timeoutSeconds"`
	SuccessThreshold    int `json:"successThreshold"`
	FailureThreshold    int `json:"failureThreshold"`
	// TerminationGracePeriodSeconds is the probe's own, nil where the pod's counts.
	TerminationGracePeriodSeconds *int `json:"terminationGracePeriodSeconds"`
	// Default lists the fields that hold Kubernetes' default. The API server
	// writes defaults into objects, so a live one does not tell whether somebody
	// chose the number.
	Default []Field `json:"default"`
}

// Effective fills in what the API server fills in (pkg/apis/core/v1/defaults.go,
// SetDefaults_Probe): a written 0 becomes the default too. So does a negative
// number here, which the API server refuses.
func Effective(p *corev1.Probe) Values {
	v := Values{Default: []Field{}}
	for _, f := range []struct {
		field     Field
		written   int32
		otherwise int
		into      *int
	}{
		{InitialDelay, p.InitialDelaySeconds, 0, &v.InitialDelaySeconds},
		{Period, p.PeriodSeconds, 10, &v.PeriodSeconds},
		{Timeout, p.TimeoutSeconds, 1, &v.TimeoutSeconds},
		{SuccessThreshold, p.SuccessThreshold, 1, &v.SuccessThreshold},
		{FailureThreshold, p.FailureThreshold, 3, &v.FailureThreshold},
	} {
		*f.into = int(f.written)
		if f.written <= 0 {
			*f.into = f.otherwise
		}
		if *f.into == f.otherwise {
			v.Default = append(v.Default, f.field)
		}
	}
	if g := p.TerminationGracePeriodSeconds; g != nil {
		own := clamp(*g)
		v.TerminationGracePeriodSeconds = &own
	}
	return v
}

// forever bounds every number of seconds: 68 years.
const forever = math.MaxInt32

// clamp keeps sums and products of fields, which have no upper bound, within forever.
func clamp(seconds int64) int { return int(max(0, min(seconds, forever))) }
