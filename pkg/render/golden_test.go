package render

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// view is one way of looking at a report.
type view struct {
	name string
	o    Options
}

func views(l lang.Lang) []view {
	return []view{
		{"pipe", Options{Lang: l}},
		{"width 60", Options{Lang: l, Width: 60}},
		{"width 80", Options{Lang: l, Width: 80}},
		{"width 120", Options{Lang: l, Width: 120}},
		{"width 80, colour", Options{Lang: l, Width: 80, Color: true}},
		{"width 80, ascii", Options{Lang: l, Width: 80, ASCII: true}},
		{"width 80, wide", Options{Lang: l, Width: 80, Format: Wide}},
	}
}

func write(t *testing.T, report any, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, report, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// golden compares with a file of testdata; escapes are made visible in it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = strings.ReplaceAll(got, "\x1b", "␛")
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got; rewrite with -update and read it):\n%s", file, d)
	}
}

func TestTextGolden(t *testing.T) {
	for _, f := range fixtures() {
		for _, l := range lang.All() {
			t.Run(f.name+"/"+string(l), func(t *testing.T) {
				var all strings.Builder
				for _, v := range views(l) {
					fmt.Fprintf(&all, "===== %s\n%s", v.name, write(t, f.report(l), v.o))
				}
				golden(t, f.name+"."+string(l)+".txt", all.String())
			})
		}
	}
}

func TestMachineGolden(t *testing.T) {
	for _, f := range []string{"certain-error", "empty-lists", "plan-refused", "plan-ready"} {
		for _, x := range fixtures() {
			if x.name != f {
				continue
			}
			for _, format := range []Format{JSON, YAML, Name} {
				golden(t, f+"."+string(format), write(t, x.report(lang.English), Options{Format: format}))
			}
		}
	}
}
