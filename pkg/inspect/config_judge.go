package inspect

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// verdict is what is known about one reference.
type verdict struct {
	// missing is the object itself or, with missingKey, only the key.
	missing, missingKey bool
	// seen says who said so: "api" or "kubelet".
	seen       string
	confidence finding.Confidence
	// keys are those that can be taken, where the object was read; binary says
	// that the missing one is there, but where an environment does not look.
	keys     []string
	binary   bool
	evidence []finding.Evidence
}

// judge decides about a reference of a pod in trouble. What the API server says
// now wins over what the kubelet said a moment ago: an object that has come
// into being meanwhile is no fault, the kubelet finds it at its next try. Only
// where the API server does not answer does the kubelet's word stand.
func judge(s *snapshot.Snapshot, pod *corev1.Pod, r reference) verdict {
	keys, answer := keysOf(s, r, pod.Namespace)
	object := strings.ToLower(string(r.kind)) + "/" + r.name
	refers := finding.Evidence{Object: rule.RefTo(pod).String(), Path: r.path, Value: r.name}
	if r.key != "" {
		refers.Value += ", key " + r.key
	}
	switch answer.State {
	case snapshot.Absent:
		return verdict{missing: true, seen: "api", confidence: finding.Certain,
			evidence: []finding.Evidence{refers, {Object: object, Path: "metadata.name", Value: "not found"}}}
	case snapshot.Present:
		if r.key == "" || slices.Contains(keys, r.key) {
			return verdict{}
		}
		return verdict{missingKey: true, seen: "api", confidence: finding.Certain, keys: keys, binary: binaryKey(s, r, pod.Namespace),
			evidence: []finding.Evidence{refers, {Object: object, Path: "data", Value: "keys: " + strings.Join(keys, ", ")}}}
	case snapshot.Unknown:
	}
	v := complaint(s, pod, r)
	if v.missing || v.missingKey {
		v.evidence = append([]finding.Evidence{refers}, v.evidence...)
	}
	return v
}

// keysOf lists the keys that a reference can take. A container's environment
// takes a ConfigMap's data only, a volume its binaryData too
// (kubelet_pods.go makeEnvironmentVariables, volume/configmap MakePayload).
func keysOf(s *snapshot.Snapshot, r reference, namespace string) ([]string, snapshot.Answer) {
	var keys []string
	var answer snapshot.Answer
	if r.kind == secretKind {
		var secret *snapshot.Secret
		if secret, answer = snapshot.Get[*snapshot.Secret](s, namespace, r.name); answer.State == snapshot.Present {
			for k := range secret.Keys {
				keys = append(keys, k)
			}
		}
	} else {
		var m *corev1.ConfigMap
		if m, answer = snapshot.Get[*corev1.ConfigMap](s, namespace, r.name); answer.State == snapshot.Present {
			for k := range m.Data {
				keys = append(keys, k)
			}
			for k := range m.BinaryData {
				if r.mounted() {
					keys = append(keys, k)
				}
			}
		}
	}
	sort.Strings(keys)
	return keys, answer
}

func binaryKey(s *snapshot.Snapshot, r reference, namespace string) bool {
	if r.kind != configMapKind {
		return false
	}
	m, answer := snapshot.Get[*corev1.ConfigMap](s, namespace, r.name)
	if answer.State != snapshot.Present {
		return false
	}
	_, ok := m.BinaryData[r.key]
	return ok
}

// The kubelet's wordings: kubelet_pods.go for the environment, volume/secret,
// volume/configmap and volume/projected for volumes. The objects' own "not
// found" is the API machinery's, plural where the API server said it and
// singular where the kubelet's watch cache did.
var (
	envKeyMissing    = regexp.MustCompile(`couldn't find key (\S+) in (Secret|ConfigMap) [^/\s]+/(\S+)`)
	volumeKeyMissing = regexp.MustCompile(`references non-existent (secret|config) key: ([-._a-zA-Z0-9]+)`)
)

// complaint is the kubelet's word about the reference: the message of the
// container that waits for its environment, or an event about the pod's volume.
func complaint(s *snapshot.Snapshot, pod *corev1.Pod, r reference) verdict {
	if !r.mounted() {
		for _, c := range containers(pod) {
			reason, message := c.waiting()
			if c.spec.Name != r.container || reason != configError {
				continue
			}
			v := saysMissing(message, r)
			v.confidence = finding.Certain
			v.evidence = []finding.Evidence{{Object: rule.RefTo(pod).String(), Path: c.statusPath() + ".state.waiting", Value: words(reason, message)}}
			return v
		}
		return verdict{}
	}
	events, _ := eventsAbout(s, pod)
	for _, e := range events {
		if e.Reason != "FailedMount" || !strings.Contains(e.Message, `"`+r.volume+`"`) {
			continue
		}
		if v := saysMissing(e.Message, r); v.missing || v.missingKey {
			v.confidence = finding.Likely // it may have been put right since
			if s.TakenAt.Sub(rule.LastSeen(e)) < freshEvent && (v.missing || onlyOne(pod, r)) {
				v.confidence = finding.Certain
			}
			v.evidence = []finding.Evidence{eventEvidence(e)}
			return v
		}
	}
	return verdict{}
}

// onlyOne says that a key in this volume can be asked of one object only: the
// kubelet names the key and the volume, not the source of a projected volume.
func onlyOne(pod *corev1.Pod, r reference) bool {
	for _, other := range references(pod) {
		if other.volume == r.volume && other.kind == r.kind && other.key == r.key && other.name != r.name {
			return false
		}
	}
	return true
}

// saysMissing reads a kubelet's message as a statement about one reference.
func saysMissing(message string, r reference) verdict {
	lower := strings.ToLower(string(r.kind))
	for _, resource := range []string{lower, lower + "s"} {
		if strings.Contains(message, fmt.Sprintf(`%s %q not found`, resource, r.name)) {
			return verdict{missing: true, seen: "kubelet"}
		}
	}
	if m := envKeyMissing.FindStringSubmatch(message); m != nil && !r.mounted() {
		if m[1] == r.key && m[2] == string(r.kind) && m[3] == r.name {
			return verdict{missingKey: true, seen: "kubelet"}
		}
	}
	for _, m := range volumeKeyMissing.FindAllStringSubmatch(message, -1) {
		if r.mounted() && m[2] == r.key && (m[1] == "secret") == (r.kind == secretKind) {
			return verdict{missingKey: true, seen: "kubelet"}
		}
	}
	return verdict{}
}
