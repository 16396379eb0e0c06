package images

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Place puts the archive at path, and leaves a file alone that already has the
// same content. It says whether it wrote.
func Place(archive, path string) (bool, error) {
	want, err := hashFile(archive)
	if err != nil {
		return false, err
	}
	have, err := hashFile(path)
	if err == nil && bytes.Equal(want, have) {
		return false, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, err
	}
	return true, copyFile(archive, path)
}

func hashFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return sum.Sum(nil), nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(to), ".shop-*.tar")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name()) // gone already if all went well
	if _, err := io.Copy(out, in); err != nil {
		_ = out.Close()
		return err
	}
	if err := errors.Join(out.Chmod(0o644), out.Close()); err != nil {
		return err
	}
	return os.Rename(out.Name(), to)
}
