package fit

import (
	"sort"

	corev1 "k8s.io/api/core/v1"
)

const everyAddress = "0.0.0.0"

type hostPort struct {
	ip       string
	protocol corev1.Protocol
	port     int32
}

// hostPorts lists the host ports of a pod's containers and sidecars. An
// ordinary init container is gone before the ports could matter
// (scheduler/util/utils.go, GetHostPorts).
func hostPorts(pod *corev1.Pod) []hostPort {
	var out []hostPort
	collect := func(c *corev1.Container) {
		for _, p := range c.Ports {
			if p.HostPort <= 0 {
				continue
			}
			h := hostPort{ip: p.HostIP, protocol: p.Protocol, port: p.HostPort}
			if h.ip == "" {
				h.ip = everyAddress
			}
			if h.protocol == "" {
				h.protocol = corev1.ProtocolTCP
			}
			out = append(out, h)
		}
	}
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			collect(c)
		}
	}
	for i := range pod.Spec.Containers {
		collect(&pod.Spec.Containers[i])
	}
	return out
}

// clashes: the same protocol and port on the same address, or on any where one
// of the two takes every address (framework.HostPortInfo.CheckConflict).
func (p hostPort) clashes(q hostPort) bool {
	return p.protocol == q.protocol && p.port == q.port &&
		(p.ip == q.ip || p.ip == everyAddress || q.ip == everyAddress)
}

func (j *judge) ports() filter {
	wanted := hostPorts(j.pod)
	if len(wanted) == 0 {
		return func(*host) []Refusal { return nil }
	}
	return func(h *host) []Refusal {
		var out []Refusal
		for _, w := range wanted {
			if holder := h.portHolder(w); holder != nil {
				clash := &PortClash{Port: w.port, Protocol: w.protocol, Holder: nameOf(holder)}
				if w.ip != everyAddress {
					clash.HostIP = w.ip
				}
				out = append(out, Refusal{Reason: PortTaken, Port: clash})
			}
		}
		return out
	}
}

func (h *host) portHolder(w hostPort) *corev1.Pod {
	for _, pod := range h.pods {
		for _, p := range hostPorts(pod) {
			if w.clashes(p) {
				return pod
			}
		}
	}
	return nil
}

func nameOf(pod *corev1.Pod) string { return pod.Namespace + "/" + pod.Name }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
