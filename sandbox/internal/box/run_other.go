//go:build !linux

package box

import "errors"

// RunInside needs network namespaces.
func RunInside(int, string, []string, []string) error {
	return errors.New("run: a sandbox has a network of its own on Linux only")
}
