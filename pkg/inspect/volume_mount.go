package inspect

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// mountNeeds asks for the events of pods that have a node and whose containers
// have not begun, where a volume is there that may be why.
func mountNeeds(s *snapshot.Snapshot, sc *rule.Scope) snapshot.Needs {
	var n snapshot.Needs
	for _, pod := range livePods(s, sc) {
		if mountPending(s, pod) && len(mountable(pod)) > 0 {
			n.Add(eventNeeds(sc))
		}
	}
	return n
}

// mountable are the pod's volumes that these rules speak of: what a ConfigMap,
// a Secret or a token lacks is for the config rules.
func mountable(pod *corev1.Pod) []corev1.Volume {
	var out []corev1.Volume
	for _, v := range pod.Spec.Volumes {
		if v.ConfigMap == nil && v.Secret == nil && v.Projected == nil && v.DownwardAPI == nil && v.EmptyDir == nil && v.Image == nil {
			out = append(out, v)
		}
	}
	return out
}

// The words of the kubelet and of the attach-detach controller
// (pkg/volume/util/operationexecutor, pkg/kubelet/volumemanager).
var (
	volumeInMessage = regexp.MustCompile(`for volume "([^"]+)"`)
	unmounted       = regexp.MustCompile(`unmounted volumes=\[([^\]]*)\]`)
	usedBy          = regexp.MustCompile(`already used by pod\(s\) (.+)$`)
)

// checkMounts: the node cannot attach or mount a volume, and says so again and again.
func checkMounts(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
	var out []finding.Finding
	for _, pod := range livePods(s, sc) {
		if !mountPending(s, pod) {
			continue
		}
		events, _ := eventsAbout(s, pod)
		for _, e := range events {
			if s.TakenAt.Sub(rule.LastSeen(e)) > freshEvent {
				break
			}
			if f := mountFinding(s, pod, e); f != nil {
				out = append(out, *f)
				break
			}
		}
	}
	return out
}

func mountFinding(s *snapshot.Snapshot, pod *corev1.Pod, e *corev1.Event) *finding.Finding {
	if e.Reason != "FailedMount" && e.Reason != "FailedAttachVolume" && e.Reason != "FailedMapVolume" {
		return nil
	}
	v, ok := volumeOf(s, pod, e.Message)
	if !ok {
		return nil
	}
	owner, source := rule.TemplateOwner(s, pod), volumeSource(pod, v)
	f := &finding.Finding{Rule: ruleMount, At: rule.RefTo(pod), Object: owner, Evidence: []finding.Evidence{eventEvidence(e)}}
	f.Args = map[string]any{
		"volume": v.Name, "source": source, "namespace": pod.Namespace, "owner": owner.String(), "node": pod.Spec.NodeName,
		"said": mountWords(e.Message), "hint": mountHint(e.Message), "holder": "",
	}
	if name := claimName(pod, v); name != "" {
		claim := finding.Ref{Kind: string(claimKind), Namespace: pod.Namespace, Name: name}
		f.Via = []finding.Ref{claim}
	}
	if strings.Contains(e.Message, "Multi-Attach error") {
		f.Rule = ruleAttached
		if m := usedBy.FindStringSubmatch(e.Message); m != nil {
			f.Args["holder"] = m[1]
		}
		return f
	}
	if occurrences(e) < 2 && strings.Contains(e.Message, "timed out waiting for the condition") {
		return nil // once is usual while a disk is attached
	}
	return f
}

// volumeOf finds the pod's volume that a message speaks of. For a claim the
// message has the PersistentVolume's name.
func volumeOf(s *snapshot.Snapshot, pod *corev1.Pod, message string) (corev1.Volume, bool) {
	name := ""
	if m := volumeInMessage.FindStringSubmatch(message); m != nil {
		name = m[1]
	} else if m := unmounted.FindStringSubmatch(message); m != nil {
		name, _, _ = strings.Cut(m[1], " ")
	}
	var claims []corev1.Volume
	for _, v := range mountable(pod) {
		if v.Name == name {
			return v, true
		}
		claim := claimName(pod, v)
		if claim == "" {
			continue
		}
		if c, a := snapshot.Get[*corev1.PersistentVolumeClaim](s, pod.Namespace, claim); a.State == snapshot.Present && c.Spec.VolumeName == name {
			return v, true
		}
		claims = append(claims, v)
	}
	for _, v := range pod.Spec.Volumes {
		if v.Name == name {
			return v, false // of a kind that other rules speak of
		}
	}
	if len(claims) == 1 && name != "" {
		return claims[0], true
	}
	return corev1.Volume{}, false
}

func volumeSource(pod *corev1.Pod, v corev1.Volume) string {
	switch {
	case claimName(pod, v) != "":
		return "PersistentVolumeClaim " + claimName(pod, v)
	case v.HostPath != nil:
		return "hostPath " + v.HostPath.Path
	case v.NFS != nil:
		return fmt.Sprintf("NFS %s:%s", v.NFS.Server, v.NFS.Path)
	case v.CSI != nil:
		return "CSI " + v.CSI.Driver
	}
	return v.Name
}

// mountWords leaves out what every message begins with.
func mountWords(message string) string {
	said := firstLine(message)
	if at := volumeInMessage.FindStringIndex(said); at != nil {
		said = strings.TrimLeft(said[at[1]:], " :")
	}
	return said
}

// mountHint tells apart what a person would do about it.
func mountHint(message string) string {
	m := strings.ToLower(message)
	switch {
	case strings.Contains(m, "hostpath type check failed"):
		return "path"
	case strings.Contains(m, "not found in the list of registered csi drivers"):
		return "driver"
	case strings.Contains(m, "permission denied"), strings.Contains(m, "access denied"):
		return "access"
	case strings.Contains(m, "bad option; for several filesystems"), strings.Contains(m, "unknown filesystem type"):
		return "helper"
	case strings.Contains(m, "no such file or directory"), strings.Contains(m, "does not exist"):
		return "path"
	case strings.Contains(m, "connection refused"), strings.Contains(m, "connection timed out"), strings.Contains(m, "no route to host"), strings.Contains(m, "failed to resolve"), strings.Contains(m, "name or service not known"):
		return "server"
	}
	return ""
}
