package inspect

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
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

// pullBlame is what a pod's pull Secrets have to do with a refused pull.
type pullBlame struct {
	// secrets are those to blame; seen says who found them missing: "api" or "kubelet".
	secrets  []string
	seen     string
	evidence []finding.Evidence
}

// blamePullSecret turns a refused pull into what is behind it, where one of
// the Secrets that should have opened the registry is not there or is not one
// that the kubelet can use. A missing pull Secret by itself is no fault: the
// kubelet pulls without it, and a public image comes all the same.
func (p *failedPull) blamePullSecret(s *snapshot.Snapshot) {
	missing, invalid := pullBlame{seen: "api"}, pullBlame{seen: "api"}
	names := pullSecretNames(p.pod)
	for _, name := range names {
		secret, answer := snapshot.Get[*snapshot.Secret](s, p.pod.Namespace, name)
		switch answer.State {
		case snapshot.Absent:
			missing.add(name, finding.Evidence{Object: "secret/" + name, Path: "metadata.name", Value: "not found"})
		case snapshot.Present:
			if !usablePullSecret(secret) {
				invalid.add(name, finding.Evidence{Object: "secret/" + name, Path: "type", Value: string(secret.Type)})
			}
		case snapshot.Unknown:
			if e := unretrieved(s, p.pod, name); e != nil {
				missing.seen = "kubelet"
				missing.add(name, eventEvidence(e))
			}
		}
	}
	certain := p.fault.confidence == finding.Certain
	switch {
	case len(missing.secrets) > 0:
		p.fault.cause, p.blame = pullSecretMissing, missing
	case len(invalid.secrets) > 0:
		p.fault.cause, p.blame = pullSecretInvalid, invalid
	default:
		return
	}
	// Where other Secrets are in order, or the registry does not say whether
	// credentials are what it wants, the blame rests on an assumption.
	p.fault.confidence = finding.Likely
	if certain && len(p.blame.secrets) == len(names) {
		p.fault.confidence = finding.Certain
	}
}

func (b *pullBlame) add(name string, evidence finding.Evidence) {
	b.secrets, b.evidence = append(b.secrets, name), append(b.evidence, evidence)
}

// usablePullSecret says whether the kubelet takes credentials from the Secret:
// only the two types for it, with their key (pkg/credentialprovider/secrets).
func usablePullSecret(s *snapshot.Secret) bool {
	return s.Type == corev1.SecretTypeDockerConfigJson && s.Keys[corev1.DockerConfigJsonKey] > 0 ||
		s.Type == corev1.SecretTypeDockercfg && s.Keys[corev1.DockerConfigKey] > 0
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

// pullSecretsWanted are the pull Secrets of refused pulls.
func pullSecretsWanted(pulls []failedPull) []wanted {
	var out []wanted
	for _, p := range pulls {
		if !p.refused {
			continue
		}
		for _, name := range pullSecretNames(p.pod) {
			out = append(out, wanted{secretKind, p.pod.Namespace, name})
		}
	}
	return out
}
