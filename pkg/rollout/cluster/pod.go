package cluster

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// pod is what a hold must know of a Pod.
func (look *seen) pod(p *corev1.Pod) rollout.Pod {
	out := rollout.Pod{Name: p.Name, UID: string(p.UID), Hash: hashOf(p, look.workload.kind), Node: p.Spec.NodeName,
		Ready: ready(p), Deleting: p.DeletionTimestamp != nil, Group: look.slow.groups[p.Spec.NodeName]}
	if look.workload.kind == "StatefulSet" {
		out.Ordinal, _ = strconv.Atoi(p.Name[strings.LastIndexByte(p.Name, '-')+1:])
	}
	return out
}

func ready(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// readySince is when a ready Pod became so.
func readySince(p *corev1.Pod) time.Time {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

// restarts are those of all containers; sidecars are among the init containers.
func restarts(p *corev1.Pod) int {
	n := 0
	for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		n += int(c.RestartCount)
	}
	return n
}

// ending is one way in which containers of one name came to an end.
type ending struct {
	container string
	code      int32
	reason    string
}

// maxEndings bounds how many ways of ending are told.
const maxEndings = 3

// endings tells how containers failed, the most restarts first: "web: exit 1
// (Error), 3 restarts". An end with code 0 is no failure by itself.
func endings(pods []*corev1.Pod) string {
	found := map[ending]int{}
	for _, p := range pods {
		for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
			end := c.State.Terminated
			if end == nil {
				end = c.LastTerminationState.Terminated
			}
			if end != nil && end.ExitCode != 0 && p.DeletionTimestamp == nil {
				found[ending{c.Name, end.ExitCode, end.Reason}] += int(c.RestartCount)
			}
		}
	}
	type told struct {
		ending
		restarts int
	}
	all := make([]told, 0, len(found))
	for e, n := range found {
		all = append(all, told{e, n})
	}
	slices.SortFunc(all, func(a, b told) int {
		return cmp.Or(cmp.Compare(b.restarts, a.restarts), cmp.Compare(a.container, b.container), cmp.Compare(a.code, b.code), cmp.Compare(a.reason, b.reason))
	})
	words := make([]string, 0, maxEndings)
	for _, e := range all[:min(len(all), maxEndings)] {
		text := fmt.Sprintf("%s: exit %d", e.container, e.code)
		if e.reason != "" {
			text += " (" + e.reason + ")"
		}
		switch {
		case e.restarts == 1:
			text += ", 1 restart"
		case e.restarts > 1:
			text += fmt.Sprintf(", %d restarts", e.restarts)
		}
		words = append(words, text)
	}
	return safe(strings.Join(words, "; "))
}

// selects are the labels that a Service's selector asks for.
func (o *object) selects() map[string]string {
	var labels map[string]string
	if raw := at(o.raw, rollout.SelectorField); raw == nil || json.Unmarshal(raw, &labels) != nil {
		return nil
	}
	return labels
}
