package render

import (
	"slices"

	"github.com/kubectl-msa/kubectl-msa/pkg/inspect/calls"
)

// Sizes of the picture, in pixels.
const (
	boxHeight = 46
	boxGap    = 22
	layerGap  = 110
	letter    = 8 // of the 13 px font, per column
	border    = 24
)

// box is where a node is drawn.
type box struct{ x, y, w, h int }

// plan is where everything is drawn.
type drawing struct {
	boxes         []box
	width, height int
}

// arrange puts callers to the left of those they call, layer by layer (Sugiyama):
// arrows that close a circle are left out of the count, and within a layer nodes
// stand near those that call them. Who takes no part stands below.
func arrange(r calls.Report, widths []int) drawing {
	at := indexOf(r.Nodes)
	next, touched := make([][]int, len(r.Nodes)), make([]bool, len(r.Nodes))
	for _, c := range r.Calls {
		from, to := at[c.From], at[c.To]
		next[from] = append(next[from], to)
		touched[from], touched[to] = true, true
	}
	layer := layersOf(next)
	var layers [][]int
	var apart []int
	for i := range r.Nodes {
		if !touched[i] {
			apart = append(apart, i)
			continue
		}
		for len(layers) <= layer[i] {
			layers = append(layers, nil)
		}
		layers[layer[i]] = append(layers[layer[i]], i)
	}
	untangle(layers, next)
	return place(layers, apart, widths)
}

// layersOf gives each node its layer: one more than the deepest of its callers.
func layersOf(next [][]int) []int {
	state, back := make([]int, len(next)), map[[2]int]bool{}
	var order []int
	var visit func(i int)
	visit = func(i int) {
		state[i] = 1
		for _, j := range next[i] {
			switch state[j] {
			case 0:
				visit(j)
			case 1:
				back[[2]int{i, j}] = true
			}
		}
		state[i] = 2
		order = append(order, i)
	}
	called := make([]bool, len(next))
	for _, js := range next {
		for _, j := range js {
			called[j] = true
		}
	}
	for _, first := range []bool{true, false} { // those nobody calls first, so that circles are cut where they are entered
		for i := range next {
			if state[i] == 0 && called[i] != first {
				visit(i)
			}
		}
	}
	layer := make([]int, len(next))
	slices.Reverse(order)
	for _, i := range order {
		for _, j := range next[i] {
			if !back[[2]int{i, j}] {
				layer[j] = max(layer[j], layer[i]+1)
			}
		}
	}
	return layer
}

// untangle orders the nodes of each layer by the middle of their neighbours, a few times to and fro.
func untangle(layers [][]int, next [][]int) {
	place := map[int]float64{}
	neighbours := map[int][]int{}
	for i, js := range next {
		for _, j := range js {
			neighbours[i], neighbours[j] = append(neighbours[i], j), append(neighbours[j], i)
		}
	}
	number := func(l []int) {
		for k, i := range l {
			place[i] = float64(k) - float64(len(l))/2
		}
	}
	for _, l := range layers {
		number(l)
	}
	for range 6 {
		for _, l := range layers {
			middle := map[int]float64{}
			for _, i := range l {
				for _, n := range neighbours[i] {
					middle[i] += place[n] / float64(len(neighbours[i]))
				}
			}
			slices.SortStableFunc(l, func(x, y int) int {
				switch {
				case middle[x] < middle[y]:
					return -1
				case middle[x] > middle[y]:
					return 1
				}
				return 0
			})
			number(l)
		}
	}
}

// place turns layers into boxes; those apart stand in rows below.
func place(layers [][]int, apart []int, widths []int) drawing {
	d := drawing{boxes: make([]box, len(widths)), width: 2 * border, height: 2 * border}
	tallest := 0
	for _, l := range layers {
		tallest = max(tallest, len(l)*(boxHeight+boxGap)-boxGap)
	}
	x := border
	for _, l := range layers {
		widest := 0
		for _, i := range l {
			widest = max(widest, widths[i])
		}
		y := border + (tallest-(len(l)*(boxHeight+boxGap)-boxGap))/2
		for _, i := range l {
			d.boxes[i] = box{x + (widest-widths[i])/2, y, widths[i], boxHeight}
			y += boxHeight + boxGap
		}
		x += widest + layerGap
	}
	d.width = max(d.width, x-layerGap+border)
	if len(layers) == 0 {
		d.width, tallest = 600, -boxGap*2
	}
	y := border + tallest
	row := max(d.width, 600)
	x = border
	for k, i := range apart {
		if k == 0 || x+widths[i] > row-border {
			x, y = border, y+boxGap*2
			if k > 0 {
				y += boxHeight - boxGap
			}
		}
		d.boxes[i] = box{x, y, widths[i], boxHeight}
		x += widths[i] + boxGap
		d.width = max(d.width, x-boxGap+border)
	}
	if len(apart) > 0 {
		y += boxHeight
	}
	d.height = max(d.height, y+border)
	return d
}
