package file

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// WriteFile saves the snapshot at path, readable by its owner alone, in one
// step: a reader sees the old file or the whole new one. A name that ends in
// .json gets JSON, any other YAML.
func WriteFile(path string, s *snapshot.Snapshot) error {
	as := YAML
	if strings.HasSuffix(path, ".json") {
		as = JSON
	}
	var data bytes.Buffer
	if err := Save(&data, s, as); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("save snapshot: %w", err)
	}
	defer os.Remove(temp.Name()) // gone already where all went well
	if _, err := temp.Write(data.Bytes()); err != nil {
		temp.Close()
		return fmt.Errorf("save snapshot: %w", err)
	}
	if err := temp.Sync(); err != nil {
		temp.Close()
		return fmt.Errorf("save snapshot: %w", err)
	}
	if err := temp.Close(); err != nil {
		return fmt.Errorf("save snapshot: %w", err)
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return fmt.Errorf("save snapshot: %w", err)
	}
	return nil
}
