package rollout

import "fmt"

// hold is how one kind of workload keeps two versions side by side. All of it is
// pure: from what is written down and what is seen to the next write.
type hold interface {
	// paths are the workload's fields that it writes.
	paths() []Pointer
	// reach is the mix nearest to the asked share: never fewer Pods than n where the kind can surge, never more than n+surge.
	reach(n, surge int, asked Weight) Mix
	// toward goes to a mix, with the new template in force.
	toward(s *State, w *World, want Mix) move
	// release ends the hold with the new version in place.
	release(s *State, w *World) move
	// back puts the old version in place, and then every field as it was.
	back(s *State, w *World) move
}

// move is where a workload stands on its way: there, or with a write to make, or waiting.
type move struct {
	write   *Write
	settled bool
	// waits is what it waits for, for people: "2 of 3 new Pods are ready".
	waits string
}

func holdFor(kind string) (hold, error) {
	switch kind {
	case "Deployment":
		return deployment{}, nil
	case "StatefulSet":
		return statefulSet{}, nil
	case "DaemonSet":
		return daemonSet{}, nil
	}
	return nil, fmt.Errorf("a %s cannot hold two versions: use a Deployment, StatefulSet or DaemonSet", kind)
}
