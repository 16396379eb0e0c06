package krew

import (
	"bufio"
	"fmt"
	"path"
	"strings"
)

// Placeholder is the version and the checksum of a manifest that no release has filled.
const (
	PlaceholderVersion = "v0.0.0"
	PlaceholderSha256  = "0000000000000000000000000000000000000000000000000000000000000000"
)

// Fill gives the manifest a release's version and the checksums of its archives:
// sums maps an archive's file name to its SHA-256. It fails where a platform's
// archive has no checksum, or where the manifest is not the unfilled one.
func Fill(m Manifest, release string, sums map[string]string) (Manifest, error) {
	if m.Spec.Version != PlaceholderVersion {
		return Manifest{}, fmt.Errorf("fill krew manifest: spec.version is %s; the manifest to fill has %s", m.Spec.Version, PlaceholderVersion)
	}
	filled := m
	filled.Spec.Version = release
	filled.Spec.Platforms = make([]Platform, len(m.Spec.Platforms))
	for i, p := range m.Spec.Platforms {
		archive := path.Base(p.URI)
		sum, ok := sums[archive]
		if !ok {
			return Manifest{}, fmt.Errorf("fill krew manifest: no checksum for %s", archive)
		}
		before, after, ok := strings.Cut(p.URI, "/"+PlaceholderVersion+"/")
		if !ok {
			return Manifest{}, fmt.Errorf("fill krew manifest: %s does not name the version %s", p.URI, PlaceholderVersion)
		}
		p.URI = before + "/" + release + "/" + after
		p.Sha256 = sum
		filled.Spec.Platforms[i] = p
	}
	return filled, nil
}

// ParseSums reads a checksum file as sha256sum writes it.
func ParseSums(data string) (map[string]string, error) {
	sums := map[string]string{}
	lines := bufio.NewScanner(strings.NewReader(data))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) != 2 {
			return nil, fmt.Errorf("read checksums: line %q is not a sum and a name", lines.Text())
		}
		sums[strings.TrimPrefix(fields[1], "*")] = fields[0]
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read checksums: %w", err)
	}
	return sums, nil
}
