package render

import (
	"encoding/json"
	"os"
	"reflect"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/inspect"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/probe"
	"github.com/kubectl-msa/kubectl-msa/pkg/quota"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout/plan"
)

const shapeFile = "testdata/shape.txt"

// shapeOf lists every field of the JSON form as "path type", the contract that
// users' scripts lean on. "?" marks a field that may be left out.
func shapeOf(t reflect.Type, path string, out map[string]string) {
	switch {
	case t == reflect.TypeFor[time.Time]():
		out[path] = "time"
	case t.Kind() == reflect.Pointer:
		inner := map[string]string{}
		shapeOf(t.Elem(), path, inner)
		for k, v := range inner {
			out[k] = v + "|null"
		}
	case t.Kind() == reflect.Slice:
		out[path] = "list"
		shapeOf(t.Elem(), path+"[]", out)
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case f.Anonymous && name == "":
				shapeOf(f.Type, path, out)
				continue
			case name == "-" || !f.IsExported():
				continue
			case strings.Contains(options, "omit"):
				name += "?"
			}
			shapeOf(f.Type, path+"."+name, out)
		}
	default:
		out[path] = t.Kind().String()
	}
}

// allShapes is the shape of every report together: each has a part of its own beside what all have.
func allShapes(out map[string]string) {
	shapeOf(reflect.TypeFor[inspect.Report](), "", out)
	shapeOf(reflect.TypeFor[inspect.TrafficReport](), "", out)
	shapeOf(reflect.TypeFor[inspect.ClusterReport](), "", out)
	shapeOf(reflect.TypeFor[plan.Report](), "", out)
	shapeOf(reflect.TypeFor[RolloutReport](), "", out)
	shapeOf(reflect.TypeFor[RolloutList](), "", out)
	shapeOf(reflect.TypeFor[quota.CheckReport](), "", out)
	shapeOf(reflect.TypeFor[quota.HeadroomReport](), "", out)
	shapeOf(reflect.TypeFor[quota.AuditReport](), "", out)
	shapeOf(reflect.TypeFor[quota.UsageReport](), "", out)
	shapeOf(reflect.TypeFor[quota.SuggestReport](), "", out)
	shapeOf(reflect.TypeFor[probe.Report](), "", out)
	shapeOf(reflect.TypeFor[probe.SuggestReport](), "", out)
	shapeOf(reflect.TypeFor[probe.RunReport](), "", out)
}

// TestShapeOnlyGrows holds the contract: what was released stays, with its type.
// -update adds new fields to the file and takes none away.
func TestShapeOnlyGrows(t *testing.T) {
	got := map[string]string{}
	allShapes(got)
	data, err := os.ReadFile(shapeFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	held := map[string]string{}
	for _, l := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		if path, kind, ok := strings.Cut(l, " "); ok {
			held[path] = kind
		}
	}
	for path, kind := range held {
		switch now, ok := got[path]; {
		case !ok:
			t.Errorf("%s was released and is gone", path)
		case now != kind:
			t.Errorf("%s was %s and is %s", path, kind, now)
		}
	}
	var added []string
	for path, kind := range got {
		if _, ok := held[path]; !ok {
			added = append(added, path)
			held[path] = kind
		}
	}
	if len(added) == 0 {
		return
	}
	sort.Strings(added)
	if !*update {
		t.Fatalf("new fields are not in %s; add them with -update: %s", shapeFile, strings.Join(added, " "))
	}
	var lines []string
	for path, kind := range held {
		lines = append(lines, path+" "+kind)
	}
	sort.Strings(lines)
	if err := os.WriteFile(shapeFile, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestDocumentedShape holds the fields that the design promises, written out by hand.
func TestDocumentedShape(t *testing.T) {
	got := map[string]string{}
	shapeOf(reflect.TypeFor[inspect.Report](), "", got)
	for path, kind := range map[string]string{
		".apiVersion": "string", ".kind": "string", ".command": "string", ".verdict": "string", ".takenAt": "time",
		".scope.context": "string", ".scope.namespace": "string", ".scope.targets": "list", ".scope.targets[]": "string",
		".findings": "list", ".findings[].rule": "string", ".findings[].severity": "string", ".findings[].confidence": "string",
		".findings[].object.kind": "string", ".findings[].object.namespace?": "string", ".findings[].object.name": "string",
		".findings[].object.container?": "string", ".findings[].count": "int", ".findings[].chain[]": "string",
		".findings[].title": "string", ".findings[].why": "string", ".findings[].evidence[].object": "string",
		".findings[].evidence[].path": "string", ".findings[].evidence[].value": "string", ".findings[].explains": "list",
		".findings[].fix[].text": "string", ".findings[].fix[].command?": "string", ".findings[].doc": "string",
		".notChecked[].what": "string", ".notChecked[].why": "string", ".requests": "int", ".objects": "list",
	} {
		if got[path] != kind {
			t.Errorf("%s is %q, want %q", path, got[path], kind)
		}
	}
}

// TestWrittenJSONHasTheShape: what is really written has no field beyond the
// shape, and none of a kind of its own: tags and marshallers could do that.
func TestWrittenJSONHasTheShape(t *testing.T) {
	held := map[string]string{}
	allShapes(held)
	bare := map[string]string{}
	for path, kind := range held {
		bare[strings.ReplaceAll(path, "?", "")] = kind
	}
	for _, f := range fixtures() {
		var v any
		if err := json.Unmarshal([]byte(write(t, f.report(lang.Korean), Options{Format: JSON})), &v); err != nil {
			t.Fatal(err)
		}
		hold(t, f.name, bare, "", v)
	}
}

// kindOnly is the kind of a field that may be null, or lie in something that may be.
func kindOnly(kind string) string { return strings.ReplaceAll(kind, "|null", "") }

func hold(t *testing.T, name string, shape map[string]string, path string, v any) {
	t.Helper()
	want := shape[path]
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			hold(t, name, shape, path+"."+k, inner)
		}
		return
	case []any:
		if kindOnly(want) != "list" {
			t.Errorf("%s: %s is a list, want %q", name, path, want)
		}
		for _, inner := range v {
			hold(t, name, shape, path+"[]", inner)
		}
		return
	case nil:
		if !strings.HasSuffix(want, "|null") {
			t.Errorf("%s: %s is null, want %q", name, path, want)
		}
		return
	case string:
		if k := kindOnly(want); k != "string" && k != "time" {
			t.Errorf("%s: %s is a string, want %q", name, path, want)
		}
	case float64:
		if n := kindOnly(want); n != "int" && n != "float64" {
			t.Errorf("%s: %s is a number, want %q", name, path, want)
		}
	case bool:
		if kindOnly(want) != "bool" {
			t.Errorf("%s: %s is a bool, want %q", name, path, want)
		}
	}
}
