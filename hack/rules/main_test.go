package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// The checked-in pages are those that the catalogue gives, no more and no fewer.
func TestPagesAreCurrent(t *testing.T) {
	want, err := pages()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join("..", "..", "docs", "rules")
	for name, text := range want {
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || string(got) != text {
			t.Errorf("docs/rules/%s is out of date: run make docs", filepath.ToSlash(name))
		}
	}
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if name, _ := filepath.Rel(folder, path); want[name] == "" {
			t.Errorf("docs/rules/%s belongs to no rule: run make docs", filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
