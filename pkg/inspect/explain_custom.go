package inspect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// condition is one of an object's conditions, with what it is a condition of.
type condition struct {
	of, kind, status, reason, message string
	since                             time.Time
	// updated is when reason and message were last written, where the kind says so: a Deployment does.
	updated time.Time
	// stale: it is about an older form of the object.
	stale bool
}

// settleTime is how long a Ready of False may be that of something on its way.
const settleTime = 10 * time.Minute

// custom explains an object of an add-on: by its conditions, as kstatus reads
// them (sigs.k8s.io/cli-utils, pkg/kstatus/status, generic.go), and by its
// references where its kind is known. Unlike kstatus, an object that says nothing
// of itself is not taken for healthy, and a Ready that stays False is unwell:
// kstatus calls both by the state that a deployment tool would wait for.
func (e explainer) custom(u *unstructured.Unstructured) told {
	kind, _ := snapshot.KindOf(u).Split()
	t := told{summary: e.text("custom", map[string]any{"kind": kind, "group": u.GroupVersionKind().Group, "name": u.GetName(), "conditions": len(conditionsOf(u)) > 0}), health: Unknown, status: e.text("no-conditions", nil)}
	e.byConditions(&t, u)
	switch snapshot.KindOf(u) {
	case "Gateway", "GatewayClass", "HTTPRoute", "GRPCRoute", "ReferenceGrant":
		e.gatewayKind(&t, u)
	case "VirtualService", "DestinationRule", "TrafficSplit", "TraefikService":
		e.meshKind(&t, u)
	case "Application", "Kustomization", "HelmRelease":
		e.deliveryKind(&t, u)
	case "VerticalPodAutoscaler":
		e.vertical(&t, u)
	}
	if suspended, _, _ := unstructured.NestedBool(u.Object, "spec", "suspend"); suspended {
		t.status = e.text("suspended", nil)
	}
	return t
}

func (e explainer) byConditions(t *told, u *unstructured.Unstructured) {
	all := conditionsOf(u)
	seen, said, _ := unstructured.NestedInt64(u.Object, "status", "observedGeneration")
	if said && u.GetGeneration() > 0 {
		ok := seen >= u.GetGeneration()
		t.rows = append(t.rows, e.compare("what-generation", nil, fmt.Sprint(u.GetGeneration()), fmt.Sprint(seen), ok))
		if !ok {
			t.health, t.status = Progressing, e.text("not-observed-yet", nil)
		}
	}
	for _, c := range all {
		good := "True"
		if adverse(c.kind) {
			good = "False"
		}
		ok := judged(c.status == good)
		if !adverse(c.kind) && !vital(c.kind) { // what it ought to be, its name does not tell
			good, ok = "", nil
		}
		if c.stale && vital(c.kind) {
			ok, t.health, t.status = nil, Progressing, e.text("not-observed-yet", nil)
		}
		observed := observedCondition(c.status, c.reason, c.message)
		if c.status == "True" && adverse(c.kind) && c.message != "" { // of good news the word is enough
			observed += ": " + c.message
		}
		t.rows = append(t.rows, named(strings.TrimSpace(c.of+" "+c.kind), good, observed, ok))
	}
	if len(all) == 0 {
		e.byPhase(t, u)
	}
	if t.health == Progressing || len(all) == 0 {
		return
	}
	t.health, t.status = e.judge(all)
}

// byPhase goes by the one word that kinds without conditions have for their state.
func (e explainer) byPhase(t *told, u *unstructured.Unstructured) {
	for _, field := range []string{"phase", "state"} {
		word := textIn(u.Object, "status", field)
		if word == "" {
			continue
		}
		observed := word
		if message := textIn(u.Object, "status", "message"); message != "" {
			observed += ": " + message
		}
		t.status = field + " " + word
		t.rows = append(t.rows, named("status."+field, "", observed, nil))
		switch word {
		case "Failed", "Error", "Degraded":
			t.health = Unwell
		case "Ready", "Running", "Active", "Available", "Healthy", "Bound", "Succeeded", "Completed":
			t.health = Healthy
		}
		return
	}
}

// adverse names the conditions that are good news when they are False.
func adverse(kind string) bool {
	switch kind {
	case "Stalled", "Reconciling", "Degraded", "Failed", "Progressing", "Conflicted", "Terminating", "OverlappingFilters", "PartiallyInvalid",
		"NoPodsMatched", "LowConfidence", "ConfigUnsupported", "FetchingHistory", "ComparisonError", "InvalidSpecError", "SyncError", "UnknownError":
		return true
	}
	return slices.ContainsFunc([]string{"Error", "Failed", "Failure", "Pressure", "Unavailable", "Degraded"}, func(end string) bool { return strings.HasSuffix(kind, end) })
}

// judge is the health that conditions tell together.
func (e explainer) judge(all []condition) (Health, string) {
	word := func(c condition) string {
		if c.reason != "" {
			return c.kind + "=" + c.status + " (" + c.reason + ")"
		}
		return c.kind + "=" + c.status
	}
	health, status := Healthy, word(all[0])
	if i := slices.IndexFunc(all, func(c condition) bool { return c.kind == "Ready" }); i >= 0 {
		status = word(all[i])
	}
	for _, c := range all {
		switch {
		case c.status == "True" && (c.kind == "Reconciling" || c.kind == "Progressing"):
			if health == Healthy {
				health, status = Progressing, word(c)
			}
		case adverse(c.kind) && c.status == "True":
			return Unwell, word(c)
		case !adverse(c.kind) && c.status == "False" && vital(c.kind):
			if !c.since.IsZero() && e.s.TakenAt.Sub(c.since) > settleTime {
				return Unwell, word(c)
			}
			health, status = Progressing, word(c)
		case c.status == "Unknown" && vital(c.kind) && health == Healthy:
			health, status = Progressing, word(c)
		}
	}
	return health, status
}

// vital names the conditions without which the object does not do its work.
func vital(kind string) bool {
	switch kind {
	case "Ready", "Available", "Accepted", "Programmed", "ResolvedRefs", "Established", "Healthy", "Synced", "Released", "RecommendationProvided":
		return true
	}
	return false
}

// conditionsOf gathers conditions, also those that a kind keeps for each parent or listener.
func conditionsOf(u *unstructured.Unstructured) []condition {
	out := readConditions(u, "", u.Object["status"])
	status, _ := u.Object["status"].(map[string]any)
	for _, p := range objectsIn(status["parents"]) {
		parent, _ := p["parentRef"].(map[string]any)
		out = append(out, readConditions(u, textIn(parent, "name"), p)...)
	}
	for _, l := range objectsIn(status["listeners"]) {
		out = append(out, readConditions(u, textIn(l, "name"), l)...)
	}
	return out
}

func readConditions(u *unstructured.Unstructured, of string, in any) []condition {
	m, _ := in.(map[string]any)
	var out []condition
	for _, c := range objectsIn(m["conditions"]) {
		got := condition{of: of, kind: textIn(c, "type"), status: textIn(c, "status"), reason: textIn(c, "reason"), message: textIn(c, "message")}
		if got.kind == "" {
			continue
		}
		got.stale = stale(u, c)
		if at, err := time.Parse(time.RFC3339, textIn(c, "lastTransitionTime")); err == nil {
			got.since = at
		}
		if at, err := time.Parse(time.RFC3339, textIn(c, "lastUpdateTime")); err == nil {
			got.updated = at
		}
		out = append(out, got)
	}
	return out
}

// objectsIn is a list of objects, without what is none.
func objectsIn(v any) []map[string]any {
	list, _ := v.([]any)
	var out []map[string]any
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// textIn is a field of an object as text, "" where there is none.
func textIn(m map[string]any, path ...string) string {
	v, _, err := unstructured.NestedFieldNoCopy(m, path...)
	if err != nil {
		return ""
	}
	switch v := v.(type) {
	case string:
		return v
	case int64, float64, bool:
		return fmt.Sprint(v)
	}
	return ""
}

// listIn is a list of text.
func listIn(m map[string]any, path ...string) []string {
	v, _, err := unstructured.NestedFieldNoCopy(m, path...)
	if err != nil {
		return nil
	}
	var out []string
	items, _ := v.([]any)
	for _, item := range items {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// below is the list of objects at a path.
func below(m map[string]any, path ...string) []map[string]any {
	v, _, err := unstructured.NestedFieldNoCopy(m, path...)
	if err != nil {
		return nil
	}
	return objectsIn(v)
}
