package browser_test

import (
	"fmt"
	"image"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// The map is read in a browser: nothing is loaded, everything is drawn inside
// its frame, texts fit their boxes, and a click shows one service alone.
func TestMapInABrowser(t *testing.T) {
	for _, lang := range []string{"en", "ko"} {
		page := write(t, "map", "-f", "testdata/shop.yaml", "-o", "html", "--lang", lang)
		for _, width := range []int{1400, 390} {
			t.Run(fmt.Sprint(lang, " ", width), func(t *testing.T) {
				b := open(t, page, width, 900)
				if got := eval[string](b, "document.documentElement.lang"); got != lang {
					t.Errorf("language %q", got)
				}
				if wide := eval[int](b, "document.documentElement.scrollWidth"); wide > width {
					t.Errorf("the page is %d wide and has to be pushed sideways", wide)
				}
				if out := eval[[]string](b, outside); len(out) > 0 {
					t.Errorf("drawn outside of their box or of the picture: %q", out)
				}
				img := b.picture(fmt.Sprint("map-", lang, "-", width))
				for colour, name := range map[[3]uint8]string{{0x57, 0x60, 0x6a}: "arrows and boxes", {0x09, 0x69, 0xda}: "the entry"} {
					if !has(img, colour) {
						t.Errorf("nothing in the picture has the colour of %s", name)
					}
				}
				b.clicks()
				b.alone(page)
			})
		}
	}
}

// outside lists what is drawn where it does not belong.
const outside = `(() => {
  const svg = document.querySelector('.picture svg'), all = svg.viewBox.baseVal, out = [];
  const within = (inner, outer) => inner.x >= outer.x - 1 && inner.y >= outer.y - 1 && inner.x + inner.width <= outer.x + outer.width + 1 && inner.y + inner.height <= outer.y + outer.height + 1;
  for (const node of svg.querySelectorAll('.node')) {
    const box = node.querySelector('rect').getBBox();
    if (!within(box, all)) out.push('box ' + node.textContent);
    for (const text of node.querySelectorAll('text')) if (!within(text.getBBox(), box)) out.push('text ' + text.textContent);
  }
  for (const path of svg.querySelectorAll('path.call')) if (!within(path.getBBox(), all)) out.push('arrow ' + path.previousSibling.textContent);
  return out;
})()`

// clicks shows one service alone, and all of them again.
func (b *tab) clicks() {
	b.Helper()
	const rows, faded = `document.querySelectorAll('tbody tr:not(.hidden)').length`, `[...document.querySelectorAll('.node.faded .name')].map(e => e.textContent).sort()`
	all := eval[int](b, rows)
	click := func() {
		b.Helper()
		if err := chromedp.Run(b.ctx, chromedp.Click(`//*[@class and contains(@class,"node")][.//*[text()="cart"]]`, chromedp.BySearch)); err != nil {
			b.Fatalf("click: %v", err)
		}
	}
	click()
	if n := eval[int](b, rows); n != 2 {
		b.Errorf("%d of %d calls are shown of one service that is called once and calls once", n, all)
	}
	if names := eval[[]string](b, faded); !slices.Equal(names, []string{"ingress/shop", "orders"}) {
		b.Errorf("faded: %q", names)
	}
	click()
	if n, names := eval[int](b, rows), eval[[]string](b, faded); n != all || len(names) > 0 {
		b.Errorf("after a second click %d of %d calls, and %q faded", n, all, names)
	}
}

// alone fails the test if the page asked for anything but itself, or complained.
func (b *tab) alone(page string) {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, url := range b.asked {
		if !strings.HasSuffix(url, page) {
			b.Errorf("the page asked for %s", url)
		}
	}
	if len(b.said) > 0 {
		b.Errorf("the page wrote to the console: %q", b.said)
	}
}

func has(img image.Image, colour [3]uint8) bool {
	bounds := img.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			if r, g, b, _ := img.At(x, y).RGBA(); [3]uint8{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8)} == colour {
				return true
			}
		}
	}
	return false
}
