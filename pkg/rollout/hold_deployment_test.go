package rollout

import (
	"math/rand"
	"testing"
)

// drive lets a hold and the controllers act until the hold has settled, in an
// order that the seed decides, and looks after each act.
func drive(t *testing.T, c *shop, next func(*World) move, look func()) int {
	t.Helper()
	writes := 0
	for range 40 * (c.replicas + 10) * 4 {
		if c.rnd.Intn(3) > 0 && c.tick() {
			look()
			continue
		}
		w := c.world()
		at, again := next(w), next(w)
		if (at.write == nil) != (again.write == nil) || at.settled != again.settled {
			t.Fatalf("two answers to one question: %+v, %+v", at, again)
		}
		switch {
		case at.write != nil:
			c.apply(at.write)
			writes++
			look()
		case at.settled:
			return writes
		case at.waits == "":
			t.Fatalf("neither settled nor waiting: %+v", w)
		default:
			c.tick()
			look()
		}
	}
	t.Fatalf("did not settle: %+v; waits for %q", c.world(), next(c.world()).waits)
	return 0
}

// still lets the controllers come to rest.
func still(c *shop) {
	for c.tick() {
	}
}

func TestDeploymentCanaryKeepsReadyPodsAndArrives(t *testing.T) {
	for seed := range int64(150) {
		rnd := rand.New(rand.NewSource(seed))
		n := 1 + rnd.Intn(30)
		if seed%10 == 0 {
			n = 1 + rnd.Intn(250)
		}
		surge := 1 + rnd.Intn(n)
		s, c := deploymentState(Canary, surge, usualFields()), newShop(t, rnd, n, usualFields())
		look := func() {
			if r := c.readyPods(); r < n {
				t.Fatalf("seed %d: %d of %d Pods are ready: %+v", seed, r, n, c.world())
			}
		}
		bounded := func() {
			look()
			if total := c.total(); total > n+surge {
				t.Fatalf("seed %d: %d Pods where %d+%d are allowed", seed, total, n, surge)
			}
		}
		steps := []Weight{Weight(1 + rnd.Intn(40)), Weight(41 + rnd.Intn(59)), All}
		stop := rnd.Intn(len(steps) + 1)
		levels, err := Levels("Deployment", n, surge, steps)
		if err != nil {
			t.Fatal(err)
		}
		for i, asked := range steps[:stop] {
			want := deployment{}.reach(n, surge, asked)
			drive(t, c, func(w *World) move { return deployment{}.toward(s, w, want) }, bounded)
			still(c)
			if got := (Mix{c.world().Old.Ready, c.world().New.Ready}); got != levels[i] {
				t.Fatalf("seed %d: asked %s, wanted %+v, got %+v", seed, asked, levels[i], got)
			}
		}
		if rnd.Intn(2) == 0 {
			drive(t, c, func(w *World) move { return deployment{}.release(s, w) }, look)
			still(c)
			checkEnd(t, c, Mix{New: n}, newTemplate)
			continue
		}
		drive(t, c, func(w *World) move { return deployment{}.back(s, w) }, look)
		still(c)
		checkEnd(t, c, Mix{Old: n}, oldTemplate)
	}
}

// checkEnd wants one version only, and every field but the template as it was.
func checkEnd(t *testing.T, c *shop, want Mix, template string) {
	t.Helper()
	w := c.world()
	if w.Old.Ready != want.Old || w.New.Ready != want.New || w.Old.Wanted != want.Old || w.New.Wanted != want.New {
		t.Fatalf("wanted %+v, got old %+v, new %+v", want, w.Old, w.New)
	}
	fields := usualFields()
	fields[TemplateField] = []byte(template)
	if len(c.live.Fields) != len(fields) {
		t.Fatalf("fields %v", c.live.Fields)
	}
	for p, v := range fields {
		if !Same(c.live.Fields[p], v) {
			t.Fatalf("%s is %s, not %s", p, c.live.Fields[p], v)
		}
	}
}

func TestDeploymentCrashingVersionGoesBack(t *testing.T) {
	for seed := range int64(50) {
		rnd := rand.New(rand.NewSource(seed))
		n := 1 + rnd.Intn(20)
		s, c := deploymentState(Canary, 1+rnd.Intn(n), usualFields()), newShop(t, rnd, n, usualFields())
		c.good["new"] = false
		want := Mix{Old: 1, New: n}
		for range 20 * n {
			if at := (deployment{}).toward(s, c.world(), want); at.write != nil {
				c.apply(at.write)
			} else if at.settled {
				t.Fatalf("settled with Pods that never were ready: %+v", c.world())
			}
			c.tick()
			if r := c.readyPods(); r < n {
				t.Fatalf("seed %d: %d of %d ready", seed, r, n)
			}
		}
		drive(t, c, func(w *World) move { return deployment{}.back(s, w) }, func() {
			if r := c.readyPods(); r < n {
				t.Fatalf("seed %d: %d of %d ready on the way back", seed, r, n)
			}
		})
		checkEnd(t, c, Mix{Old: n}, oldTemplate)
	}
}

func TestDeploymentBlueGreen(t *testing.T) {
	for seed := range int64(50) {
		rnd := rand.New(rand.NewSource(seed))
		n := 1 + rnd.Intn(40)
		s, c := deploymentState(BlueGreen, 1, usualFields()), newShop(t, rnd, n, usualFields())
		whole := func() {
			if w := c.world(); w.Old.Ready < n {
				t.Fatalf("seed %d: the old version fell to %d of %d", seed, w.Old.Ready, n)
			}
		}
		writes := drive(t, c, func(w *World) move { return deployment{}.toward(s, w, Mix{n, n}) }, whole)
		if w := c.world(); writes != 1 || w.New.Ready != n {
			t.Fatalf("seed %d: %d writes, new %+v", seed, writes, w.New)
		}
		if n = 1 + rnd.Intn(40); n != c.replicas { // an autoscaler while the old version is kept
			c.scaleTo(n)
			drive(t, c, func(w *World) move { return deployment{}.toward(s, w, Mix{n, n}) }, func() {})
			still(c)
			if w := c.world(); w.Old.Ready != n || w.New.Ready != n {
				t.Fatalf("seed %d: scaled to %d, got old %+v, new %+v", seed, n, w.Old, w.New)
			}
		}
		if seed%2 == 0 {
			drive(t, c, func(w *World) move { return deployment{}.release(s, w) }, func() {
				if w := c.world(); w.New.Ready < n {
					t.Fatalf("seed %d: the new version fell to %d of %d", seed, w.New.Ready, n)
				}
			})
			checkEnd(t, c, Mix{New: n}, newTemplate)
			continue
		}
		writes = drive(t, c, func(w *World) move { return deployment{}.back(s, w) }, whole)
		if writes != 2 {
			t.Fatalf("seed %d: going back took %d writes", seed, writes)
		}
		checkEnd(t, c, Mix{Old: n}, oldTemplate)
	}
}
