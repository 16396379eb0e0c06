package inspect

import (
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// kubeProxy is the DaemonSet that kubeadm and most providers run kube-proxy by. A
// node does not say which kube-proxy it runs: the field for it held the kubelet's
// version, and is empty since 1.33 (KEP-4004).
func kubeProxy() finding.Ref {
	return finding.Ref{Kind: "DaemonSet", Namespace: systemNamespace, Name: "kube-proxy"}
}

// skewNeeds asks for the API server's version where a node was asked about.
func skewNeeds(_ *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	for _, t := range sc.Targets {
		if t.Kind == "Node" || t == kubeProxy() {
			n.Objects = []snapshot.Need{snapshot.ServerVersionNeed()}
		}
	}
	return n
}

// checkSkew holds kubelets, and kube-proxy where its DaemonSet was asked about,
// against the version skew policy. Silent about versions that cannot be read.
func checkSkew(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	server, a := snapshot.Get[*snapshot.ServerVersion](s, "", snapshot.ServerVersionName)
	if a.State != snapshot.Present {
		return nil
	}
	var out []finding.Finding
	for _, t := range sc.Targets {
		switch {
		case t.Kind == "Node":
			if node, a := snapshot.Get[*corev1.Node](s, "", t.Name); a.State == snapshot.Present {
				version := node.Status.NodeInfo.KubeletVersion
				out = append(out, skewed(server, version, t, finding.Evidence{Object: t.String(), Path: "status.nodeInfo.kubeletVersion", Value: version})...)
			}
		case t == kubeProxy():
			if ds, a := snapshot.Get[*appsv1.DaemonSet](s, t.Namespace, t.Name); a.State == snapshot.Present && len(ds.Spec.Template.Spec.Containers) > 0 {
				image := ds.Spec.Template.Spec.Containers[0].Image
				out = append(out, skewed(server, tagOf(image), t, finding.Evidence{Object: t.String(), Path: "spec.template.spec.containers[0].image", Value: image})...)
			}
		}
	}
	return out
}

// skewed is the finding about one version that the policy does not allow.
func skewed(server *snapshot.ServerVersion, version string, at finding.Ref, basis finding.Evidence) []finding.Finding {
	behind, allowed := skewOf(server.GitVersion, version)
	if allowed == nil || *allowed {
		return nil
	}
	minor, _ := minorOf(version)
	node := at.Name
	if at.Kind != "Node" {
		node = ""
	}
	return []finding.Finding{{
		Object: at,
		Args: map[string]any{
			"node": node, "version": version, "server": server.GitVersion, "newer": *behind < 0, "behind": *behind, "most": mostBehind(minor),
		},
		Evidence: []finding.Evidence{basis, {Object: "apiserver", Path: "/version gitVersion", Value: server.GitVersion}},
	}}
}

// tagOf is the tag of an image, without a digest behind it.
func tagOf(image string) string {
	image, _, _ = strings.Cut(image, "@")
	at := strings.LastIndexByte(image, ':')
	if at < strings.LastIndexByte(image, '/') { // the port of a registry
		return ""
	}
	return image[at+1:]
}

// skewOf says how many minor versions a kubelet, or a kube-proxy, is behind the
// API server: it must not be newer, and may be three behind, two below 1.25
// (kubernetes.io/releases/version-skew-policy, kubelet and kube-proxy).
func skewOf(server, kubelet string) (behind *int, allowed *bool) {
	s, ok := minorOf(server)
	k, ok2 := minorOf(kubelet)
	if !ok || !ok2 {
		return nil, nil
	}
	d := s - k
	fine := d >= 0 && d <= mostBehind(k)
	return &d, &fine
}

func mostBehind(minor int) int {
	if minor < 25 {
		return 2
	}
	return 3
}

// minorOf reads the second number of "v1.37.2-eks-1"; no other major version is known.
func minorOf(version string) (int, bool) {
	rest, ok := strings.CutPrefix(version, "v1.")
	if !ok {
		return 0, false
	}
	digits, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(strings.TrimRight(digits, "+"))
	return n, err == nil
}
