package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Network gives the network namespace of the calling process an address that
// is not loopback (the API refuses loopback as a node's address), and a route
// for the Services, so that connections from the node reach the rules of
// kube-proxy. There is no default route: everything else fails at once with
// "network is unreachable". run executes one program.
func Network(ctx context.Context, run func(*exec.Cmd) ([]byte, error), nodeCIDR, serviceCIDR string) error {
	// Both ends of the pair stay here; it only has to have a carrier.
	for _, line := range []string{
		"link set lo up",
		"link add node0 type veth peer name node0-peer",
		"addr add " + nodeCIDR + " dev node0",
		"link set node0 up",
		"link set node0-peer up",
		"route add " + serviceCIDR + " dev node0",
	} {
		if out, err := run(exec.CommandContext(ctx, "ip", strings.Fields(line)...)); err != nil {
			return fmt.Errorf("network: ip %s: %w: %s", line, err, strings.TrimSpace(string(out)))
		}
	}
	return errors.Join(sysctl("net/ipv4/ip_forward", "1"))
}

func sysctl(name, value string) error {
	if err := os.WriteFile("/proc/sys/"+name, []byte(value), 0o644); err != nil {
		return fmt.Errorf("network: %w", err)
	}
	return nil
}
