// Package ruletest is what the tests of all rules share: a cluster in a file
// that begins with what must be said of it, and the comparison of what is said.
package ruletest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Noon is when fixtures are looked at.
func Noon() time.Time { return time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC) }

// Namespace is that of fixtures' objects that name none.
const Namespace = "shop"

// Files lists the fixtures under testdata that the pattern matches; none is an error.
func Files(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	return files
}

// Read reads the head of a fixture into head, and gives the other documents as they are written.
func Read(t testing.TB, file string, head any) [][]byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	documents := Split(t, data)
	if err := yaml.UnmarshalStrict(documents[0], head); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return documents[1:]
}

// Targets are the objects that a fixture asks about: "service/web", or several with spaces between.
func Targets(t testing.TB, ask string) []finding.Ref {
	t.Helper()
	var out []finding.Ref
	for _, target := range strings.Fields(ask) {
		kind, name, ok := strings.Cut(target, "/")
		info, known := snapshot.Resolve(kind)
		if !ok || !known {
			t.Fatalf("ask %q: want KIND/NAME", ask)
		}
		ref := finding.Ref{Kind: string(info.Kind), Name: name}
		if info.Namespaced {
			ref.Namespace = Namespace
		}
		out = append(out, ref)
	}
	return out
}

// Split takes the documents of a YAML file apart.
func Split(t testing.TB, data []byte) [][]byte {
	t.Helper()
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	var out [][]byte
	for {
		d, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(bytes.TrimSpace(d)) > 0 {
			out = append(out, d)
		}
	}
}

// Snapshot holds the objects of these documents.
func Snapshot(source snapshot.Source, now time.Time, documents [][]byte) (*snapshot.Snapshot, error) {
	s := snapshot.New(source, now)
	s.Namespace = Namespace
	for _, d := range documents {
		o, err := decode(d)
		if err != nil {
			return nil, err
		}
		s.Add(o)
	}
	return s, nil
}

// notServed is how pkg/snapshot/live says that the API server does not know a kind.
const notServed = "not served by this cluster"

// Complete records that every kind was listed, but for those that could not be read, for a reason each.
func Complete(s *snapshot.Snapshot, unknown map[snapshot.Kind]string) {
	for _, i := range snapshot.Kinds() {
		s.Record(snapshot.Reading{Need: snapshot.Need{Kind: i.Kind}, Why: unknown[i.Kind], NotServed: unknown[i.Kind] == notServed})
	}
}

// Object is the one that a document holds.
func Object(t testing.TB, document []byte) snapshot.Object {
	t.Helper()
	o, err := decode(document)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func decode(document []byte) (snapshot.Object, error) {
	var head struct {
		Kind snapshot.Kind `json:"kind"`
	}
	if err := yaml.Unmarshal(document, &head); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, document)
	}
	info, ok := snapshot.Lookup(head.Kind)
	if !ok {
		return nil, fmt.Errorf("kind %q", head.Kind)
	}
	o := info.New()
	into := any(o)
	var secret corev1.Secret
	if head.Kind == "Secret" {
		into = &secret
	}
	if err := yaml.UnmarshalStrict(document, into); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, document)
	}
	if head.Kind == "Secret" {
		o = snapshot.NewSecret(&secret)
	}
	if info.Namespaced && o.GetNamespace() == "" {
		o.SetNamespace(Namespace)
	}
	return o, nil
}
