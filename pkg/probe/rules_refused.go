package probe

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// refusedRules find probes in manifests that the API server will not take.
func refusedRules() []rule.Rule {
	return []rule.Rule{ofSubject("probe/refused", checkRefused)}
}

// refusal is why the API server refuses a probe (pkg/apis/core/validation,
// validateProbe, validateHandler and the callers of both).
type refusal struct {
	reason refusalReason
	// field is the path below the probe, value what stands there.
	field, value string
}

type refusalReason string

const (
	noHandler   refusalReason = "no-handler"
	twoHandlers refusalReason = "two-handlers"
	badNumber   refusalReason = "number"
	notItsField refusalReason = "not-its-field"
	initProbe   refusalReason = "init"
)

// checkRefused: what a cluster holds was taken, perhaps by a server that knows
// more than this tool, so only manifests are judged.
func checkRefused(v *view, sub *subject) []finding.Finding {
	if v.s.Source != snapshot.FromManifests {
		return nil
	}
	var out []finding.Finding
	add := func(c container, t Type, all []refusal) {
		if len(all) == 0 {
			return
		}
		f := sub.probeFinding(c, t)
		f.Args["reason"], f.Args["field"], f.Args["value"], f.Args["more"] = string(all[0].reason), all[0].field, all[0].value, len(all)-1
		for _, r := range all {
			path := c.probePath(t)
			if r.field != "" {
				path += "." + r.field
			}
			f.Evidence = append(f.Evidence, sub.written(path, "%s", r.value))
		}
		out = append(out, *f)
	}
	for _, c := range sub.containers() {
		for _, t := range Types() {
			if c.has(t) && !c.added {
				add(c, t, refusedFor(c.probe(t), t))
			}
		}
	}
	for i := range sub.spec.InitContainers {
		c := container{role: Sidecar, spec: &sub.spec.InitContainers[i]} // its fields lie where a sidecar's do
		if p := c.spec.RestartPolicy; p != nil && *p == corev1.ContainerRestartPolicyAlways {
			continue
		}
		for _, t := range Types() {
			if c.has(t) {
				add(c, t, []refusal{{reason: initProbe, value: orNothing(handlers(c.probe(t)))}})
			}
		}
	}
	return out
}

// handlers are the fields of a probe that say what to ask.
func handlers(p *corev1.Probe) []string {
	var out []string
	for _, h := range []struct {
		name  string
		given bool
	}{{"exec", p.Exec != nil}, {"httpGet", p.HTTPGet != nil}, {"tcpSocket", p.TCPSocket != nil}, {"grpc", p.GRPC != nil}} {
		if h.given {
			out = append(out, h.name)
		}
	}
	return out
}

func orNothing(list []string) string {
	if len(list) == 0 {
		return "{}"
	}
	return strings.Join(list, ", ")
}

// refusedFor lists all that is wrong with a probe, the worst first.
func refusedFor(p *corev1.Probe, t Type) []refusal {
	var out []refusal
	switch asked := handlers(p); {
	case len(asked) == 0:
		out = append(out, refusal{reason: noHandler, value: "no exec, httpGet, tcpSocket or grpc"})
	case len(asked) > 1:
		out = append(out, refusal{reason: twoHandlers, value: strings.Join(asked, ", ")})
	}
	number := func(f Field, n int64) { out = append(out, refusal{badNumber, string(f), fmt.Sprint(n)}) }
	for _, n := range []struct {
		field Field
		value int32
	}{{InitialDelay, p.InitialDelaySeconds}, {Period, p.PeriodSeconds}, {Timeout, p.TimeoutSeconds}, {SuccessThreshold, p.SuccessThreshold}, {FailureThreshold, p.FailureThreshold}} {
		if n.value < 0 || n.field == SuccessThreshold && t != Readiness && n.value > 1 {
			number(n.field, int64(n.value))
		}
	}
	if g := p.TerminationGracePeriodSeconds; g != nil {
		switch {
		case t == Readiness:
			out = append(out, refusal{notItsField, string(Grace), fmt.Sprint(*g)})
		case *g <= 0:
			number(Grace, *g)
		}
	}
	return append(out, badPorts(p)...)
}

// badPorts are ports that cannot be: a name may be one that nobody declares, but must look like one.
func badPorts(p *corev1.Probe) []refusal {
	var out []refusal
	check := func(field string, port intstr.IntOrString) {
		if port.Type == intstr.Int && len(validation.IsValidPortNum(port.IntValue())) > 0 || port.Type == intstr.String && len(validation.IsValidPortName(port.StrVal)) > 0 {
			value := port.String()
			if value == "" {
				value = `""`
			}
			out = append(out, refusal{badNumber, field, value})
		}
	}
	if p.HTTPGet != nil {
		check("httpGet.port", p.HTTPGet.Port)
	}
	if p.TCPSocket != nil {
		check("tcpSocket.port", p.TCPSocket.Port)
	}
	if p.GRPC != nil {
		check("grpc.port", intstr.FromInt32(p.GRPC.Port))
	}
	if p.Exec != nil && len(p.Exec.Command) == 0 {
		out = append(out, refusal{badNumber, "exec.command", "[]"})
	}
	return out
}
