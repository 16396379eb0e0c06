// Command krew writes the krew manifest of a release: the manifest at the top
// of the repository with the version and the checksums of what was built.
//
//	go run ./hack/krew [-manifest krew.yaml] [-dist dist]
//
// reads dist/metadata.json and dist/checksums.txt, as goreleaser writes them,
// and writes dist/krew/msa.yaml. A manifest that breaks one of krew's rules is
// not written.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-msa/kubectl-msa/test/release/krew"
)

func main() {
	manifest := flag.String("manifest", "krew.yaml", "the manifest to fill")
	dist := flag.String("dist", "dist", "the directory that goreleaser built")
	flag.Parse()
	out, err := write(*manifest, *dist)
	if err != nil {
		fmt.Fprintln(os.Stderr, "krew:", err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stdout, out)
}

func write(manifest, dist string) (string, error) {
	data, err := os.ReadFile(manifest)
	if err != nil {
		return "", fmt.Errorf("read the manifest: %w", err)
	}
	template, err := krew.Parse(data)
	if err != nil {
		return "", err
	}
	version, sums, err := built(dist)
	if err != nil {
		return "", err
	}
	filled, err := krew.Fill(template, "v"+version, sums)
	if err != nil {
		return "", err
	}
	name := filled.Metadata.Name
	if bad := krew.Check(name, filled); len(bad) > 0 {
		return "", fmt.Errorf("the manifest breaks krew's rules:\n  %s", strings.Join(bad, "\n  "))
	}
	text, err := yaml.Marshal(filled)
	if err != nil {
		return "", fmt.Errorf("write the manifest: %w", err)
	}
	out := filepath.Join(dist, "krew", name+".yaml")
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return "", fmt.Errorf("write the manifest: %w", err)
	}
	if err := os.WriteFile(out, text, 0o644); err != nil {
		return "", fmt.Errorf("write the manifest: %w", err)
	}
	return out, nil
}

// built reads the version, without its v, and the checksums of what goreleaser made.
func built(dist string) (string, map[string]string, error) {
	var meta struct {
		Version string `json:"version"`
	}
	data, err := os.ReadFile(filepath.Join(dist, "metadata.json"))
	if err != nil {
		return "", nil, fmt.Errorf("read what was built (run `make release-check` first): %w", err)
	}
	if err := json.Unmarshal(data, &meta); err != nil {
		return "", nil, fmt.Errorf("read %s/metadata.json: %w", dist, err)
	}
	data, err = os.ReadFile(filepath.Join(dist, "checksums.txt"))
	if err != nil {
		return "", nil, fmt.Errorf("read the checksums: %w", err)
	}
	sums, err := krew.ParseSums(string(data))
	return meta.Version, sums, err
}
