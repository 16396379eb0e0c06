package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPageIsUpToDate(t *testing.T) {
	got, err := os.ReadFile(filepath.Join("..", "..", "docs", "rollout-phases.md"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != page() {
		t.Error("docs/rollout-phases.md is not what the machine's edges give: run make docs")
	}
}
