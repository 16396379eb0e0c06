package render

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

func unmarshal(t *testing.T, text string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// everyView calls f with every fixture in every language and view.
func everyView(t *testing.T, f func(t *testing.T, o Options, text string)) {
	for _, x := range fixtures() {
		for _, l := range lang.All() {
			for _, v := range views(l) {
				t.Run(x.name+"/"+string(l)+"/"+v.name, func(t *testing.T) { f(t, v.o, write(t, x.report(l), v.o)) })
			}
		}
	}
}

func TestNothingDrivesTheTerminal(t *testing.T) {
	everyView(t, func(t *testing.T, o Options, text string) {
		if !o.Color && strings.Contains(text, "\x1b") {
			t.Error("an escape without colour")
		}
		for _, r := range escapes.ReplaceAllString(text, "") {
			if r != '\n' && unicode.IsControl(r) || r >= 0x2066 && r <= 0x2069 || r >= 0x202a && r <= 0x202e {
				t.Fatalf("%U is in the output", r)
			}
		}
		for _, l := range strings.Split(text, "\n") {
			if strings.HasSuffix(l, " ") {
				t.Errorf("spaces end the line %q", l)
			}
		}
	})
}

func TestColourOnlyAdds(t *testing.T) {
	for _, x := range fixtures() {
		r := x.report(lang.Korean)
		o := Options{Lang: lang.Korean, Width: 80}
		plain := write(t, r, o)
		o.Color = true
		coloured := write(t, r, o)
		if escapes.ReplaceAllString(coloured, "") != plain {
			t.Errorf("%s: colour changed the text", x.name)
		}
		if coloured == plain {
			t.Errorf("%s: no colour", x.name)
		}
	}
}

// TestColourIgnoresTheEnvironment: whoever calls has decided already.
func TestColourIgnoresTheEnvironment(t *testing.T) {
	r := certainError(lang.English)
	want := write(t, r, Options{Color: true})
	t.Setenv("NO_COLOR", "1")
	t.Setenv("TERM", "dumb")
	if got := write(t, r, Options{Color: true}); got != want {
		t.Error("the environment changed the colours")
	}
}

// TestWidth: no line is wider than the terminal, but for commands and for names
// that would be spoilt by breaking them.
func TestWidth(t *testing.T) {
	everyView(t, func(t *testing.T, o Options, text string) {
		if o.Width == 0 || o.Format == Wide {
			return
		}
		for _, l := range strings.Split(escapes.ReplaceAllString(text, ""), "\n") {
			said := strings.TrimSpace(l)
			if columns(l) > o.Width && strings.Contains(said, " ") && !strings.HasPrefix(said, "kubectl ") {
				t.Errorf("%d columns: %s", columns(l), l)
			}
		}
	})
}

func TestASCIIMode(t *testing.T) {
	for _, x := range fixtures() {
		if x.name == "hostile-values" || x.name == "long-values" { // hold Korean of the cluster's
			continue
		}
		for _, r := range write(t, x.report(lang.English), Options{Lang: lang.English, ASCII: true, Width: 80}) {
			if r > unicode.MaxASCII {
				t.Errorf("%s: %q is in the output", x.name, r)
			}
		}
	}
}

// TestColumnsLineUp measures where the second column begins in every line, for
// cells of Korean, of ambiguous width and of wide symbols, also where the
// environment made the table library count ambiguous characters as two.
func TestColumnsLineUp(t *testing.T) {
	names := []string{"web", "주문 서비스", "카트①", "a→b…", "±—│", "값", "e\u0301te", "  └ 하위"}
	rows := make([][]string, len(names))
	for i, n := range names {
		rows[i] = []string{n, "@" + n, "@끝"}
	}
	for _, eastAsian := range []bool{false, true} {
		twwidth.SetEastAsian(eastAsian)
		var b strings.Builder
		if err := WriteTable(&b, []string{"이름", "@값", "@cpu_req(ms)"}, rows, Options{Width: 80}); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if len(lines) != len(rows)+1 {
			t.Fatalf("%d lines: %s", len(lines), b.String())
		}
		for _, l := range lines {
			cells := strings.SplitN(l, "@", 3)
			if first, second := columns(cells[0]), columns(cells[0]+cells[1]); first != 14 || second != 28 {
				t.Errorf("columns begin at %d and %d, want 14 and 28 (the @ left out): %s", first, second, l)
			}
		}
		if !strings.HasSuffix(lines[0], "@cpu_req(ms)") || !strings.HasPrefix(lines[len(lines)-1], "  └ 하위") {
			t.Errorf("header or indent changed:\n%s", b.String())
		}
	}
}

func TestTableShapes(t *testing.T) {
	for _, c := range []struct {
		name    string
		headers []string
		rows    [][]string
		o       Options
		want    string
	}{
		{"no rows", []string{"A", "B"}, nil, Options{}, ""},
		{"no headers", nil, [][]string{{"a", "b"}, {"cc", "d"}}, Options{}, "a    b\ncc   d\n"},
		{"short rows", []string{"A", "B"}, [][]string{{"a"}, {"c", "d"}}, Options{}, "A   B\na\nc   d\n"},
		{"empty column", []string{"A", "B", "C"}, [][]string{{"a", "", "c"}}, Options{}, "A   C\na   c\n"},
		{"newline", []string{"A", "B"}, [][]string{{"a\nb", "c\td\x1b[0m"}}, Options{}, "A     B\na b   c d\ufffd[0m\n"},
		{"goes on below", []string{"NAME", "TEXT"}, [][]string{{"a-name-that-stays-whole", "words that go on and on until they meet the width"}, {"b", "c"}}, Options{Width: 60},
			"NAME                      TEXT\na-name-that-stays-whole   words that go on and on until they\n                          meet the width\nb                         c\n"},
		{"a name goes on below", []string{"NAME", "IMAGE"}, [][]string{{"a-name-that-stays-whole", "registry.example/shop/orders/backend:1.4.2"}}, Options{Width: 60},
			"NAME                      IMAGE\na-name-that-stays-whole   registry.example/shop/orders/\n                          backend:1.4.2\n"},
		{"a header is never broken but at a space", []string{"이름", "준비된 Pod", "요청", "ABCDEFGHIJKL"}, [][]string{{strings.Repeat("x", 40), "3/3", "1 2 3", "1"}}, Options{Width: 60},
			"이름                                      준비된  요청  ABCDEFGHIJKL\n                                          Pod\n" + strings.Repeat("x", 40) + "  3/3     1 2   1\n                                                  3\n"},
		{"too long for a table", []string{"NAME", "TEXT"}, [][]string{{"a", strings.Repeat("word ", 80)}}, Options{Width: 60},
			"NAME   TEXT\na      " + strings.Repeat(strings.TrimSpace(strings.Repeat("word ", 10))+"\n       ", 5) + "word word word word word word word word word word...\n"},
		{"wide", []string{"NAME", "TEXT"}, [][]string{{"a", strings.Repeat("word ", 20) + "end"}}, Options{Width: 60, Format: Wide},
			"NAME   TEXT\na      " + strings.Repeat("word ", 20) + "end\n"},
		{"pipe", []string{"NAME", "TEXT"}, [][]string{{"a", strings.Repeat("word ", 30) + "end"}}, Options{},
			"NAME   TEXT\na      " + strings.Repeat("word ", 30) + "end\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			if err := WriteTable(&b, c.headers, c.rows, c.o); err != nil {
				t.Fatal(err)
			}
			if b.String() != c.want {
				t.Errorf("got\n%s\nwant\n%s", b.String(), c.want)
			}
		})
	}
}

// TestFirstLineIsTheWorst: whatever the order of the findings.
func TestFirstLineIsTheWorst(t *testing.T) {
	first, _, _ := strings.Cut(write(t, manyFindings(lang.English), Options{Lang: lang.English}), "\n")
	if want := "✗ likely: Container app was killed for using more than its memory limit of 64Mi  (error, container/oom-killed)"; first != want {
		t.Errorf("first line %q, want %q", first, want)
	}
}

// TestNothingFoundSaysNoMore: the tick stands only for objects that are healthy
// and were read.
func TestNothingFoundSaysNoMore(t *testing.T) {
	missed := []finding.NotChecked{{What: "Secrets", Why: "forbidden"}}
	for _, c := range []struct {
		name    string
		healths []inspect.Health
		missed  []finding.NotChecked
		targets []string
		want    string
	}{
		{"healthy", []inspect.Health{inspect.Healthy}, nil, []string{"pod/p"}, "✓ Nothing wrong was found for pod/p."},
		{"healthy, not all read", []inspect.Health{inspect.Healthy}, missed, []string{"pod/p"}, "i Nothing wrong was found in what could be read for pod/p.  (1 thing was not checked, see below)"},
		{"progressing", []inspect.Health{inspect.Healthy, inspect.Progressing}, nil, nil, "i Nothing wrong was found so far; pod/p1 is still in progress."},
		{"unknown", []inspect.Health{inspect.Unknown, inspect.Progressing}, nil, nil, "i Nothing wrong was found, but the state of pod/p0 is not known."},
		{"unwell", []inspect.Health{inspect.Unwell, inspect.Unknown, inspect.Unwell}, missed, nil, "! pod/p0, pod/p2 are not well, and no rule found the cause.  (1 thing was not checked, see below)"},
		{"namespace", nil, nil, nil, "i No object to inspect was found in namespace shop."},
		{"namespace, not all read", nil, missed, nil, "i No object to inspect was found in namespace shop.  (1 thing was not checked, see below)"},
		{"many targets", nil, nil, []string{"a/1", "a/2", "a/3", "a/4", "a/5"}, "✓ Nothing wrong was found for a/1, a/2, a/3 and 2 more."},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := inspect.Report{Report: report(nil, c.missed, c.targets...)}
			for i, h := range c.healths {
				r.Objects = append(r.Objects, inspect.Object{Object: ref("Pod", "p"+string(rune('0'+i))), Health: h})
			}
			first, _, _ := strings.Cut(write(t, r, Options{Lang: lang.English}), "\n")
			if first != c.want {
				t.Errorf("first line %q, want %q", first, c.want)
			}
		})
	}
}

// TestMessages: every text that the code asks for is there and none is left
// over, none fails to render, and English is ASCII.
func TestMessages(t *testing.T) {
	texts, err := loadMessages()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, f := range files {
		if data, err := os.ReadFile(f); err != nil {
			t.Fatal(err)
		} else if !strings.HasSuffix(f, "_test.go") {
			source.Write(data)
		}
	}
	asked := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?:say|labelled|headers|labels)\(((?:"[a-z-]+"(?:, )?)+)`).FindAllStringSubmatch(source.String(), -1) {
		for _, id := range regexp.MustCompile(`[a-z-]+`).FindAllString(m[1], -1) {
			asked[id] = true
		}
	}
	for _, s := range []finding.Severity{finding.Error, finding.Warning, finding.Info} {
		asked["severity-"+string(s)] = true
	}
	for _, c := range []finding.Confidence{finding.Likely, finding.Possible} {
		asked["confidence-"+string(c)], asked["confidence-"+string(c)+"-means"] = true, true
	}
	for _, h := range []inspect.Health{inspect.Healthy, inspect.Progressing, inspect.Unwell, inspect.Unknown} {
		asked["health-"+string(h)] = true
	}
	for _, r := range []inspect.Relation{inspect.OwnedBy, inspect.Controls, inspect.Selects, inspect.SelectedBy, inspect.RefersTo, inspect.UsedBy, inspect.Runs} {
		asked["relation-"+string(r)] = true
	}
	for _, id := range []string{"none", "none-unwell", "none-unknown", "none-progressing", "none-readable"} {
		asked[id] = true
	}
	ids, more := rolloutTexts()
	for _, id := range ids {
		asked[id] = true
	}
	planned, planArgs := planTexts()
	for _, id := range planned {
		asked[id] = true
	}
	maps.Copy(more, planArgs)
	maps.Copy(more, quotaArgs())
	maps.Copy(more, usageArgs())
	probed, probeArgs := probeTexts()
	for _, id := range probed {
		asked[id] = true
	}
	maps.Copy(more, probeArgs)
	viewed, viewArgs := viewTexts()
	for _, id := range viewed {
		asked[id] = true
	}
	maps.Copy(more, viewArgs)
	for id := range asked {
		if _, ok := texts[id]; !ok && !strings.HasSuffix(id, "-") { // "severity-" + … is asked for in full above
			t.Errorf("%s is not in messages.yaml", id)
		}
	}
	args := map[string]any{"n": 2, "name": "x", "names": "x", "namespace": "x", "rule": "x", "targets": "x", "objects": "x", "at": "x", "context": "x", "requests": 3, "object": "x", "event": "x", "message": "x"}
	maps.Copy(args, more)
	for id, text := range texts {
		if !asked[id] {
			t.Errorf("%s is in messages.yaml and nothing asks for it", id)
		}
		for _, l := range lang.All() {
			if _, err := text.Try(l, args); err != nil {
				t.Errorf("%s in %s: %v", id, l, err)
			}
		}
		if strings.IndexFunc(text.En, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
			t.Errorf("%s: English is not ASCII: %s", id, text.En)
		}
	}
}

// TestMessageKeepsItsEnd: a message of several layers names the cause last.
func TestMessageKeepsItsEnd(t *testing.T) {
	f := secretKeyMissing(lang.English)
	f.Evidence = []finding.Evidence{{Object: "pod/p", Path: "status.message", Value: "failed: " + strings.Repeat("could not create a layer: ", 40) + `exec: "serve": not found`}}
	for _, width := range []int{60, 80, 100, 200} {
		text := write(t, report([]finding.Finding{f}, nil), Options{Lang: lang.English, Width: width})
		_, seen, _ := strings.Cut(text, "  seen ")
		seen, _, _ = strings.Cut(seen, "  affects ")
		words := strings.Join(strings.Fields(seen), " ")
		if !strings.HasPrefix(words, "pod/p status.message = failed: ") || !strings.Contains(words, " … ") || !strings.HasSuffix(words, `exec: "serve": not found`) {
			t.Errorf("width %d: %s", width, seen)
		}
		if n := strings.Count(seen, "\n"); n > 5 {
			t.Errorf("width %d: %d lines of evidence", width, n)
		}
	}
}

// TestLogIsABlock: also of one line, and also when the container is named.
func TestLogIsABlock(t *testing.T) {
	f := finding.Finding{Rule: "a/b", Title: "t", Evidence: []finding.Evidence{{Object: "pod/p", Path: "log app", Value: "a = b"}, {Object: "pod/p", Path: "event Killing", Value: "stopping"}}}
	want := "  seen     pod/p  log app\n             | a = b\n                  event Killing: stopping\n"
	if text := write(t, report([]finding.Finding{f}, nil), Options{Lang: lang.English}); !strings.Contains(text, want) {
		t.Errorf("got\n%s\nwant in it\n%s", text, want)
	}
}

// TestWarningIsWhole: the cluster's words are all that there is on such an object; a narrow terminal cuts none of them.
func TestWarningIsWhole(t *testing.T) {
	message := "Error creating: " + strings.Repeat("one more field ", 30) + "is forbidden"
	o := inspect.Object{Health: inspect.Unwell, Warning: &finding.Evidence{Object: "job/j", Path: "event FailedCreate (7 times)", Value: message}}
	for _, width := range []int{0, 60, 100} {
		text := write(t, inspect.Report{Report: report(nil, nil), Objects: []inspect.Object{o}}, Options{Lang: lang.English, Width: width})
		if words := strings.Join(strings.Fields(text), " "); !strings.Contains(words, "about job/j: FailedCreate (7 times): "+message) {
			t.Errorf("width %d: %s", width, text)
		}
	}
}
