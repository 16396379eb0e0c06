package probe

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// serves says which of a subject's containers take a Service's traffic, and for which Services.
type serves struct {
	services []string
	// ports are the container's ports that Services lead to.
	ports []int
	// outside says that one of them is reachable from outside the cluster without an Ingress.
	outside bool
}

// serving finds the containers that Services lead to. A number that nobody
// declares belongs to the only container, where there is but one.
func serving(sub *subject) map[string]*serves {
	out := map[string]*serves{}
	apps := containers(sub.spec)
	for _, svc := range sub.services {
		for _, p := range svc.Spec.Ports {
			c, number := behind(apps, p)
			if c == "" {
				continue
			}
			if out[c] == nil {
				out[c] = &serves{}
			}
			if s := out[c]; len(s.services) == 0 || s.services[len(s.services)-1] != svc.Name {
				s.services = append(s.services, svc.Name)
			}
			out[c].ports = append(out[c].ports, number)
			outside := svc.Spec.Type == corev1.ServiceTypeLoadBalancer || svc.Spec.Type == corev1.ServiceTypeNodePort
			out[c].outside = out[c].outside || outside
		}
	}
	return out
}

// behind is the container that a Service's port leads to.
func behind(all []container, p corev1.ServicePort) (string, int) {
	target := p.TargetPort
	if target.Type == intstr.Int && target.IntVal == 0 {
		target = intstr.FromInt32(p.Port)
	}
	for _, c := range all {
		for _, declared := range c.spec.Ports {
			if target.Type == intstr.String && declared.Name == target.StrVal || target.Type == intstr.Int && declared.ContainerPort == target.IntVal {
				return c.spec.Name, int(declared.ContainerPort)
			}
		}
	}
	if len(all) == 1 && target.Type == intstr.Int {
		return all[0].spec.Name, int(target.IntVal)
	}
	return "", 0
}

// names lists the Services in words.
func (s *serves) names() string { return strings.Join(s.services, ", ") }

// publishes says that a Service hands out pods that are not ready too, so that readiness does nothing there.
func publishes(sub *subject) bool {
	for _, svc := range sub.services {
		if !svc.Spec.PublishNotReadyAddresses {
			return false
		}
	}
	return len(sub.services) > 0
}
