package plan

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// cluster is a snapshot of the objects, complete but for the kinds that are unknown.
func cluster(t testing.TB, documents string, unknown ...snapshot.Kind) *snapshot.Snapshot {
	t.Helper()
	s := snapshot.New(snapshot.FromCluster, time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC))
	s.Namespace = "shop"
	for _, d := range split(t, []byte(documents)) {
		s.Add(decodeObject(t, d))
	}
	for _, i := range snapshot.Kinds() {
		r := snapshot.Reading{Need: snapshot.Need{Kind: i.Kind}}
		for _, k := range unknown {
			if k == i.Kind {
				r.Why = "forbidden: list " + i.Resource.Resource
			}
		}
		s.Record(r)
	}
	return s
}

func split(t testing.TB, data []byte) [][]byte {
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

func decodeObject(t testing.TB, d []byte) snapshot.Object {
	t.Helper()
	var head struct {
		Kind snapshot.Kind `json:"kind"`
	}
	if err := yaml.Unmarshal(d, &head); err != nil {
		t.Fatal(err)
	}
	info, ok := snapshot.Lookup(head.Kind)
	if !ok {
		t.Fatalf("kind %q", head.Kind)
	}
	o := info.New()
	if err := yaml.UnmarshalStrict(d, o); err != nil {
		t.Fatalf("%v\n%s", err, d)
	}
	if info.Namespaced && o.GetNamespace() == "" {
		o.SetNamespace("shop")
	}
	return o
}
