package cluster

import (
	"fmt"
	"net/url"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// resources are the paths of the kinds that a rollout reads by name or writes to.
func resource(kind string) (prefix, plural string, err error) {
	switch kind {
	case "Deployment":
		return "/apis/apps/v1", "deployments", nil
	case "StatefulSet":
		return "/apis/apps/v1", "statefulsets", nil
	case "DaemonSet":
		return "/apis/apps/v1", "daemonsets", nil
	case "Service":
		return "/api/v1", "services", nil
	case "Pod":
		return "/api/v1", "pods", nil
	}
	return "", "", fmt.Errorf("a rollout has no business with a %s", kind)
}

func pathOf(r rollout.Ref, query ...string) (string, error) {
	prefix, plural, err := resource(r.Kind)
	if err != nil {
		return "", err
	}
	path := fmt.Sprintf("%s/namespaces/%s/%s/%s", prefix, url.PathEscape(r.Namespace), plural, url.PathEscape(r.Name))
	q := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		q.Set(query[i], query[i+1])
	}
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return path, nil
}
