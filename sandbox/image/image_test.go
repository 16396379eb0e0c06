package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
)

func untar(t *testing.T, r io.Reader) (names []string, bodies map[string][]byte, modes map[string]int64) {
	t.Helper()
	bodies, modes = map[string][]byte{}, map[string]int64{}
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return names, bodies, modes
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		names, bodies[h.Name], modes[h.Name] = append(names, h.Name), body, h.Mode
	}
}

func TestWriteIsADockerArchive(t *testing.T) {
	var out bytes.Buffer
	cfg := Config{Entrypoint: []string{"/app"}, Env: []string{"A=b"}, User: "65532:65532", Architecture: "arm64"}
	err := Write(&out, "shop/web:v1", cfg,
		File{Path: "/usr/bin/app", Data: []byte("binary")},
		File{Path: "tmp", Mode: fs.ModeDir | fs.ModeSticky | 0o777},
		File{Path: "etc/passwd", Mode: 0o644, Data: []byte("root:x:0:0::/:\n")})
	if err != nil {
		t.Fatal(err)
	}
	_, outer, _ := untar(t, &out)
	var manifest []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.Unmarshal(outer["manifest.json"], &manifest); err != nil {
		t.Fatal(err)
	}
	if len(manifest) != 1 || len(manifest[0].Layers) != 1 || strings.Join(manifest[0].RepoTags, ",") != "shop/web:v1" {
		t.Fatalf("manifest = %+v", manifest)
	}
	var config struct {
		OS, Architecture string
		Config           struct {
			Entrypoint, Env []string
			User            string
		}
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	if err := json.Unmarshal(outer[manifest[0].Config], &config); err != nil {
		t.Fatal(err)
	}
	if config.OS != "linux" || config.Architecture != "arm64" || config.Config.User != "65532:65532" || config.Config.Entrypoint[0] != "/app" {
		t.Errorf("config = %+v", config)
	}
	layer := outer[manifest[0].Layers[0]]
	if got := Digest(layer); config.RootFS.DiffIDs[0] != got {
		t.Errorf("diff id %s, layer %s", config.RootFS.DiffIDs[0], got)
	}
	names, bodies, modes := untar(t, bytes.NewReader(layer))
	if got, want := strings.Join(names, " "), "etc/ etc/passwd tmp/ usr/ usr/bin/ usr/bin/app"; got != want {
		t.Errorf("layer = %s, want %s", got, want)
	}
	if string(bodies["usr/bin/app"]) != "binary" || modes["usr/bin/app"] != 0o755 || modes["tmp/"] != 0o1777 || modes["etc/passwd"] != 0o644 {
		t.Errorf("bodies or modes wrong: %q %v", bodies, modes)
	}
}

func TestWriteDependsOnTheInputAlone(t *testing.T) {
	a, b := File{Path: "a", Data: []byte("1")}, File{Path: "b/c", Data: []byte("2")}
	write := func(files ...File) []byte {
		var out bytes.Buffer
		if err := Write(&out, "x:1", Config{Labels: map[string]string{"k": "v", "a": "b"}}, files...); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	if !bytes.Equal(write(a, b), write(b, a)) {
		t.Error("the order of the files changes the image")
	}
	if bytes.Equal(write(a), write(b)) {
		t.Error("different files give the same image")
	}
}

func TestBadInput(t *testing.T) {
	for name, c := range map[string]struct {
		ref   string
		files []File
	}{
		"no reference":    {ref: ""},
		"digest":          {ref: "a@sha256:00"},
		"no path":         {ref: "a:1", files: []File{{Path: "/"}}},
		"twice":           {ref: "a:1", files: []File{{Path: "a"}, {Path: "/a"}}},
		"below a file":    {ref: "a:1", files: []File{{Path: "a"}, {Path: "a/b"}}},
		"below, reversed": {ref: "a:1", files: []File{{Path: "a/b"}, {Path: "a"}}},
	} {
		if err := Write(io.Discard, c.ref, Config{}, c.files...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
