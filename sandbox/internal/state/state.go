// Package state knows where a sandbox keeps its files and who holds it.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Base is the directory below which every sandbox of this user lives.
func Base() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache directory (set HOME or XDG_CACHE_HOME): %w", err)
	}
	return filepath.Join(cache, "kubectl-msa", "sandbox"), nil
}

// BinCache is where built components are kept.
func BinCache(base string) string { return filepath.Join(base, "bin") }

// Dir is the state directory of one sandbox.
type Dir struct {
	Name string
	Path string
}

// Open names the state directory of a sandbox; it need not exist.
func Open(base, name string) (Dir, error) {
	// The name becomes part of paths, cgroups and socket names.
	if !regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$`).MatchString(name) {
		return Dir{}, fmt.Errorf("sandbox name %q: want 1 to 30 of a-z, 0-9 and '-', and no '-' at either end", name)
	}
	return Dir{Name: name, Path: filepath.Join(base, "run", name)}, nil
}

// List names the sandboxes that have a state directory.
func List(base string) ([]Dir, error) {
	entries, err := os.ReadDir(filepath.Join(base, "run"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list sandboxes: %w", err)
	}
	var dirs []Dir
	for _, e := range entries {
		if d, err := Open(base, e.Name()); err == nil && e.IsDir() {
			dirs = append(dirs, d)
		}
	}
	return dirs, nil
}

// In joins a path below the state directory.
func (d Dir) In(parts ...string) string {
	return filepath.Join(append([]string{d.Path}, parts...)...)
}

// Kubeconfig is the administrator's kubeconfig, for use on the host.
func (d Dir) Kubeconfig() string { return d.In("kubeconfig") }

// AuditLog is the API server's audit log, one JSON event per line.
func (d Dir) AuditLog() string { return d.In("logs", "audit.log") }

// Log is the log of one component.
func (d Dir) Log(component string) string { return d.In("logs", component+".log") }

// OperationLock keeps `up` and `down` of one sandbox apart. It lies beside
// the state directory, because `down` removes that.
func (d Dir) OperationLock() string { return d.Path + ".lock" }

// AliveLock is held by the supervisor for as long as it lives.
func (d Dir) AliveLock() string { return d.In("alive.lock") }

// Exists says whether the state directory is there.
func (d Dir) Exists() bool {
	_, err := os.Stat(d.Path)
	return err == nil
}

// Write stores a value as JSON, whole or not at all.
func (d Dir) Write(name string, value any) error {
	body, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	part := d.In(name + ".part")
	if err := os.WriteFile(part, body, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(part, d.In(name)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// Read loads a value that Write stored.
func (d Dir) Read(name string, value any) error {
	body, err := os.ReadFile(d.In(name))
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if err := json.Unmarshal(body, value); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// StatusFile is the name under which the supervisor stores its Status.
const StatusFile = "status.json"

// Status is what the supervisor last said about the sandbox.
type Status struct {
	// PID is the supervisor's process id as the host sees it.
	PID int `json:"pid"`
	// Started is when the supervisor started.
	Started time.Time `json:"started"`
	// Ready is true once everything that `up` waits for is there.
	Ready bool `json:"ready"`
	// Error is why the sandbox could not come up.
	Error string `json:"error,omitempty"`
	// Snapshotter is containerd's, when there is a real node.
	Snapshotter string `json:"snapshotter,omitempty"`
	// Steps are the milestones reached, in order.
	Steps []Step `json:"steps"`
	// Components are the processes.
	Components []ComponentStatus `json:"components"`
}

// Step is a milestone of start-up.
type Step struct {
	Name string `json:"name"`
	// After is the time from the supervisor's start.
	After time.Duration `json:"after"`
}

// ComponentStatus is one process of the sandbox.
type ComponentStatus struct {
	Name string `json:"name"`
	// PID is the process id inside the sandbox's PID namespace, where it has one.
	PID      int    `json:"pid"`
	Restarts int    `json:"restarts"`
	State    string `json:"state"`
}

// ReadStatus loads the supervisor's status.
func (d Dir) ReadStatus() (Status, error) {
	var s Status
	err := d.Read(StatusFile, &s)
	return s, err
}

// LogNames lists the components that have a log.
func (d Dir) LogNames() []string {
	entries, err := os.ReadDir(d.In("logs"))
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".log"); ok {
			names = append(names, name)
		}
	}
	return names
}

// At is the state directory at a path that Open gave.
func At(path string) Dir { return Dir{Name: filepath.Base(path), Path: path} }
