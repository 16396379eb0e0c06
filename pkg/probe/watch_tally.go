package probe

import (
	"maps"
	"slices"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

// Tally is what happened to one pod while it was watched.
type Tally struct {
	Pod string `json:"pod"`
	// Failures are failed runs by probe; the kubelet does not tell of every one.
	Failures map[Type]int `json:"failures"`
	Kills    int          `json:"kills"`
	Restarts int          `json:"restarts"`
	// TimesUnready and TimesOut say how often it turned unready, and left a Service.
	TimesUnready int `json:"timesUnready"`
	TimesOut     int `json:"timesOutOfService"`
	// LongestOutSeconds is the longest time that it was seen to be out of a Service and back in.
	LongestOutSeconds float64 `json:"longestOutSeconds"`
}

// count adds a moment to its pod's tally.
func (w *Watcher) count(m Moment) {
	if m.Pod == "" {
		return
	}
	t := w.tally[m.Pod]
	if t == nil {
		t = &Tally{Pod: m.Pod, Failures: map[Type]int{}}
		w.tally[m.Pod] = t
	}
	switch m.Event {
	case ProbeFailed:
		t.Failures[m.Probe] += m.Times
	case ContainerKilled:
		t.Kills++
	case ContainerRestarted:
		t.Restarts++
	case BecameUnfit:
		t.TimesUnready++
	case OutOfService:
		t.TimesOut++
	case InService:
		for _, s := range m.Since {
			if s.Event == OutOfService {
				t.LongestOutSeconds = max(t.LongestOutSeconds, s.Seconds)
			}
		}
	default: // the rest happens to every pod, or is about the watch
	}
}

// WatchSummary is what was seen in all.
type WatchSummary struct {
	Event   string  `json:"event"`
	Target  string  `json:"target"`
	Seconds float64 `json:"seconds"`
	// Pods are those to which something happened.
	Pods []Tally `json:"pods"`
	// Silences counts how often nothing was heard for a while.
	Silences int `json:"silences"`
}

// Summary is what was seen until now.
func (w *Watcher) Summary(now time.Time) WatchSummary {
	out := WatchSummary{Event: "summary", Target: w.target.String(), Seconds: now.Sub(w.began).Seconds(), Pods: []Tally{}, Silences: (w.gap + 1) / 2}
	for _, name := range slices.Sorted(maps.Keys(w.tally)) {
		out.Pods = append(out.Pods, *w.tally[name])
	}
	return out
}

// WatchedPod is a pod as it is now.
type WatchedPod struct {
	Pod   string
	Ready bool
	// Since is when readiness changed, as the API server says it.
	Since time.Time
	// In are the Services that hand it out.
	In       []string
	Restarts int
	Failures int
	Deleting bool
}

// WatchView is all pods as they are now, those first to which something happens.
type WatchView struct {
	Target   finding.Ref
	Services []string
	Pods     []WatchedPod
	Began    time.Time
}

// View is how things are now.
func (w *Watcher) View() WatchView {
	v := WatchView{Target: w.target, Services: w.services, Began: w.began}
	for _, name := range slices.Sorted(maps.Keys(w.pods)) {
		p := w.pods[name]
		if p.pod == nil {
			continue
		}
		one := WatchedPod{Pod: name, Ready: p.ready, In: slices.Sorted(maps.Keys(p.in)), Deleting: p.pod.DeletionTimestamp != nil}
		if c := condition(p.pod, "Ready"); c != nil {
			one.Since = c.LastTransitionTime.Time
		}
		for _, c := range containers(&p.pod.Spec) {
			status, _ := c.status(p.pod)
			one.Restarts += int(status.RestartCount)
		}
		if t := w.tally[name]; t != nil {
			for _, n := range t.Failures {
				one.Failures += n
			}
		}
		v.Pods = append(v.Pods, one)
	}
	slices.SortStableFunc(v.Pods, func(a, b WatchedPod) int { return rank(a) - rank(b) })
	return v
}

func rank(p WatchedPod) int {
	switch {
	case !p.Ready:
		return 0
	case p.Failures > 0:
		return 1
	}
	return 2
}
