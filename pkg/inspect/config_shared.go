package inspect

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// survey is what the rules of a room all look at: which pulls failed, what
// pods in trouble refer to, which Secrets are mounted. Every one of twenty rules would
// walk over every pod for it; so it is made once for one state of a snapshot and shared.
// It only saves work: each answer is a pure function of the snapshot and the
// scope. Rules that share one are not to be run at the same time.
type survey struct {
	s     *snapshot.Snapshot
	sc    *rule.Scope
	reads int

	pulls   []failedPull
	needed  []podReferences
	secrets []podReferences
	lookups snapshot.Needs
	// pending says that some pod may be waiting for a volume with a ConfigMap or Secret.
	pending bool
}

// podReferences are some references of one pod.
type podReferences struct {
	pod        *corev1.Pod
	references []reference
}

// of gives the survey of this snapshot as it is now: made anew where another
// was asked for last, or more has been read since.
func (v *survey) of(s *snapshot.Snapshot, sc *rule.Scope) *survey {
	if v.s == s && v.sc == sc && v.reads == len(s.Readings()) {
		return v
	}
	*v = survey{s: s, sc: sc, reads: len(s.Readings())}
	v.pulls = failedPulls(s, sc)
	byTemplate := map[string][]reference{}
	for _, pod := range livePods(s, sc) {
		if refs := neededNow(s, pod); len(refs) > 0 {
			v.needed = append(v.needed, podReferences{pod, refs})
		}
		v.pending = v.pending || mountPending(s, pod) && mountsConfig(pod)
		key := templateKey(pod)
		refs, known := byTemplate[key]
		if !known {
			refs = secretsOf(pod)
			byTemplate[key] = refs
		}
		if len(refs) > 0 {
			v.secrets = append(v.secrets, podReferences{pod, refs})
		}
	}
	v.lookups = lookupNeeds(s, v)
	return v
}

// templateKey is the same for pods that were made from the same template.
func templateKey(pod *corev1.Pod) string {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return "pod/" + pod.Namespace + "/" + pod.Name
	}
	return pod.Namespace + "/" + owner.Kind + "/" + owner.Name + "/" + pod.Labels["controller-revision-hash"]
}

// secretsOf lists the Secrets that a pod refers to, of each the first
// reference, or the first that looks like one to a certificate.
func secretsOf(pod *corev1.Pod) []reference {
	var out []reference
	at := map[string]int{}
	for _, r := range references(pod) {
		if r.kind != secretKind {
			continue
		}
		i, known := at[r.name]
		switch {
		case !known:
			at[r.name] = len(out)
			out = append(out, r)
		case !looksLikeCertificate(pod, out[i]) && looksLikeCertificate(pod, r):
			out[i] = r
		}
	}
	return out
}
