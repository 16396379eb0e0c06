package inspect

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const (
	pullSecretMissing pullCause = "image/pull-secret-missing"
	pullSecretInvalid pullCause = "image/pull-secret-invalid"
)

// pullSecretNames are the Secrets that a pod offers to registries. Those of
// its ServiceAccount are among them: admission copies them in when the pod has none.
func pullSecretNames(pod *corev1.Pod) []string {
	names := []string{}
	for _, r := range pod.Spec.ImagePullSecrets {
		if r.Name != "" && !slices.Contains(names, r.Name) {
			names = append(names, r.Name)
		}
	}
	return names
}

// blamePullSecret turns a refused pull into what is behind it, where one of
// the Secrets that should have opened the registry is not there or is not one
// that the kubelet can use. A missing pull Secret by itself is no fault: the
// kubelet pulls without it, and a public image comes all the same.
func blamePullSecret(s *snapshot.Snapshot, p failedPull, f *finding.Finding) {
	var missing, invalid []string
	seen := "api"
	for _, name := range pullSecretNames(p.pod) {
		secret, answer := snapshot.Get[*snapshot.Secret](s, p.pod.Namespace, name)
		switch answer.State {
		case snapshot.Absent:
			missing = append(missing, name)
			f.Evidence = append(f.Evidence, finding.Evidence{Object: "secret/" + name, Path: "metadata.name", Value: "not found"})
		case snapshot.Present:
			if !usablePullSecret(secret) {
				invalid = append(invalid, name)
				f.Evidence = append(f.Evidence, finding.Evidence{Object: "secret/" + name, Path: "type", Value: string(secret.Type)})
			}
		case snapshot.Unknown:
			if e := unretrieved(s, p.pod, name); e != nil {
				missing, seen = append(missing, name), "kubelet"
				f.Evidence = append(f.Evidence, eventEvidence(e))
			}
		}
	}
	blamed := missing
	switch {
	case len(missing) > 0:
		f.Rule = string(pullSecretMissing)
	case len(invalid) > 0:
		f.Rule, blamed = string(pullSecretInvalid), invalid
	default:
		return
	}
	// Where other Secrets are in order, or the registry does not say whether
	// credentials are what it wants, the blame rests on an assumption.
	f.Confidence = finding.Likely
	if len(blamed) == len(pullSecretNames(p.pod)) && p.fault.confidence == finding.Certain {
		f.Confidence = finding.Certain
	}
	f.Args["blamed"], f.Args["seen"] = blamed, seen
	for _, name := range blamed {
		f.Via = append(f.Via, finding.Ref{Kind: string(secretKind), Namespace: p.pod.Namespace, Name: name})
	}
}

// usablePullSecret says whether the kubelet takes credentials from the Secret:
// only the two types for it, with their key (pkg/credentialprovider/secrets).
func usablePullSecret(s *snapshot.Secret) bool {
	switch s.Type {
	case corev1.SecretTypeDockerConfigJson:
		return s.Keys[corev1.DockerConfigJsonKey] > 0
	case corev1.SecretTypeDockercfg:
		return s.Keys[corev1.DockerConfigKey] > 0
	}
	return false
}

// unretrieved is the kubelet's newest event that names a pull Secret it could not read.
func unretrieved(s *snapshot.Snapshot, pod *corev1.Pod, name string) *corev1.Event {
	events, _ := eventsAbout(s, pod)
	for _, e := range events {
		if e.Reason != "FailedToRetrieveImagePullSecret" {
			continue
		}
		_, list, _ := strings.Cut(e.Message, "(")
		list, _, _ = strings.Cut(list, ")")
		if slices.Contains(strings.Split(strings.ReplaceAll(list, " ", ""), ","), name) {
			return e
		}
	}
	return nil
}

// pullSecretsWanted are the pull Secrets of the scope's refused pulls.
func pullSecretsWanted(s *snapshot.Snapshot, sc *rule.Scope) []wanted {
	var out []wanted
	for _, p := range failedPulls(s, sc) {
		if p.fault.cause != imageDenied {
			continue
		}
		for _, name := range pullSecretNames(p.pod) {
			out = append(out, wanted{secretKind, p.pod.Namespace, name})
		}
	}
	return out
}
