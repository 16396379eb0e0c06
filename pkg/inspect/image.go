package inspect

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// imageReads are the kinds that the image rules look at: the pods, the
// ReplicaSets that lead to their Deployment, the events that hold what older
// kubelets leave out of the status, and the Secrets that a refused pull names
// (which share the budget of look-ups with the config rules' ConfigMaps).
func imageReads() []snapshot.Kind {
	return []snapshot.Kind{"Pod", "ReplicaSet", "Job", eventKind, secretKind, configMapKind}
}

// imageRules find why a container's image cannot be had. One pull has one
// cause, so all of them share one classification; each takes what is its own.
func imageRules() []rule.Rule {
	causes := []pullCause{
		imageNotFound, imageDenied, pullSecretMissing, pullSecretInvalid, imageRateLimited, registryUnreachable, imageInvalidName,
		imageWrongPlatform, imageNeverPulled, imageUnpackFailed, imageUntrusted, pullFailed,
	}
	v := &survey{}
	out := make([]rule.Rule, 0, len(causes))
	for _, c := range causes {
		r := rule.Rule{ID: string(c), Reads: imageReads(), Needs: v.imageNeeds, Check: v.imageCheck(c)}
		if c == imageWrongPlatform {
			r = alsoWhenRun(r)
		}
		out = append(out, r)
	}
	return out
}

// alsoWhenRun adds the other half to the rule about platforms: an image that
// offers nothing for the node fails at the pull, one that only claims to fit is
// pulled, and its program cannot be executed.
func alsoWhenRun(r rule.Rule) rule.Rule {
	needs, check := r.Needs, r.Check
	r.Needs = func(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
		n := needs(s, sc)
		n.Add(endNeeds(s, sc))
		return n
	}
	r.Check = func(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
		return append(check(s, sc), endRule(wrongBinaryFinding)(s, sc)...)
	}
	return r
}

// failedPull is a container that waits for its image.
type failedPull struct {
	pod   *corev1.Pod
	c     container
	fault pullFault
	// refused says that the registry denied access, whatever is behind that.
	refused bool
	blame   pullBlame
	// evidence quotes where the cause was read.
	evidence []finding.Evidence
}

// pullReason says whether a container waits because its image cannot be had
// (kubelet/images/types.go, cri-api/pkg/errors).
func pullReason(reason string) bool {
	switch reason {
	case "ErrImagePull", "ImagePullBackOff", "ImageInspectError", "ErrImageNeverPull", "InvalidImageName",
		"RegistryUnavailable", "SignatureValidationFailed":
		return true
	}
	return false
}

// imageNeeds asks for events where a status does not hold the cause, and for
// the pull Secrets of refused pulls.
func (v *survey) imageNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	v = v.of(s, sc)
	var n snapshot.Needs
	if v.eventsWanted() {
		n.Add(s.Missing(eventNeeds(sc)))
	}
	n.Add(v.lookups)
	return n
}

// eventsWanted says that a status does not hold the cause of a failed pull, or
// that a pull Secret could not be read and the kubelet may have said that it misses it.
func (v *survey) eventsWanted() bool {
	for _, p := range v.pulls {
		if p.fault.cause == pullFailed {
			return true
		}
	}
	for _, w := range pullSecretsWanted(v.pulls) {
		if _, a := v.s.Find(w.kind, w.namespace, w.name); a.State == snapshot.Unknown && !a.NotRead() {
			return true
		}
	}
	return false
}

// failedPulls classifies every container of the scope that waits for its
// image. Where one replica does not say why, another one of the same template
// that pulls the same image does: events expire at different times.
func failedPulls(s *snapshot.Snapshot, sc *rule.Scope) []failedPull {
	var out []failedPull
	read := reader{}
	known := map[string]pullFault{}
	key := func(p failedPull) string {
		return withContainer(rule.TemplateOwner(s, p.pod), p.c.spec.Name).String() + "|" + p.c.spec.Name + "|" + p.c.spec.Image
	}
	eachContainer(s, sc, func(pod *corev1.Pod, c container) {
		if reason, _ := c.waiting(); !pullReason(reason) {
			return
		}
		p := classifyContainer(s, pod, c, read)
		if p.fault.cause != pullFailed {
			known[key(p)] = p.fault
		}
		out = append(out, p)
	})
	for i := range out {
		p := &out[i]
		if p.fault.cause == pullFailed && len(known) > 0 {
			if fault, ok := known[key(*p)]; ok {
				p.fault = fault
			}
		}
		if p.fault.cause == imageDenied {
			p.refused = true
			p.blamePullSecret(s)
		}
	}
	return out
}

// classifyContainer reads the waiting message, and where it does not hold the
// cause ("Back-off pulling image …" of older kubelets) the newest event
// about this container that does.
func classifyContainer(s *snapshot.Snapshot, pod *corev1.Pod, c container, read reader) failedPull {
	reason, message := c.waiting()
	p := failedPull{pod: pod, c: c, fault: pullFault{pullFailed, "", finding.Certain}}
	p.evidence = []finding.Evidence{{Object: rule.RefTo(pod).String(), Path: c.statusPath() + ".state.waiting", Value: words(reason, message)}}
	if fault, ok := read.pull(reason, message); ok {
		p.fault = fault
		return p
	}
	for _, why := range []string{"Failed", "InspectFailed"} {
		events, _ := containerEvents(s, pod, c, why)
		for _, e := range events {
			// "Failed" is also the reason of events about a container that could not be created.
			if fault, ok := read.pull("", e.Message); ok && strings.HasPrefix(e.Message, "Failed to ") {
				p.fault, p.evidence = fault, append(p.evidence, eventEvidence(e))
				return p
			}
		}
	}
	if message == "" || strings.HasPrefix(message, "Back-off pulling image") && !strings.Contains(message, "ErrImagePull") {
		p.fault.confidence = finding.Possible // what would decide it was not said
	}
	return p
}

// imageCheck reports the failed pulls with this cause.
func (v *survey) imageCheck(cause pullCause) func(*snapshot.Snapshot, *rule.Scope) []finding.Finding {
	return func(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
		var out []finding.Finding
		for _, p := range v.of(s, sc).pulls {
			if p.fault.cause == cause {
				out = append(out, p.finding(s))
			}
		}
		return out
	}
}

func (p failedPull) finding(s *snapshot.Snapshot) finding.Finding {
	owner := rule.TemplateOwner(s, p.pod)
	ref := splitImage(p.image())
	f := finding.Finding{
		Rule: string(p.fault.cause), Confidence: p.fault.confidence,
		Object: withContainer(owner, p.c.spec.Name), At: rule.RefTo(p.pod), Evidence: p.evidence,
		Args: map[string]any{
			"container": p.c.spec.Name, "namespace": p.pod.Namespace, "owner": owner.String(), "role": string(p.c.role),
			"image": p.image(), "registry": ref.registry, "host": lookedUp(p.evidence, ref.registry), "repository": ref.repository, "named": ref.named(),
			"variant": p.fault.variant, "settable": p.image() == p.c.spec.Image && imageSettable(owner.Kind), "pulled": false, "settled": false,
			"said": p.fault.confidence != finding.Possible, "policy": string(p.c.spec.ImagePullPolicy),
			"secrets": pullSecretNames(p.pod), "account": accountOf(p.pod),
		},
	}
	f.Evidence = append(f.Evidence, finding.Evidence{Object: f.At.String(), Path: p.c.path() + ".image", Value: p.c.spec.Image})
	if p.fault.cause == imageWrongPlatform && p.pod.Spec.NodeName != "" {
		f.Evidence = append(f.Evidence, finding.Evidence{Object: f.At.String(), Path: "spec.nodeName", Value: p.pod.Spec.NodeName})
	}
	f.Evidence = append(f.Evidence, p.blame.evidence...)
	f.Args["blamed"], f.Args["seen"] = nonNil(p.blame.secrets), p.blame.seen
	for _, name := range p.blame.secrets {
		f.Via = append(f.Via, finding.Ref{Kind: string(secretKind), Namespace: p.pod.Namespace, Name: name})
	}
	return f
}

// image is what could not be pulled: the container's image, or that of a
// volume of type image (KEP-4639), whose failure the kubelet reports on the
// container that mounts it.
func (p failedPull) image() string {
	_, message := p.c.waiting()
	if strings.Contains(message, `"`+p.c.spec.Image+`"`) {
		return p.c.spec.Image
	}
	for _, m := range p.c.spec.VolumeMounts {
		for _, v := range p.pod.Spec.Volumes {
			if v.Name == m.Name && v.Image != nil && v.Image.Reference != "" && strings.Contains(message, `"`+v.Image.Reference+`"`) {
				return v.Image.Reference
			}
		}
	}
	return p.c.spec.Image
}

// imageSettable says whether "kubectl set image" can change the object.
func imageSettable(kind string) bool {
	switch kind {
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "CronJob", "Pod":
		return true
	}
	return false
}

func accountOf(pod *corev1.Pod) string {
	if pod.Spec.ServiceAccountName == "" {
		return "default"
	}
	return pod.Spec.ServiceAccountName
}
