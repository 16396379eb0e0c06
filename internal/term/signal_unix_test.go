//go:build unix

package term

import (
	"os/exec"
	"testing"
)

// What is started afterwards ends with its pipe, as programs expect to.
func TestOutlivePipeIsNotInherited(t *testing.T) {
	OutlivePipe()
	if out, err := exec.Command("sh", "-c", "kill -PIPE $$; echo alive").CombinedOutput(); err == nil || len(out) > 0 {
		t.Errorf("the signal was ignored: %q, %v", out, err)
	}
}
