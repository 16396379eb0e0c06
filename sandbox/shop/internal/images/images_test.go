package images

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestArchive(t *testing.T) {
	write := func(binary string) []byte {
		var out bytes.Buffer
		if err := Write(&out, []byte(binary), Specs("amd64")); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	first := write("binary")
	if !bytes.Equal(first, write("binary")) {
		t.Error("the same binary gives different bytes")
	}
	if bytes.Equal(first, write("another")) {
		t.Error("another binary gives the same bytes")
	}
	files := map[string][]byte{}
	for tr := tar.NewReader(bytes.NewReader(first)); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(tr); err != nil {
			t.Fatal(err)
		}
	}
	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil {
		t.Fatal(err)
	}
	env, configs := map[string]string{}, map[string]bool{}
	for _, m := range manifest {
		var config struct {
			Config struct {
				Env, Entrypoint []string
				User            string
			}
		}
		if err := json.Unmarshal(files[m.Config], &config); err != nil {
			t.Fatalf("%s: %v", m.RepoTags, err)
		}
		if files[m.Layers[0]] == nil || config.Config.User != "65532:65532" {
			t.Errorf("%s: no layer, or user %q", m.RepoTags, config.Config.User)
		}
		env[m.RepoTags[0]], configs[m.Config] = config.Config.Env[0], true
	}
	for ref, want := range map[string]string{"shop/gateway:v1": "SHOP_VERSION=v1", "shop/worker:v3": "SHOP_VERSION=v3", "shop/tools:v1": "SHOP_VERSION=v1"} {
		if env[ref] != want {
			t.Errorf("%s: %q, want %q", ref, env[ref], want)
		}
	}
	if len(manifest) != 19 || len(configs) != 19 || len(files) != 19+2 {
		t.Errorf("%d images, %d configs, %d files; want 19, 19 and one layer and one manifest more", len(manifest), len(configs), len(files))
	}
}

func TestPlaceWritesOnlyWhatChanged(t *testing.T) {
	dir := t.TempDir()
	archive, to := filepath.Join(dir, "a.tar"), filepath.Join(dir, "out", "shop.tar")
	for _, step := range []struct {
		content string
		wrote   bool
	}{{"one", true}, {"one", false}, {"two", true}} {
		if err := os.WriteFile(archive, []byte(step.content), 0o600); err != nil {
			t.Fatal(err)
		}
		wrote, err := Place(archive, to)
		if err != nil || wrote != step.wrote {
			t.Errorf("%s: wrote %v, %v", step.content, wrote, err)
		}
		if got, err := os.ReadFile(to); err != nil || string(got) != step.content {
			t.Errorf("%s: %q, %v", step.content, got, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "out", ".shop-*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestTheKeyFollowsTheSource(t *testing.T) {
	root := t.TempDir()
	put := func(path, text string) {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key := func() string {
		k, err := Builder{Source: filepath.Join(root, "shop"), Arch: "amd64"}.key()
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	put("image/image.go", "package image")
	put("shop/go.mod", "module shop")
	put("shop/main.go", "package main")
	before := key()
	put("shop/README.md", "words")
	put("shop/main_test.go", "package main")
	if key() != before {
		t.Error("a file that is not built changes the key")
	}
	for _, path := range []string{"shop/main.go", "shop/go.mod", "shop/go.sum", "image/image.go"} {
		last := key()
		put(path, "changed "+path)
		if key() == last {
			t.Errorf("%s does not change the key", path)
		}
	}
}
