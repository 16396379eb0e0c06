package probe

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Handler writes what a probe of the container does as one would say it: "GET http /healthz on port web (8080)".
func Handler(p *corev1.Probe, c *corev1.Container) string {
	switch {
	case p.HTTPGet != nil:
		h := p.HTTPGet
		return fmt.Sprintf("GET %s %s on %s", scheme(h), pathOf(h), at(h.Host, h.Port, c))
	case p.TCPSocket != nil:
		return "TCP connect to " + at(p.TCPSocket.Host, p.TCPSocket.Port, c)
	case p.GRPC != nil:
		text := fmt.Sprintf("gRPC health check on port %d", p.GRPC.Port)
		if s := p.GRPC.Service; s != nil && *s != "" {
			text += " of service " + *s
		}
		return text
	case p.Exec != nil:
		return "exec " + strings.Join(p.Exec.Command, " ")
	}
	return ""
}

func scheme(h *corev1.HTTPGetAction) string {
	if h.Scheme == "" {
		return "http"
	}
	return strings.ToLower(string(h.Scheme))
}

func pathOf(h *corev1.HTTPGetAction) string {
	if h.Path == "" {
		return "/"
	}
	return h.Path
}

func at(host string, port intstr.IntOrString, c *corev1.Container) string {
	text := "port " + port.String()
	if number, ok := portNumber(port, c); ok && port.Type == intstr.String && port.StrVal != strconv.Itoa(number) {
		text += fmt.Sprintf(" (%d)", number)
	}
	if host != "" {
		text += " of host " + host
	}
	return text
}

// portOf is the port that a probe goes to; false for exec. gRPC ports are numbers.
func portOf(p *corev1.Probe) (intstr.IntOrString, bool) {
	switch {
	case p.HTTPGet != nil:
		return p.HTTPGet.Port, true
	case p.TCPSocket != nil:
		return p.TCPSocket.Port, true
	case p.GRPC != nil:
		return intstr.FromInt32(p.GRPC.Port), true
	}
	return intstr.IntOrString{}, false
}

// hostOf is the host that a probe asks for in place of the pod, "" for the pod itself.
func hostOf(p *corev1.Probe) string {
	switch {
	case p.HTTPGet != nil:
		return p.HTTPGet.Host
	case p.TCPSocket != nil:
		return p.TCPSocket.Host
	}
	return ""
}

// portNumber resolves a port as the kubelet does: a name among the ports of the
// same container only, else as a number (pkg/probe/util.go, ResolveContainerPort).
func portNumber(port intstr.IntOrString, c *corev1.Container) (int, bool) {
	number := port.IntValue()
	if port.Type == intstr.String {
		for _, p := range c.Ports {
			if p.Name == port.StrVal {
				return int(p.ContainerPort), true
			}
		}
		n, err := strconv.Atoi(port.StrVal)
		if err != nil {
			return 0, false
		}
		number = n
	}
	return number, number > 0 && number < 65536
}

// sameQuestion says whether two probes of a container ask the same of it. What
// they send along (headers) does not tell them apart; alike says that it does not differ either.
func sameQuestion(a, b *corev1.Probe, c *corev1.Container) (same, alike bool) {
	switch {
	case a.HTTPGet != nil && b.HTTPGet != nil:
		x, y := a.HTTPGet, b.HTTPGet
		same = scheme(x) == scheme(y) && pathOf(x) == pathOf(y) && x.Host == y.Host && samePort(x.Port, y.Port, c)
		return same, same && fmt.Sprint(x.HTTPHeaders) == fmt.Sprint(y.HTTPHeaders)
	case a.TCPSocket != nil && b.TCPSocket != nil:
		same = a.TCPSocket.Host == b.TCPSocket.Host && samePort(a.TCPSocket.Port, b.TCPSocket.Port, c)
	case a.GRPC != nil && b.GRPC != nil:
		same = a.GRPC.Port == b.GRPC.Port && text(a.GRPC.Service) == text(b.GRPC.Service)
	case a.Exec != nil && b.Exec != nil:
		same = strings.Join(a.Exec.Command, "\x00") == strings.Join(b.Exec.Command, "\x00")
	}
	return same, same
}

func samePort(a, b intstr.IntOrString, c *corev1.Container) bool {
	x, okX := portNumber(a, c)
	y, okY := portNumber(b, c)
	return okX && okY && x == y || a == b
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
