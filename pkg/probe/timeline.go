package probe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
)

// Timeline is the life of one container as its probes make it.
type Timeline struct {
	Pod       string `json:"pod"`
	Namespace string `json:"namespace"`
	Container string `json:"container"`
	Bars      []Bar  `json:"bars"`
}

// Story is which life a bar is of. Each counts its seconds from a moment of its own.
type Story string

// Up is a container that answers from its first moment; Never is one that never
// passes. Both count from the container's start. Fails is one that was ready,
// counted from the moment at which its checks begin to fail.
const (
	Up    Story = "up"
	Never Story = "never"
	Fails Story = "fails"
)

// Phase is what a bar shows.
type Phase string

// The phases. Untouched is that no probe has ended the container yet.
const (
	Untouched  Phase = "starting"
	NotReady   Phase = "not-ready"
	InTraffic  Phase = "in-traffic"
	Undecided  Phase = "running"
	Stopping   Phase = "stopping"
	BackingOff Phase = "back-off"
)

// Bar is one phase: it begins somewhere in Begins and ends somewhere in Ends.
// In between it lasts for certain. Back-off is the longest that repetition leads to.
type Bar struct {
	Story  Story `json:"story"`
	Phase  Phase `json:"phase"`
	Begins Span  `json:"begins"`
	Ends   Span  `json:"ends"`
}

// ContainerError says that a timeline needs one container, and which there are.
type ContainerError struct {
	Asked      string
	Containers []finding.Ref
}

func (e *ContainerError) Error() string {
	names := make([]string, len(e.Containers))
	for i, c := range e.Containers {
		names[i] = c.String() + " " + c.Container
	}
	if e.Asked != "" {
		return fmt.Sprintf("no container %q with probes; there are: %s", e.Asked, strings.Join(names, ", "))
	}
	return "name one container: " + strings.Join(names, ", ")
}

// timeline draws the one container that has probes and this name ("" for any).
func (v *view) timeline(name string) (*Timeline, error) {
	var found []*Timeline
	e := &ContainerError{Asked: name, Containers: []finding.Ref{}}
	for _, sub := range v.subjects {
		for _, c := range sub.containers() {
			if !slices.ContainsFunc(Types(), c.has) {
				continue
			}
			e.Containers = append(e.Containers, c.of(sub.read))
			if name == "" || c.spec.Name == name {
				found = append(found, &Timeline{Pod: sub.read.String(), Namespace: sub.ref.Namespace, Container: c.spec.Name, Bars: bars(sub, c)})
			}
		}
	}
	if len(found) != 1 {
		if len(found) > 1 {
			e.Asked = ""
		}
		return nil, e
	}
	return found[0], nil
}

// bars tells the three stories, as far as the container's probes have a part in
// them. One whose port does not resolve never decides anything: by a startup or a
// readiness probe of that kind the container never becomes ready at all.
func bars(sub *subject, c container) []Bar {
	out := []Bar{}
	becomesReady := c.resolves(Startup) && c.resolves(Readiness)
	if ready, ok := c.ready(); ok && becomesReady {
		out = append(out, Bar{Up, NotReady, Span{}, ready})
	}
	if budget, ok := c.budget(); ok {
		out = append(out, Bar{Never, Untouched, Span{}, budget})
		out = append(out, ending(sub, c, Never, budget)...)
	}
	if becomesReady && (c.has(Readiness) || c.decides(Liveness)) {
		out = append(out, failureBars(sub, c)...)
	}
	return out
}

// ready is when a container that answers from its first moment gets traffic.
func (c container) ready() (Span, bool) {
	var out Span
	if c.has(Startup) {
		v := c.values(Startup)
		out = v.Passing().after(v.InitialDelaySeconds)
	}
	if c.has(Readiness) {
		v := c.values(Readiness)
		begins := Span{max(out.Earliest, v.InitialDelaySeconds), max(out.Latest, v.InitialDelaySeconds)}
		out = begins.plus(v.Passing())
	}
	return out, c.has(Startup) || c.has(Readiness)
}

func failureBars(sub *subject, c container) []Bar {
	var out []Bar
	leave := Span{forever, forever}
	if c.has(Readiness) {
		leave = c.values(Readiness).Failing()
	}
	if !c.decides(Liveness) {
		return []Bar{{Fails, InTraffic, Span{}, leave}}
	}
	v := c.values(Liveness)
	act := v.Failing()
	gone := act.plus(stopping(v.grace(sub.spec), PreStop(c.spec)))
	// A container that is gone gets no traffic, whatever its readiness said.
	out = append(out,
		Bar{Fails, InTraffic, Span{}, Span{min(leave.Earliest, gone.Earliest), min(leave.Latest, gone.Latest)}},
		Bar{Fails, Undecided, Span{}, act})
	return append(out, ending(sub, c, Fails, act)...)
}

// ending is what follows when a probe ends the container.
func ending(sub *subject, c container, story Story, act Span) []Bar {
	t := Liveness
	if story == Never && c.has(Startup) {
		t = Startup
	}
	v := c.values(t)
	stop := stopping(v.grace(sub.spec), PreStop(c.spec))
	gone := act.plus(stop)
	out := []Bar{{story, Stopping, act, gone}}
	longest, _ := worstBackoff(v.FromStart().Earliest + stop.Earliest)
	if longest > 0 && c.restarts(sub.spec) {
		out = append(out, Bar{story, BackingOff, gone, gone.after(longest)})
	}
	return out
}
