package build

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// FindComponents finds the directory that holds the components' modules:
// below the given sandbox source directory, or, when that is empty, by
// walking up from the working directory, from the running program, and from
// where the program was compiled.
func FindComponents(source string) (string, error) {
	if source != "" {
		if dir, ok := componentsBelow(source); ok {
			return dir, nil
		}
		return "", fmt.Errorf("%s holds no components/kubernetes/go.mod: name the project's sandbox directory", source)
	}
	var starts []string
	if wd, err := os.Getwd(); err == nil {
		starts = append(starts, wd)
	}
	if exe, err := os.Executable(); err == nil {
		starts = append(starts, filepath.Dir(exe))
	}
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		starts = append(starts, filepath.Dir(file))
	}
	for _, start := range starts {
		for dir := start; ; dir = filepath.Dir(dir) {
			if found, ok := componentsBelow(dir); ok {
				return found, nil
			}
			if found, ok := componentsBelow(filepath.Join(dir, "sandbox")); ok {
				return found, nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return "", errors.New("cannot find the sandbox's sources: run this inside the project, or give --source DIR (the project's sandbox directory)")
}

func componentsBelow(dir string) (string, bool) {
	components := filepath.Join(dir, "components")
	_, err := os.Stat(filepath.Join(components, string(Kubernetes), "go.mod"))
	return components, err == nil
}
