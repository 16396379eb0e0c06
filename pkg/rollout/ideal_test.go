package rollout

import (
	"errors"
	"maps"
	"slices"
	"testing"
)

// follow makes every write that a hold asks for, and lists what came of each.
func followIdeal(t *testing.T, i *Ideal, next func(*World) move) (mixes []Mix, why []Purpose) {
	t.Helper()
	for range 1000 {
		w := i.World()
		at := next(w)
		if at.write == nil {
			if !at.settled {
				t.Fatalf("waits for %q where nothing is to be waited for", at.waits)
			}
			return mixes, why
		}
		if err := i.Apply(*at.write); err != nil {
			t.Fatal(err)
		}
		w = i.World()
		mixes, why = append(mixes, Mix{w.Old.Ready, w.New.Ready}), append(why, at.write.Why)
	}
	t.Fatal("no end")
	return nil, nil
}

func TestIdealDeployment(t *testing.T) {
	s := deploymentState(Canary, 3, usualFields())
	s.Replicas, s.NewHash = 10, ""
	i := NewIdeal(s)
	if w := i.World(); w.Old.Wanted != 10 || w.Old.Replicas != 10 || w.Old.Available != 10 || w.New.Ready != 0 || w.Workload.UpdateHash != "old" {
		t.Fatalf("begins with %+v", w)
	}
	half := Mix{5, 5}
	mixes, why := followIdeal(t, i, func(w *World) move { return deployment{}.toward(s, w, half) })
	if path := Path(10, 3, Mix{Old: 10}, half); !slices.Equal(mixes, path) || len(path) != 3 {
		t.Errorf("went by %v, the path is %v", mixes, path)
	}
	if why[0] != PurposeStart || why[1] != PurposeMove {
		t.Errorf("for %v", why)
	}
	if hash := i.World().Workload.UpdateHash; hash == "" || hash == "old" {
		t.Errorf("the new version is called %q", hash)
	}
	mixes, why = followIdeal(t, i, func(w *World) move { return deployment{}.back(s, w) })
	if !slices.Equal(mixes, []Mix{{10, 0}, {10, 0}}) || !slices.Equal(why, []Purpose{PurposeBack, PurposeRestore}) {
		t.Errorf("back by %v for %v", mixes, why)
	}
	if live := i.World().Live[deploymentRef].Fields; !maps.EqualFunc(live, usualFields(), Same) {
		t.Errorf("ends with %s", live)
	}

	blue := deploymentState(BlueGreen, 1, usualFields())
	blue.Replicas = 10
	i = NewIdeal(blue)
	mixes, _ = followIdeal(t, i, func(w *World) move { return deployment{}.toward(blue, w, Mix{10, 10}) })
	if !slices.Equal(mixes, []Mix{{10, 10}}) {
		t.Errorf("blue-green by %v", mixes)
	}
	mixes, why = followIdeal(t, i, func(w *World) move { return deployment{}.release(blue, w) })
	if !slices.Equal(mixes, []Mix{{0, 10}}) || !slices.Equal(why, []Purpose{PurposeRelease}) {
		t.Errorf("released by %v for %v", mixes, why)
	}
}

func TestIdealSets(t *testing.T) {
	for kind, want := range map[string][]Mix{
		"StatefulSet": {{3, 0}, {2, 1}, {1, 2}, {0, 3}},
		"DaemonSet":   {{3, 0}, {2, 1}, {1, 2}, {0, 3}},
	} {
		h, err := holdFor(kind)
		if err != nil {
			t.Fatal(err)
		}
		ref := Ref{Kind: kind, Namespace: "shop", Name: "db"}
		original := Fields{TemplateField: []byte(oldTemplate), UpdateStrategyField: []byte(`{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":1}}`)}
		s := &State{Spec: Spec{Workload: ref, Strategy: Canary}, OldHash: "old", NewHash: "new", Template: []byte(newTemplate), Replicas: 3,
			Managed: []Managed{{Ref: ref, UID: "u", Original: original}}}
		i := NewIdeal(s)
		i.Meet(&World{Workload: &Workload{Replicas: 3, Start: 7, Pods: []Pod{
			{Name: "db-7", UID: "x", Hash: "old", Ordinal: 7, Node: "a"}, {Name: "db-8", UID: "y", Hash: "old", Ordinal: 8, Node: "b"},
			{Name: "db-9", UID: "z", Hash: "old", Ordinal: 9, Node: "c", Ready: true}, {Name: "db-9", UID: "gone", Ordinal: 9, Deleting: true}}}})
		mixes, _ := followIdeal(t, i, func(w *World) move { return h.toward(s, w, Mix{New: 3}) })
		if !slices.Equal(mixes, want) {
			t.Errorf("%s by %v", kind, mixes)
		}
		_, why := followIdeal(t, i, func(w *World) move { return h.release(s, w) })
		if !slices.Equal(why, []Purpose{PurposeRelease}) {
			t.Errorf("%s released for %v", kind, why)
		}
		if i.live[ref].Fields[UpdateStrategyField] == nil || !Same(i.live[ref].Fields[UpdateStrategyField], original[UpdateStrategyField]) {
			t.Errorf("%s ends with %s", kind, i.live[ref].Fields)
		}
	}
}

func TestIdealServicesFollowTheirSelector(t *testing.T) {
	s := deploymentState(Canary, 1, usualFields())
	s.Replicas = 4
	web := Ref{Kind: "Service", Namespace: "shop", Name: "web"}
	s.Managed = append(s.Managed, Managed{Ref: web, UID: "s", Paths: []Pointer{SelectorField}, Original: Fields{SelectorField: []byte(`{"app":"web"}`)}})
	i := NewIdeal(s, ServiceView{Name: "web"}, ServiceView{Name: "other", Selects: map[string]string{"pod-template-hash": "new"}})
	followIdeal(t, i, func(w *World) move { return deployment{}.toward(s, w, Mix{3, 1}) })
	ready := func() map[string]int { return i.World().Services[0].Ready }
	if got := ready(); !maps.Equal(got, map[string]int{"old": 3, "new": 1}) {
		t.Errorf("a plain selector serves %v", got)
	}
	if got := i.World().Services[1].Ready; !maps.Equal(got, map[string]int{"new": 1}) {
		t.Errorf("one that is not written to serves %v", got)
	}
	flip := Write{Object: web, UID: "s", Version: "0", Changes: []Change{{Path: SelectorField,
		From: []byte(`{"app":"web"}`), To: []byte(`{"app":"web","pod-template-hash":"old"}`)}}}
	if err := i.Apply(flip); err != nil {
		t.Fatal(err)
	}
	if got := ready(); !maps.Equal(got, map[string]int{"old": 3}) {
		t.Errorf("a pinned one serves %v", got)
	}
	if err := i.Apply(flip); !errors.As(err, new(*ConflictError)) {
		t.Errorf("the same write again: %v", err)
	}
}

func TestIdealRefusesWhatDoesNotHold(t *testing.T) {
	s := deploymentState(Canary, 1, usualFields())
	s.Replicas = 4
	good := Write{Object: deploymentRef, UID: "u", Generation: 1, Changes: []Change{{Path: DeadlineField, From: []byte("600"), To: []byte("601")}}}
	for name, spoil := range map[string]func(w *Write){
		"uid":          func(w *Write) { w.UID = "v" },
		"generation":   func(w *Write) { w.Generation = 2 },
		"version":      func(w *Write) { w.Version = "7" },
		"value":        func(w *Write) { w.Changes = []Change{{Path: DeadlineField, From: []byte("599"), To: []byte("601")}} },
		"absence":      func(w *Write) { w.Changes = []Change{{Path: DeadlineField, To: []byte("601")}} },
		"object":       func(w *Write) { w.Object.Name = "other" },
		"pod":          func(w *Write) { w.Delete = true },
		"someone else": func(w *Write) { w.Changes = []Change{{Path: MarkField, From: []byte(`"who"`)}} },
	} {
		i, w := NewIdeal(s), good
		spoil(&w)
		if err := i.Apply(w); !errors.As(err, new(*ConflictError)) {
			t.Errorf("%s: %v", name, err)
		}
		if err := i.Apply(good); err != nil {
			t.Errorf("%s: the good write after the refused one: %v", name, err)
		}
	}
	i := NewIdeal(s)
	if live := i.World().Live[deploymentRef]; !live.Marked {
		t.Fatal("the ideal cluster begins with marks")
	} else if err := i.Apply(Write{Object: deploymentRef, UID: "u", Generation: 1, Changes: []Change{{Path: MarkField, From: rawJSON(live.Token)}}}); err != nil {
		t.Fatal(err)
	}
	if i.World().Live[deploymentRef].Marked {
		t.Error("the mark is still there")
	}
}
