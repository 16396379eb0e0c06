package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Builder makes the archive from the shop's source.
type Builder struct {
	// Source is the directory of the shop's module, Cache where archives are
	// kept by the hash of what they were made from.
	Source, Cache string
	// Arch is the GOARCH of the images.
	Arch string
}

// Archive returns the path of the archive with all images, and whether it had
// to be built.
func (b Builder) Archive(ctx context.Context) (path string, built bool, err error) {
	key, err := b.key()
	if err != nil {
		return "", false, fmt.Errorf("hash of the source: %w", err)
	}
	path = filepath.Join(b.Cache, "shop-"+key+".tar")
	if _, err := os.Stat(path); err == nil {
		return path, false, nil
	}
	if err := os.MkdirAll(b.Cache, 0o755); err != nil {
		return "", false, err
	}
	dir, err := os.MkdirTemp(b.Cache, "build-")
	if err != nil {
		return "", false, err
	}
	defer os.RemoveAll(dir)
	binary, err := b.compile(ctx, filepath.Join(dir, "shop"))
	if err != nil {
		return "", false, err
	}
	unfinished := filepath.Join(dir, "shop.tar")
	if err := writeFile(unfinished, binary, Specs(b.Arch)); err != nil {
		return "", false, err
	}
	// The rename comes last, so that an archive in the cache is a whole one.
	return path, true, os.Rename(unfinished, path)
}

func writeFile(path string, binary []byte, specs []Spec) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := Write(f, binary, specs); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

func (b Builder) compile(ctx context.Context, to string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", to, "./cmd/shop")
	cmd.Dir = b.Source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+b.Arch, "GOFLAGS=-mod=readonly")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return os.ReadFile(to)
}

// key hashes everything that the archive depends on: the sources of the shop
// and of the image package, the pinned modules, the toolchain and the platform.
func (b Builder) key() (string, error) {
	var files []string
	for _, root := range []string{b.Source, filepath.Join(b.Source, "..", "image")} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && isSource(d.Name()) {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			return "", err
		}
	}
	slices.Sort(files)
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), b.Arch)
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		name, err := filepath.Rel(b.Source, path)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %x\n", filepath.ToSlash(name), sha256.Sum256(data))
	}
	return hex.EncodeToString(sum.Sum(nil))[:24], nil
}

func isSource(name string) bool {
	return name == "go.mod" || name == "go.sum" || strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
}
