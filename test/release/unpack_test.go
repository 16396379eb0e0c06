package release

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-msa/kubectl-msa/test/release/krew"
)

// dist is the directory with the release; without one there is nothing to check here.
func dist(t *testing.T) string {
	t.Helper()
	d := os.Getenv("MSA_DIST")
	if d == "" {
		t.Skip("no release was built; `make release-check` builds one and runs this")
	}
	return d
}

type built struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
}

func metadata(t *testing.T) built {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dist(t), "metadata.json"))
	if err != nil {
		t.Fatal(err)
	}
	var b built
	if err := json.Unmarshal(data, &b); err != nil || b.Version == "" || b.Commit == "" {
		t.Fatalf("metadata.json: %v in %s", err, data)
	}
	return b
}

func builtManifest(t *testing.T) krew.Manifest {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dist(t), "krew", "msa.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := krew.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

type packed struct {
	data []byte
	mode fs.FileMode
}

func names(files map[string]packed) []string {
	var all []string
	for n := range files {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

func unpack(t *testing.T, name string, archive []byte) map[string]packed {
	t.Helper()
	if strings.HasSuffix(name, ".zip") {
		return unzip(t, archive)
	}
	packing, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]packed{}
	for tape := tar.NewReader(packing); ; {
		h, err := tape.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(tape)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = packed{data, h.FileInfo().Mode()}
	}
}

func unzip(t *testing.T, archive []byte) map[string]packed {
	t.Helper()
	reader, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]packed{}
	for _, f := range reader.File {
		content, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(content)
		if err := errors.Join(err, content.Close()); err != nil {
			t.Fatal(err)
		}
		files[f.Name] = packed{data, f.Mode()}
	}
	return files
}
