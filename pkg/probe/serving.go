package probe

import (
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// serves says for which Services a container takes traffic.
type serves struct {
	services []string
	// outside are those of them that are reachable from outside the cluster without an Ingress.
	outside []string
	// ports are the container's ports that Services lead to.
	ports []int
}

// serving finds the containers that Services lead to. A number that nobody
// declares belongs to the only container, where there is but one.
func serving(sub *subject) map[string]*serves {
	out := map[string]*serves{}
	apps := containers(sub.spec)
	for _, svc := range sub.services {
		for _, p := range svc.Spec.Ports {
			c, number := behind(apps, p)
			if c == "" || scraped.MatchString(p.Name) {
				continue
			}
			if out[c] == nil {
				out[c] = &serves{}
			}
			out[c].add(svc, number)
		}
	}
	return out
}

func (s *serves) add(svc *corev1.Service, port int) {
	s.ports = append(s.ports, port)
	if slices.Contains(s.services, svc.Name) {
		return
	}
	s.services = append(s.services, svc.Name)
	if svc.Spec.Type == corev1.ServiceTypeLoadBalancer || svc.Spec.Type == corev1.ServiceTypeNodePort {
		s.outside = append(s.outside, svc.Name)
	}
}

// scraped are the names of ports that a monitor reads: nobody waits for an answer there.
var scraped = regexp.MustCompile(`(?:^|-)(?:metrics|exporter|prometheus|prom|monitoring)(?:-|$)`)

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

// publishes says that a Service hands out pods that are not ready too, so that readiness does nothing there.
func publishes(sub *subject) bool {
	for _, svc := range sub.services {
		if !svc.Spec.PublishNotReadyAddresses {
			return false
		}
	}
	return len(sub.services) > 0
}
