// Package krew knows what a krew plugin manifest must be. Krew's own validator
// is not to be had as a Go module, so its rules are written down here again;
// each names the file of kubernetes-sigs/krew that it is from.
package krew

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// Manifest is krew's Plugin (pkg/index/types.go), with the fields that this project uses.
type Manifest struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec Spec `json:"spec"`
}

// Spec describes the plugin and where its archives are.
type Spec struct {
	Version          string     `json:"version"`
	Homepage         string     `json:"homepage,omitempty"`
	ShortDescription string     `json:"shortDescription"`
	Description      string     `json:"description,omitempty"`
	Caveats          string     `json:"caveats,omitempty"`
	Platforms        []Platform `json:"platforms"`
}

// Platform is one archive and the machines that it is for.
type Platform struct {
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
	URI      string                `json:"uri"`
	Sha256   string                `json:"sha256"`
	Bin      string                `json:"bin"`
	Files    []FileOperation       `json:"files,omitempty"`
}

// FileOperation copies files out of the archive.
type FileOperation struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Parse reads a manifest; a field that krew does not know is an error.
func Parse(data []byte) (Manifest, error) {
	var m Manifest
	if err := yaml.UnmarshalStrict(data, &m); err != nil {
		return Manifest{}, fmt.Errorf("read krew manifest: %w", err)
	}
	return m, nil
}
