package probe

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/spelling"
)

// askingRules find probes that ask the wrong place.
func askingRules() []rule.Rule {
	return []rule.Rule{
		ofProbe("probe/port-name-unresolved", checkPortName),
		ofProbe("probe/port-unused", checkPortUnused),
		ofProbe("probe/host-set", checkHost),
		ofProbe("probe/grpc-tls", checkGRPCTLS),
	}
}

// checkPortName: the port is a name that the same container does not declare.
// The API server takes it; the kubelet calls every run no verdict and forgets
// it (prober.go, runProbeWithRetries), so the probe keeps its initial result:
// startup unknown, readiness failed, liveness passed.
func checkPortName(v *view, sub *subject, c container, t Type) *finding.Finding {
	if c.resolves(t) {
		return nil
	}
	port, _ := portOf(c.probe(t))
	f := sub.probeFinding(c, t)
	if t == Liveness {
		f.Severity = finding.Warning // nothing fails; the protection is missing
	}
	declared, elsewhere, near := names(sub, c, port.StrVal)
	f.Args["port"], f.Args["elsewhere"], f.Args["near"], f.Args["patch"] = port.StrVal, elsewhere, near, ""
	if near != "" {
		f.Args["patch"] = sub.patchContainer(c, set(t, change{askedBy(c.probe(t)): change{"port": near}}))
	}
	f.Evidence = append(f.Evidence,
		sub.written(c.probePath(t)+portPath(c.probe(t)), "%s", port.StrVal),
		sub.written(c.path()+".ports", "%s", orNone(declared)))
	if elsewhere != "" {
		f.Evidence = append(f.Evidence, sub.written("spec.containers["+elsewhere+"].ports", "%s", port.StrVal))
	}
	if event := v.errored(sub, c, t); event != nil {
		f.Evidence = append(f.Evidence, quote(event))
	}
	f.Evidence = append(f.Evidence, v.countedEvidence(sub, c, t)...)
	return f
}

// decides says that there is such a probe, and that its runs count.
func (c container) decides(t Type) bool { return c.has(t) && c.resolves(t) }

// resolves says whether the port that the probe asks is a number, or the name of
// one that the container declares; so it is where there is no such probe.
func (c container) resolves(t Type) bool {
	if !c.has(t) {
		return true
	}
	port, ok := portOf(c.probe(t))
	if !ok || port.Type != intstr.String {
		return true
	}
	_, resolved := portNumber(port, c.spec)
	return resolved
}

// errored is a fresh event of a run without a verdict.
func (v *view) errored(sub *subject, c container, t Type) *corev1.Event {
	for _, pod := range sub.pods {
		for _, e := range v.failures(pod, c, t) {
			if v.fresh(e) && strings.Contains(words(e), "probe errored") {
				return e
			}
		}
	}
	return nil
}

// names lists the container's ports that have a name, the other container that
// declares the wanted one, and one of its own that is spelled almost the same.
func names(sub *subject, c container, wanted string) (declared []string, elsewhere, near string) {
	for _, p := range c.spec.Ports {
		if p.Name == "" {
			continue
		}
		declared = append(declared, fmt.Sprintf("%s %d", p.Name, p.ContainerPort))
		if spelling.Near(p.Name, wanted) {
			near = p.Name
		}
	}
	for _, other := range containers(sub.spec) {
		for _, p := range other.spec.Ports {
			if p.Name == wanted {
				elsewhere = other.spec.Name
			}
		}
	}
	return declared, elsewhere, near
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "(none)"
	}
	return strings.Join(list, ", ")
}

// askedBy is the field of a probe that holds its handler.
func askedBy(p *corev1.Probe) string {
	switch {
	case p.HTTPGet != nil:
		return "httpGet"
	case p.TCPSocket != nil:
		return "tcpSocket"
	case p.GRPC != nil:
		return "grpc"
	}
	return "exec"
}

// portPath is where in a probe its port is written.
func portPath(p *corev1.Probe) string { return "." + askedBy(p) + ".port" }

// checkPortUnused: the probe asks for a port number that no container of the
// pod declares, while this one declares others. Declaring is only a note, so by
// itself it is a hint; a refused connection there makes it a cause.
func checkPortUnused(v *view, sub *subject, c container, t Type) *finding.Finding {
	port, ok := portOf(c.probe(t))
	number, resolved := portNumber(port, c.spec)
	if !ok || !resolved || hostOf(c.probe(t)) != "" || declares(sub, number) {
		return nil
	}
	var declared []string
	for _, p := range c.spec.Ports {
		if p.Protocol == corev1.ProtocolTCP || p.Protocol == "" {
			declared = append(declared, strconv.Itoa(int(p.ContainerPort)))
		}
	}
	if len(declared) == 0 {
		return nil
	}
	f := sub.probeFinding(c, t)
	f.Args["port"], f.Args["declared"], f.Args["refused"] = number, declared, false
	f.Confidence = finding.Possible
	f.Evidence = append(f.Evidence,
		sub.written(c.probePath(t)+portPath(c.probe(t)), "%d", number),
		sub.written(c.path()+".ports", "%s", strings.Join(declared, ", ")))
	if s := v.failing(sub, c, t); s != nil && s.fault == refused {
		f.Args["refused"], f.Severity, f.Confidence = true, s.severity(), finding.Likely
		on(f, s)
	}
	return f
}

// declares says whether a container of the pods declares the port.
func declares(sub *subject, number int) bool {
	for _, c := range sub.containers() {
		for _, p := range c.spec.Ports {
			if int(p.ContainerPort) == number {
				return true
			}
		}
	}
	return false
}

// checkHost: the probe asks a host instead of the pod. The kubelet asks from
// the node, so loopback is the node's, unless the pod shares the node's network.
func checkHost(v *view, sub *subject, c container, t Type) *finding.Finding {
	host := hostOf(c.probe(t))
	loopback := host == "localhost" || strings.HasPrefix(host, "127.") || host == "::1"
	if host == "" || loopback && sub.spec.HostNetwork {
		return nil
	}
	f := sub.probeFinding(c, t)
	f.Args["host"], f.Args["loopback"] = host, loopback
	if loopback {
		f.Severity = finding.Error
	}
	f.Evidence = append(f.Evidence, sub.written(c.probePath(t)+"."+askedBy(c.probe(t))+".host", "%s", host))
	if s := v.failing(sub, c, t); s != nil {
		on(f, s)
	}
	return f
}

var tlsName = regexp.MustCompile(`^(https|grpcs|tls|ssl|.*-(tls|ssl|https)|(tls|ssl|https|grpcs)-.*)$`)

// checkGRPCTLS: the kubelet's gRPC probe speaks plain text (pkg/probe/grpc), so
// a port that wants TLS never answers it. Known by the port's name or number
// only; a failing probe makes it an error.
func checkGRPCTLS(v *view, sub *subject, c container, t Type) *finding.Finding {
	p := c.probe(t)
	if p.GRPC == nil {
		return nil
	}
	sign := ""
	for _, declared := range c.spec.Ports {
		if declared.ContainerPort == p.GRPC.Port && tlsName.MatchString(declared.Name) {
			sign = declared.Name
		}
	}
	if sign == "" && p.GRPC.Port == 443 {
		sign = "443"
	}
	if sign == "" {
		return nil
	}
	f := sub.probeFinding(c, t)
	f.Args["port"], f.Args["sign"] = int(p.GRPC.Port), sign
	f.Confidence = finding.Likely
	f.Evidence = append(f.Evidence,
		sub.written(c.probePath(t)+".grpc.port", "%d", p.GRPC.Port),
		sub.written(c.path()+".ports", "%s %d", sign, p.GRPC.Port))
	if s := v.failing(sub, c, t); s != nil {
		f.Severity = s.severity()
		on(f, s)
	}
	return f
}
