package probe

import (
	"regexp"
	"sort"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

const eventKind snapshot.Kind = "Event"

// The reasons of the events in which the kubelet tells of probes
// (pkg/kubelet/events, prober.go, kuberuntime_container.go).
const (
	unhealthy    = "Unhealthy"
	probeWarning = "ProbeWarning"
	killing      = "Killing"
)

// recent is how long an event tells about the present: the kubelet's client
// writes about one pod 25 events in a burst, then one every five minutes
// (client-go, tools/record/events_cache.go).
const recent = 10 * time.Minute

// indexEvents sorts the events by the pod they are about, the newest first.
func (v *view) indexEvents(known map[finding.Ref]*subject) {
	namespaces := map[string]bool{}
	pods := map[finding.Ref]*corev1.Pod{}
	for _, sub := range known {
		for _, pod := range sub.pods {
			namespaces[pod.Namespace] = true
			pods[rule.RefTo(pod)] = pod
		}
	}
	for ns := range namespaces {
		all, _ := snapshot.List[*corev1.Event](v.s, ns, nil)
		for _, e := range all {
			ref := finding.Ref{Kind: e.InvolvedObject.Kind, Namespace: e.InvolvedObject.Namespace, Name: e.InvolvedObject.Name}
			if ref.Namespace == "" {
				ref.Namespace = e.Namespace
			}
			pod := pods[ref]
			if pod == nil || e.InvolvedObject.UID != "" && pod.UID != "" && e.InvolvedObject.UID != pod.UID {
				continue
			}
			v.events[ref] = append(v.events[ref], e)
		}
	}
	for _, list := range v.events {
		sort.SliceStable(list, func(i, j int) bool { return rule.LastSeen(list[i]).After(rule.LastSeen(list[j])) })
	}
}

// about are the events of a reason about one container of a pod, the newest first.
func (v *view) about(pod *corev1.Pod, c container, reason string) []*corev1.Event {
	var out []*corev1.Event
	for _, e := range v.events[rule.RefTo(pod)] {
		if e.Reason == reason && e.InvolvedObject.FieldPath == c.fieldPath() {
			out = append(out, e)
		}
	}
	return out
}

// failures are the events of failed runs of one probe, the newest first.
func (v *view) failures(pod *corev1.Pod, c container, t Type) []*corev1.Event {
	return byProbe(v.about(pod, c, unhealthy), t)
}

// byProbe keeps the events that begin with the probe's name: "Readiness probe failed: …".
func byProbe(events []*corev1.Event, t Type) []*corev1.Event {
	var out []*corev1.Event
	for _, e := range events {
		if strings.HasPrefix(words(e), t.word()+" probe ") {
			out = append(out, e)
		}
	}
	return out
}

// kills are the events in which the kubelet says that it ends the container for this probe.
func (v *view) kills(pod *corev1.Pod, c container, t Type) []*corev1.Event {
	var out []*corev1.Event
	for _, e := range v.about(pod, c, killing) {
		if strings.Contains(e.Message, "failed "+string(t)+" probe") {
			out = append(out, e)
		}
	}
	return out
}

// word is how the kubelet's events call the probe.
func (t Type) word() string { return strings.ToUpper(string(t[:1])) + string(t[1:]) }

// words is an event's message.
func words(e *corev1.Event) string { return unmerged(e.Message) }

// unmerged is a message without what the event client puts before one that stands for several.
func unmerged(message string) string {
	return strings.TrimPrefix(strings.TrimSpace(message), "(combined from similar events): ")
}

// fresh says that an event is of now.
func (v *view) fresh(e *corev1.Event) bool { return v.s.TakenAt.Sub(rule.LastSeen(e)) <= recent }

// count adds up how often the fresh ones of some events happened.
func (v *view) count(events []*corev1.Event) int {
	n := 0
	for _, e := range events {
		if v.fresh(e) {
			n += times(e)
		}
	}
	return n
}

// first is when the first of the fresh ones of some events happened, or the time given where that is earlier.
func (v *view) first(earliest *metav1.Time, events []*corev1.Event) *metav1.Time {
	for _, e := range events {
		if !v.fresh(e) {
			continue
		}
		at := e.FirstTimestamp
		if at.IsZero() {
			at = metav1.Time{Time: rule.LastSeen(e)}
			if !e.EventTime.IsZero() {
				at = metav1.Time{Time: e.EventTime.Time}
			}
		}
		if earliest == nil || at.Before(earliest) {
			earliest = &at
		}
	}
	return earliest
}

// times is how often an event happened.
func times(e *corev1.Event) int {
	if e.Series != nil {
		return int(e.Series.Count)
	}
	return max(1, int(e.Count))
}

// fault is a way in which a run fails that has a cause of its own.
type fault string

const (
	otherFault fault = "other"
	// noBinary: the command of an exec probe could not be started. The kubelet calls
	// that no verdict and forgets the run.
	noBinary fault = "no-binary"
	// lateAnswer: it took longer than the timeout.
	lateAnswer fault = "late"
	// refused: nothing listens there.
	refused fault = "refused"
)

// The words are those of runc through containerd or CRI-O, and of the kubelet's
// own clients. An address that cannot even be dialled (i/o timeout) has other
// reasons than a slow answer, and so has a gRPC connection that never came to be.
var (
	cannotStart = regexp.MustCompile(`(?:exec failed|start exec|start container process|exec in container).*(?:executable file not found|no such file or directory|permission denied|is a directory|exec format error)`)
	tooLate     = regexp.MustCompile(`Client\.Timeout exceeded while awaiting|Client\.Timeout or context cancellation|command timed out|health rpc did not complete within`)
)

// faultOf reads a failed run's message.
func faultOf(message string) fault {
	switch {
	case cannotStart.MatchString(message):
		return noBinary
	case tooLate.MatchString(message) && !strings.Contains(message, "dial tcp"):
		return lateAnswer
	case strings.Contains(message, "connection refused"):
		return refused
	}
	return otherFault
}

// Said is the reason in the kubelet's message, without the pod's address, which
// differs from replica to replica:
// `Readiness probe failed: Get "http://10.1.2.3:8080/x": dial tcp 10.1.2.3:8080: connect: connection refused`.
func Said(message string) string {
	message = unmerged(message)
	_, reason, found := strings.Cut(message, "probe failed: ")
	if !found {
		_, reason, _ = strings.Cut(message, "probe errored") // newer kubelets add "and resulted in unknown state"
		_, reason, _ = strings.Cut(reason, ": ")
	}
	reason, _, _ = strings.Cut(strings.TrimSpace(reason), "\n")
	if strings.HasPrefix(reason, "Get ") {
		if i := strings.LastIndex(reason, "\": "); i >= 0 {
			reason = reason[i+3:]
		}
	}
	if strings.HasPrefix(reason, "dial tcp") || strings.HasPrefix(reason, "read tcp") {
		if i := strings.Index(reason, ": "); i >= 0 {
			reason = reason[i+2:]
		}
	}
	return strings.TrimPrefix(strings.TrimSpace(reason), "connect: ")
}

// quote makes evidence of an event.
func quote(e *corev1.Event) finding.Evidence {
	return finding.Evidence{
		Object: strings.ToLower(e.InvolvedObject.Kind) + "/" + e.InvolvedObject.Name,
		Path:   "event " + e.Reason, Value: strings.TrimSpace(e.Message),
	}
}
