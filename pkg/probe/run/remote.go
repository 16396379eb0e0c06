package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"
)

// Remote runs commands in the containers of a pod, as "kubectl exec" does.
type Remote struct {
	cluster        *Cluster
	namespace, pod string
}

// Remote makes one for a pod.
func (c *Cluster) Remote(namespace, pod string) *Remote {
	return &Remote{cluster: c, namespace: namespace, pod: pod}
}

// Run runs a command without input.
func (r *Remote) Run(ctx context.Context, container string, command []string, out *Output, started func()) error {
	return r.stream(ctx, container, command, remotecommand.StreamOptions{Stdout: out, Stderr: out}, started)
}

func (r *Remote) stream(ctx context.Context, container string, command []string, streams remotecommand.StreamOptions, started func()) error {
	query := url.Values{"container": {container}, "command": command}
	for name, there := range map[string]bool{"stdin": streams.Stdin != nil, "stdout": streams.Stdout != nil, "stderr": streams.Stderr != nil} {
		if there {
			query.Set(name, "true")
		}
	}
	at, err := r.cluster.url(r.namespace, r.pod, "exec", query)
	if err != nil {
		return err
	}
	reached := false
	var once sync.Once
	config := rest.CopyConfig(r.cluster.config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			res, err := next.RoundTrip(req)
			if err == nil && res.StatusCode == http.StatusSwitchingProtocols {
				once.Do(func() { reached = true; started() })
			}
			return res, err
		})
	})
	newer, err := remotecommand.NewWebSocketExecutor(config, http.MethodGet, at.String())
	if err != nil {
		return fmt.Errorf("set up a command: %w", err)
	}
	older, err := remotecommand.NewSPDYExecutor(config, http.MethodPost, at)
	if err != nil {
		return fmt.Errorf("set up a command: %w", err)
	}
	executor, err := remotecommand.NewFallbackExecutor(newer, older, falls)
	if err != nil {
		return fmt.Errorf("set up a command: %w", err)
	}
	err = executor.StreamWithContext(ctx, streams)
	var exit exec.ExitError
	switch {
	case err == nil, errors.As(err, &exit), ctx.Err() != nil, reached && !broken(err):
		return err
	}
	return barred("create pods/exec in namespace "+r.namespace, err)
}

// broken says that the stream itself ended, and not what it carried.
func broken(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || httpstream.IsUpgradeFailure(err)
}
