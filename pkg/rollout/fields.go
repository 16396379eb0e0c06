package rollout

import (
	"bytes"
	"encoding/json"
	"reflect"
	"sort"
)

// Mark is the label on every object that a rollout writes to, while it is under
// way. Its value is the token of the driver that leads; each write tests it, so
// that a driver that has lost its lead cannot write. It is a label because a
// Deployment's annotations are copied to its ReplicaSets and labels are not.
const Mark = "kubectl-msa.dev/rollout"

// Pointer is an RFC 6901 path to a field.
type Pointer string

// Fields that rollouts write.
const (
	TemplateField       Pointer = "/spec/template"
	MinReadyField       Pointer = "/spec/minReadySeconds"
	DeadlineField       Pointer = "/spec/progressDeadlineSeconds"
	StrategyField       Pointer = "/spec/strategy"
	UpdateStrategyField Pointer = "/spec/updateStrategy"
	SelectorField       Pointer = "/spec/selector"
	PausedField         Pointer = "/spec/paused"
	MarkField           Pointer = "/metadata/labels/kubectl-msa.dev~1rollout"
	revisionHashOfPods          = "controller-revision-hash"
	templateHashOfPods          = "pod-template-hash"
	noDeadline          int32   = 2147483647
)

// NeverAvailable is the minReadySeconds by which a Deployment is held at two
// versions: its new Pods never count as available. Nobody else writes it.
const NeverAvailable = 2147483646

// HashLabel is the label by which a workload's controller tells the Pods of its
// versions apart: ReplicaSets get pod-template-hash (pkg/controller/deployment),
// StatefulSets and DaemonSets label Pods with their ControllerRevision.
func HashLabel(kind string) string {
	if kind == "Deployment" {
		return templateHashOfPods
	}
	return revisionHashOfPods
}

// Fields are values by path. A field that is absent has no entry.
type Fields map[Pointer]json.RawMessage

// Change is one field's value before and after; nil where it is absent.
type Change struct {
	Path Pointer         `json:"path"`
	From json.RawMessage `json:"from,omitempty"`
	To   json.RawMessage `json:"to,omitempty"`
}

// Write is one request that changes the cluster: fields of one object together,
// or one Pod deleted so that its controller replaces it.
type Write struct {
	Object Ref `json:"object"`
	// UID, and Generation or Version, are preconditions; the machine fills them in.
	UID     string   `json:"uid"`
	Changes []Change `json:"changes,omitempty"`
	// Generation is the object's when the write was decided on; it must still be that. 0 where the kind has none.
	Generation int64 `json:"generation,omitempty"`
	// Version is the object's resourceVersion when the write was decided on, for kinds without a generation.
	Version string `json:"version,omitempty"`
	// Delete deletes the object, a Pod with this UID, instead.
	Delete bool `json:"delete,omitempty"`
	// Why says what the write is for, in a few words.
	Why Purpose `json:"why"`
}

// Purpose is what a write is for.
type Purpose string

// What writes are for.
const (
	PurposePin     Purpose = "pin"     // the Service serves the old version only
	PurposeStart   Purpose = "start"   // the new template, held
	PurposeMove    Purpose = "move"    // more of one version, less of the other
	PurposeFlip    Purpose = "flip"    // all traffic to the other version
	PurposeRelease Purpose = "release" // the hold ends, the new version stays
	PurposeBack    Purpose = "back"    // the old template
	PurposeRestore Purpose = "restore" // a field as it was
	PurposeReplace Purpose = "replace" // a Pod of the other version, for its controller to replace
	PurposeUnmark  Purpose = "unmark"  // the driver's mark
)

// difference lists what must change to bring have to want, in order of path.
// Paths that want does not name are left alone; a nil value wants the field absent.
func difference(have, want Fields) []Change {
	var changes []Change
	for path, to := range want {
		from := have[path]
		if !Same(from, to) {
			changes = append(changes, Change{Path: path, From: from, To: to})
		}
	}
	sort.Slice(changes, func(i, j int) bool { return changes[i].Path < changes[j].Path })
	return changes
}

// Same says whether two JSON values mean the same; nil is the absent field.
func Same(a, b json.RawMessage) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	if bytes.Equal(a, b) {
		return true
	}
	x, okX := decode(a)
	y, okY := decode(b)
	return okX && okY && reflect.DeepEqual(x, y)
}

func decode(raw json.RawMessage) (any, bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err == nil
}
