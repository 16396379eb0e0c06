package rollout

import (
	"math/rand"
	"slices"
	"testing"
)

// driveSet is drive for kinds that replace Pods in place; it learns the new
// version's hash as the machine does.
func driveSet(t *testing.T, c *set, s *State, next func(*World) move, look func()) {
	t.Helper()
	for range 400 * (c.replicas + 3) {
		if c.rnd.Intn(3) > 0 && c.tick() {
			look()
			continue
		}
		w := c.world()
		if s.NewHash == "" && c.seen == "new" && c.observed == c.live.Generation {
			s.NewHash = "new"
		}
		switch at := next(w); {
		case at.write != nil:
			c.apply(at.write)
		case at.settled:
			return
		case at.waits == "":
			t.Fatalf("neither settled nor waiting: %+v", w.Workload)
		default:
			c.tick()
		}
		look()
	}
	t.Fatalf("did not settle: %+v\nwaits for %q", c.world().Workload, next(c.world()).waits)
}

func (c *set) count() (m Mix) {
	for _, p := range c.pods {
		if p.Hash == "new" {
			m.New++
		} else {
			m.Old++
		}
	}
	return m
}

func (c *set) checkEnd(want Mix, original Fields, template string) {
	c.t.Helper()
	for c.tick() {
	}
	if c.count() != want || c.ready() != want.Old+want.New {
		c.t.Fatalf("wanted %+v, got %+v", want, c.pods)
	}
	if !Same(c.live.Fields[UpdateStrategyField], original[UpdateStrategyField]) || string(c.live.Fields[TemplateField]) != template {
		c.t.Fatalf("fields %s", c.live.Fields)
	}
}

func TestSetsReplaceOneByOneAndArrive(t *testing.T) {
	strategies := map[string][]string{
		"StatefulSet": {`{"type":"RollingUpdate","rollingUpdate":{"partition":0}}`, `{"type":"OnDelete"}`, `{"type":"RollingUpdate"}`, `{"type":"RollingUpdate","rollingUpdate":{"partition":1,"maxUnavailable":3}}`},
		"DaemonSet":   {`{"type":"RollingUpdate","rollingUpdate":{"maxSurge":0,"maxUnavailable":1}}`, `{"type":"OnDelete"}`},
	}
	for kind, originals := range strategies {
		h, err := holdFor(kind)
		if err != nil {
			t.Fatal(err)
		}
		for seed := range int64(80) {
			rnd := rand.New(rand.NewSource(seed))
			n := 1 + rnd.Intn(12)
			c := newSet(t, rnd, kind, n, originals[rnd.Intn(len(originals))])
			s := c.state()
			look := func() {
				if c.ready() < n-1 {
					t.Fatalf("%s seed %d: %d of %d are ready: %+v", kind, seed, c.ready(), n, c.pods)
				}
			}
			steps := []Weight{Weight(1 + rnd.Intn(40)), Weight(41 + rnd.Intn(59)), All}
			stop := rnd.Intn(len(steps) + 1)
			for _, asked := range steps[:stop] {
				want := h.reach(n, 0, asked)
				driveSet(t, c, s, func(w *World) move { return h.toward(s, w, want) }, look)
				if got := c.count(); got != want || c.ready() != n {
					t.Fatalf("%s seed %d: asked %s, wanted %+v, got %+v", kind, seed, asked, want, got)
				}
			}
			if rnd.Intn(2) == 0 {
				driveSet(t, c, s, func(w *World) move { return h.release(s, w) }, look)
				c.checkEnd(Mix{New: n}, s.Workload().Original, newTemplate)
				continue
			}
			driveSet(t, c, s, func(w *World) move { return h.back(s, w) }, look)
			c.checkEnd(Mix{Old: n}, s.Workload().Original, oldTemplate)
		}
	}
}

// A new version that never becomes ready has taken one Pod, and gives it back.
func TestSetsGoBackFromABrokenVersion(t *testing.T) {
	for _, kind := range []string{"StatefulSet", "DaemonSet"} {
		h, err := holdFor(kind)
		if err != nil {
			t.Fatal(err)
		}
		for seed := range int64(50) {
			rnd := rand.New(rand.NewSource(seed))
			n := 1 + rnd.Intn(8)
			c := newSet(t, rnd, kind, n, `{"type":"RollingUpdate"}`)
			s := c.state()
			c.good["new"] = false
			for range 25 * n {
				at := h.toward(s, c.world(), Mix{New: n})
				if at.settled {
					t.Fatalf("%s: settled with %+v", kind, c.pods)
				}
				if at.write != nil {
					c.apply(at.write)
				}
				c.tick()
				if s.NewHash == "" && c.seen == "new" {
					s.NewHash = "new"
				}
				if c.count().New > 1 || c.ready() < n-1 {
					t.Fatalf("%s seed %d: more than one Pod was given to a broken version: %+v", kind, seed, c.pods)
				}
			}
			driveSet(t, c, s, func(w *World) move { return h.back(s, w) }, func() {
				if c.ready() < n-1 {
					t.Fatalf("%s seed %d: %+v", kind, seed, c.pods)
				}
			})
			c.checkEnd(Mix{Old: n}, s.Workload().Original, oldTemplate)
		}
	}
}

// Pods that were well and are not any more, anywhere among the new ones.
func TestSetsGoBackFromPodsThatBroke(t *testing.T) {
	for _, kind := range []string{"StatefulSet", "DaemonSet"} {
		h, err := holdFor(kind)
		if err != nil {
			t.Fatal(err)
		}
		for seed := range int64(50) {
			rnd := rand.New(rand.NewSource(seed))
			n := 2 + rnd.Intn(8)
			c := newSet(t, rnd, kind, n, `{"type":"RollingUpdate"}`)
			s := c.state()
			want := Mix{New: 1 + rnd.Intn(n)}
			want.Old = n - want.New
			driveSet(t, c, s, func(w *World) move { return h.toward(s, w, want) }, func() {})
			c.good["new"] = false
			for i := range c.pods {
				if c.pods[i].Hash == "new" && rnd.Intn(2) == 0 {
					c.pods[i].Ready = false
				}
			}
			driveSet(t, c, s, func(w *World) move { return h.back(s, w) }, func() {})
			c.checkEnd(Mix{Old: n}, s.Workload().Original, oldTemplate)
		}
	}
}

func TestSetsUnderAnAutoscaler(t *testing.T) {
	for _, kind := range []string{"StatefulSet", "DaemonSet"} {
		h, err := holdFor(kind)
		if err != nil {
			t.Fatal(err)
		}
		for seed := range int64(50) {
			rnd := rand.New(rand.NewSource(seed))
			c := newSet(t, rnd, kind, 1+rnd.Intn(8), `{"type":"OnDelete"}`)
			s, asked := c.state(), Weight(1+rnd.Intn(100))
			c.budget = 0
			changes := 1 + rnd.Intn(3)
			scale := func() {
				if changes > 0 && rnd.Intn(10) == 0 {
					changes--
					c.replicas = 1 + rnd.Intn(8)
					c.live.Generation++
					if kind == "DaemonSet" { // nodes left
						c.pods = slices.DeleteFunc(c.pods, func(p Pod) bool { return p.Ordinal-c.start >= c.replicas })
					}
				}
			}
			driveSet(t, c, s, func(w *World) move { return h.toward(s, w, h.reach(c.replicas, 0, asked)) }, scale)
			if got, want := c.count(), h.reach(c.replicas, 0, asked); got.New < want.New {
				t.Fatalf("%s seed %d: asked %s of %d: %+v", kind, seed, asked, c.replicas, got)
			}
			changes = 0
			driveSet(t, c, s, func(w *World) move { return h.back(s, w) }, scale)
			c.checkEnd(Mix{Old: c.replicas}, s.Workload().Original, oldTemplate)
		}
	}
}

func TestDaemonSetGoesByGroupThenNode(t *testing.T) {
	c := newSet(t, rand.New(rand.NewSource(1)), "DaemonSet", 5, `{"type":"OnDelete"}`)
	s := c.state()
	var order []string
	note := func(next func(*World) move) func(*World) move {
		return func(w *World) move {
			at := next(w)
			if at.write != nil && at.write.Delete {
				for _, p := range w.Workload.Pods {
					if p.UID == at.write.UID {
						order = append(order, p.Group+"/"+p.Node)
					}
				}
			}
			return at
		}
	}
	there := []string{"core/node-01", "core/node-03", "edge/node-00", "edge/node-02", "edge/node-04"}
	driveSet(t, c, s, note(func(w *World) move { return daemonSet{}.toward(s, w, Mix{New: 5}) }), func() {})
	if !slices.Equal(order, there) {
		t.Errorf("there by %v", order)
	}
	order = nil
	driveSet(t, c, s, note(func(w *World) move { return daemonSet{}.back(s, w) }), func() {})
	if slices.Reverse(there); !slices.Equal(order, there) {
		t.Errorf("back by %v", order)
	}
}

func TestSetsAskTheBudget(t *testing.T) {
	for _, kind := range []string{"StatefulSet", "DaemonSet"} {
		h, err := holdFor(kind)
		if err != nil {
			t.Fatal(err)
		}
		c := newSet(t, rand.New(rand.NewSource(1)), kind, 3, `{"type":"RollingUpdate"}`)
		s := c.state()
		c.budget = 3
		for range 100 {
			if at := h.toward(s, c.world(), Mix{1, 2}); at.write != nil {
				c.apply(at.write)
			}
			c.tick()
			if s.NewHash == "" && c.seen == "new" {
				s.NewHash = "new"
			}
		}
		if c.ready() != 3 || c.count().New != 0 {
			t.Errorf("%s: a Pod was taken in spite of the budget: %+v", kind, c.pods)
		}
		want{waits: "PodDisruptionBudget db asks for 3 healthy Pods and has 3"}.check(t, h.toward(s, c.world(), Mix{1, 2}))
	}
}

func TestSetsAndPodsThatAreNotReady(t *testing.T) {
	for name, test := range map[string]struct {
		kind   string
		broken int
		want   want
	}{
		"the controller would wait for it":    {"StatefulSet", 0, want{waits: "pod db-0 is not ready"}},
		"the very Pod that is next":           {"StatefulSet", 2, want{why: PurposeMove, waits: "pod db-2"}},
		"a node of its own trouble":           {"DaemonSet", 0, want{why: PurposeReplace, waits: "pod db-1"}},
		"the very node that is next of three": {"DaemonSet", 1, want{why: PurposeReplace, waits: "pod db-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := holdFor(test.kind)
			if err != nil {
				t.Fatal(err)
			}
			c := newSet(t, rand.New(rand.NewSource(1)), test.kind, 3, `{"type":"RollingUpdate"}`)
			for i := range c.pods {
				c.pods[i].Name, c.pods[i].Ordinal = []string{"db-0", "db-1", "db-2"}[i], i
			}
			c.start, c.budget = 0, 0
			s := c.state()
			c.apply(h.toward(s, c.world(), Mix{2, 1}).write)
			c.sync()
			s.NewHash = "new"
			c.pods[test.broken].Ready = false
			test.want.check(t, h.toward(s, c.world(), Mix{2, 1}))
		})
	}
}
