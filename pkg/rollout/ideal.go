package rollout

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Ideal is a cluster in which every write takes effect, every Pod becomes ready
// and every controller comes to rest at once. A plan lists its writes by it.
type Ideal struct {
	spec             Spec
	oldHash, newHash string
	template         json.RawMessage
	live             map[Ref]Live
	replicas, start  int
	mix              Mix   // a Deployment's
	pods             []Pod // those of the other kinds
	services         []ServiceView
	writes           int
}

// NewIdeal begins where the state stands: with the fields as last written, or as
// they were where nothing was; all Pods are of the old version. The services
// are those whose endpoints the rollout looks at.
func NewIdeal(s *State, services ...ServiceView) *Ideal {
	i := &Ideal{
		spec: s.Spec, oldHash: s.OldHash, newHash: s.NewHash, template: s.Template,
		live: make(map[Ref]Live), replicas: s.Replicas, mix: Mix{Old: s.Replicas}, services: slices.Clone(services),
	}
	if i.newHash == "" {
		i.newHash = i.oldHash + "-next"
	}
	for _, o := range s.Managed {
		fields := maps.Clone(o.Current)
		if len(fields) == 0 {
			fields = maps.Clone(o.Original)
		}
		if fields == nil {
			fields = Fields{}
		}
		live := Live{UID: o.UID, Token: "ideal", Marked: true, Fields: fields}
		if o.Ref.Kind == "Service" {
			live.Version = "0"
		} else {
			live.Generation = 1
		}
		i.live[o.Ref] = live
	}
	for n := range s.Replicas {
		name := fmt.Sprintf("%s-%d", s.Spec.Workload.Name, n)
		i.pods = append(i.pods, Pod{Name: name, UID: name, Hash: i.oldHash, Node: fmt.Sprintf("node-%03d", n), Ordinal: n, Ready: true})
	}
	i.settle()
	return i
}

// Meet takes over what was really seen of the workload: its replicas and its
// Pods, so that writes name Pods and nodes that there are.
func (i *Ideal) Meet(w *World) {
	if w.Workload == nil {
		return
	}
	i.replicas, i.start, i.mix = w.Workload.Replicas, w.Workload.Start, Mix{Old: w.Workload.Replicas}
	i.pods = slices.DeleteFunc(slices.Clone(w.Workload.Pods), func(p Pod) bool { return p.Deleting })
	for n := range i.pods {
		i.pods[n].Ready = true
	}
	i.settle()
}

// World is the ideal cluster as a driver would see it.
func (i *Ideal) World() *World {
	live := i.live[i.spec.Workload]
	w := &World{
		Workload: &Workload{
			Generation: live.Generation, Observed: live.Generation, Replicas: i.replicas,
			Start: i.start, UpdateHash: i.inForce(), Pods: slices.Clone(i.pods),
		},
		Live: make(map[Ref]Live, len(i.live)),
	}
	for r, l := range i.live {
		l.Fields = maps.Clone(l.Fields)
		w.Live[r] = l
	}
	mix := i.counts()
	w.Old, w.New = all(i.oldHash, 1, mix.Old), all(i.newHash, 2, mix.New)
	for _, view := range i.services {
		w.Services = append(w.Services, i.serve(view, mix))
	}
	return w
}

// Apply makes a write under its preconditions. One that does not hold is a *ConflictError.
func (i *Ideal) Apply(w Write) error {
	if w.Delete {
		return i.replace(w)
	}
	live, ok := i.live[w.Object]
	conflict := func(format string, args ...any) error {
		return &ConflictError{Object: w.Object, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case !ok:
		return conflict("is not managed")
	case w.UID != live.UID:
		return conflict("the uid is %q, not %q", live.UID, w.UID)
	case w.Generation != live.Generation || w.Version != live.Version:
		return conflict("the generation is %d%s, not %d%s", live.Generation, live.Version, w.Generation, w.Version)
	}
	fields := maps.Clone(live.Fields)
	for _, c := range w.Changes {
		have := fields[c.Path]
		if c.Path == MarkField && live.Marked {
			have = rawJSON(live.Token)
		}
		if !Same(have, c.From) {
			return conflict("%s is %s, not %s", c.Path, have, c.From)
		}
		switch {
		case c.Path == MarkField:
			live.Marked = false
			live.Token = ""
			if len(c.To) > 0 {
				live.Marked = json.Unmarshal(c.To, &live.Token) == nil
			}
		case len(c.To) == 0:
			delete(fields, c.Path)
		default:
			fields[c.Path] = c.To
		}
	}
	i.writes++
	live.Fields = fields
	if live.Generation > 0 {
		live.Generation++
	} else {
		live.Version = strconv.Itoa(i.writes)
	}
	i.live[w.Object] = live
	i.settle()
	return nil
}

// replace deletes a Pod; its successor is of the template in force.
func (i *Ideal) replace(w Write) error {
	for n, p := range i.pods {
		if p.Name == w.Object.Name && p.UID == w.UID {
			i.writes++
			i.pods[n].Hash, i.pods[n].UID = i.inForce(), fmt.Sprintf("%s+%d", p.UID, i.writes)
			return nil
		}
	}
	return &ConflictError{Object: w.Object, Message: "there is no Pod of this name and uid"}
}

// inForce is the version of the workload's template.
func (i *Ideal) inForce() string {
	if Same(i.live[i.spec.Workload].Fields[TemplateField], i.template) {
		return i.newHash
	}
	return i.oldHash
}

// settle brings the controller to rest.
func (i *Ideal) settle() {
	seen := &State{Spec: i.spec, Template: i.template}
	w := &World{Live: i.live, Old: Version{Wanted: i.mix.Old}, New: Version{Wanted: i.mix.New}}
	switch i.spec.Workload.Kind {
	case "Deployment":
		switch {
		case i.inForce() == i.oldHash:
			i.mix = Mix{Old: i.replicas}
		case isHeld(seen, w):
			i.mix = restOf(seen, w, i.replicas)
		default:
			i.mix = Mix{New: i.replicas}
		}
	case "StatefulSet":
		partition, rolls := partitionOf(seen, w)
		for n, p := range i.pods {
			if rolls && p.Ordinal-i.start >= partition {
				i.pods[n].Hash = i.inForce()
			}
		}
	case "DaemonSet":
		for n := range i.pods {
			if !onDelete(seen, w) {
				i.pods[n].Hash = i.inForce()
			}
		}
	}
}

func (i *Ideal) counts() Mix {
	if i.spec.Workload.Kind == "Deployment" {
		return i.mix
	}
	var m Mix
	for _, p := range i.pods {
		if p.Hash == i.newHash {
			m.New++
		} else {
			m.Old++
		}
	}
	return m
}

// serve gives a Service the endpoints that its selector, as last written, picks.
func (i *Ideal) serve(view ServiceView, mix Mix) ServiceView {
	ref := Ref{Kind: "Service", Namespace: i.spec.Workload.Namespace, Name: view.Name}
	if raw, ok := i.live[ref].Fields[SelectorField]; ok {
		view.Selects = map[string]string{}
		if json.Unmarshal(raw, &view.Selects) != nil {
			view.Selects = nil
		}
	}
	view.Ready = map[string]int{}
	for hash, n := range map[string]int{i.oldHash: mix.Old, i.newHash: mix.New} {
		pinned := ""
		for _, label := range []string{templateHashOfPods, revisionHashOfPods} {
			pinned += view.Selects[label]
		}
		if n > 0 && (pinned == "" || pinned == hash) {
			view.Ready[hash] = n
		}
	}
	return view
}

func all(hash string, revision int64, n int) Version {
	return Version{Hash: hash, Revision: revision, Wanted: n, Replicas: n, Ready: n, Available: n}
}
