//go:build !linux

package box

import (
	"errors"

	"github.com/kubectl-msa/kubectl-msa/sandbox/internal/state"
)

// Signal is what can be done to a component.
type Signal int

// Freeze stops a component, Thaw lets it go on.
const (
	Freeze Signal = iota
	Thaw
)

// SignalComponent needs Linux.
func SignalComponent(int, state.ComponentStatus, Signal) error {
	return errors.New("a component can be frozen on Linux only")
}
