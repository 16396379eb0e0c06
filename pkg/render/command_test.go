package render

import "testing"

func TestACopiedCommandGoesToTheSameCluster(t *testing.T) {
	for _, c := range []struct{ command, connection, want string }{
		{"kubectl msa rollout abort deployment/web -n shop", "", "kubectl msa rollout abort deployment/web -n shop"},
		{"kubectl msa rollout abort deployment/web -n shop", "--context prod", "kubectl msa rollout abort deployment/web -n shop --context prod"},
		{"kubectl msa inspect -- --odd", "--as ann", "kubectl msa inspect --as ann -- --odd"},
		{"kubectl describe pod web", "--context prod", "kubectl --context prod describe pod web"},
		{"docker pull web", "--context prod", "docker pull web"},
	} {
		if got := Command(c.command, c.connection); got != c.want {
			t.Errorf("%q with %q: %q, want %q", c.command, c.connection, got, c.want)
		}
	}
}
