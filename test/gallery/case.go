// Package gallery holds faults with the diagnosis they must get, and the runner
// that injects each into a real cluster.
package gallery

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// Case is the first document of a gallery file; see README.md.
type Case struct {
	Target    string   `json:"target"`
	Rule      string   `json:"rule"`
	Object    string   `json:"object"`
	Container string   `json:"container"`
	Chain     []string `json:"chain"`
	Count     int      `json:"count"`
	Explains  []string `json:"explains"`
	// Also are rules of further findings, where several things are wrong.
	Also []string `json:"also"`
	// Delete are objects that are deleted once all is there; Held those whose finalizers go at the end.
	Delete []string `json:"delete"`
	Held   []string `json:"held"`
	Never  []string `json:"never"`
	Health string   `json:"health"`

	// Name is the file's name without its ending; Manifests is the rest of the file.
	Name      string `json:"-"`
	Manifests string `json:"-"`
}

// Load reads every case in a folder.
func Load(folder string) ([]Case, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("list cases: %w", err)
	}
	var cases []Case
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("read case: %w", err)
		}
		head, rest, found := bytes.Cut(data, []byte("\n---\n"))
		var c Case
		if err := yaml.UnmarshalStrict(head, &c); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		if !found || c.Target == "" || (c.Rule == "") == (len(c.Never) == 0) {
			return nil, fmt.Errorf("%s: want a target, and a rule or rules that never fire, then manifests", f)
		}
		c.Name, c.Manifests = strings.TrimSuffix(filepath.Base(f), ".yaml"), string(rest)
		cases = append(cases, c)
	}
	return cases, nil
}

// in gives the case its namespace.
func (c Case) in(ns string) Case {
	fill := func(s string) string { return strings.ReplaceAll(s, "${NAMESPACE}", ns) }
	c.Target, c.Object = fill(c.Target), fill(c.Object)
	for _, list := range []*[]string{&c.Chain, &c.Delete, &c.Held} {
		var filled []string
		for _, s := range *list {
			filled = append(filled, fill(s))
		}
		*list = filled
	}
	return c
}

// sameChain compares a chain with one in which "pod/*" stands for any name.
func sameChain(want, got []string) bool {
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if ok, err := path.Match(want[i], got[i]); err != nil || !ok {
			return false
		}
	}
	return true
}
