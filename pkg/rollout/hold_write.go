package rollout

import (
	"encoding/json"
	"fmt"
)

// edit is the write that brings the workload's live fields to those wanted; nil where they are there.
func edit(s *State, w *World, want Fields, why Purpose) *Write {
	live := w.Live[s.Spec.Workload]
	changes := difference(live.Fields, want)
	if len(changes) == 0 {
		return nil
	}
	return &Write{Object: s.Spec.Workload, UID: live.UID, Generation: live.Generation, Changes: changes, Why: why}
}

// replace deletes a Pod, so that its controller makes another in its place.
func replace(s *State, p Pod) *Write {
	pod := Ref{Kind: "Pod", Namespace: s.Spec.Workload.Namespace, Name: p.Name}
	return &Write{Object: pod, UID: p.UID, Delete: true, Why: PurposeReplace}
}

// inForce says that the new template is the workload's.
func inForce(s *State, w *World) bool {
	return Same(w.Live[s.Spec.Workload].Fields[TemplateField], s.Template)
}

// before are the named fields as they were; an absent one is wanted absent.
func before(s *State, paths ...Pointer) Fields {
	original := s.Workload().Original
	fields := make(Fields, len(paths))
	for _, path := range paths {
		fields[path] = original[path]
	}
	return fields
}

// blind says why nothing can be decided from what is seen: a controller that
// has not seen the last write shows counts from before it. Empty where it has.
func blind(w *World) string {
	switch {
	case w.Workload == nil:
		return "the workload does not exist any more"
	case w.Workload.Deleting:
		return "the workload is being deleted"
	case w.Workload.Paused:
		return "the workload is paused: its controller does not move Pods"
	case w.Workload.Observed < w.Workload.Generation:
		return "the controller has not seen the last write yet"
	}
	return ""
}

// spare is how many ready Pods the budgets let us take away now, and the budget
// that says so. A controller that scales down never asks the budgets (only
// evictions do), so that it is ours to ask.
func spare(w *World) (pods int, budget string) {
	pods = -1
	for _, b := range w.Budgets {
		if n := max(0, b.CurrentHealthy-b.DesiredHealthy); pods < 0 || n < pods {
			pods = n
			budget = fmt.Sprintf("PodDisruptionBudget %s asks for %d healthy Pods and has %d", b.Name, b.DesiredHealthy, b.CurrentHealthy)
		}
	}
	if pods < 0 {
		return maxPods, ""
	}
	return pods, budget
}

// patient says that a way back may wait yet for Pods of the old version. Some of
// them may be broken for reasons of their own, and nothing that the new version
// leaves behind should stay for their sake: after half of the time that a step
// may take without progress, they are not waited for.
func patient(s *State) bool { return s.Spec.Timeout <= 0 || s.Spent <= s.Spec.Timeout/2 }

// maxPods is more Pods than any workload has.
const maxPods = 1 << 30

// ofPods reads "2 of 3 new Pods are ready".
func ofPods(n, all int, version, state string) string {
	return fmt.Sprintf("%d of %d %s Pods are %s", n, all, version, state)
}

// rawJSON writes values made of maps, texts and whole numbers, which always are JSON.
func rawJSON(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return raw
}
