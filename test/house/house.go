// Package house holds the tree to its import rules: who may import whom is
// decided in docs/adr/0001-house-and-import-rules.md, and checked here on the
// whole import graph. The linter checks the same on the line where an import is
// written; this check also sees what comes in through another package.
package house

import (
	"fmt"
	"sort"
	"strings"
)

// module is the path that every room begins with.
const module = "github.com/kubectl-msa/kubectl-msa"

// Graph maps a package's import path to the paths that it imports directly.
type Graph map[string][]string

// Rule keeps some rooms from reaching some packages, however many imports lie between.
type Rule struct {
	// Why is what would break, in a few words.
	Why string
	// From and Not are import paths; one that ends in "/..." takes in everything below it as well.
	From, Not []string
	// Except are packages of From that the rule leaves alone, But those of Not that may be reached.
	Except, But []string
}

// Rules are the forbidden ways through the house.
func Rules() []Rule {
	cluster := []string{
		"k8s.io/client-go/...", "k8s.io/cli-runtime/...", "k8s.io/kubectl/...", "k8s.io/metrics/pkg/client/...",
		module + "/pkg/snapshot/live/...", module + "/pkg/prometheus/...", "github.com/prometheus/...",
	}
	return []Rule{
		{
			Why: "a pure room answers from its arguments alone, so a saved snapshot gives the answer that the cluster gave",
			From: rooms("pkg/finding/...", "pkg/lang/...", "pkg/rule/...", "pkg/fit/...", "pkg/snapshot", "pkg/snapshot/file/...",
				"pkg/inspect/...", "pkg/probe/...", "pkg/quota/...", "pkg/rollout", "pkg/rollout/plan/..."),
			Except: rooms("pkg/probe/run/..."),
			Not:    cluster,
		},
		{
			Why:  "a renderer shows a report that is complete; it never reads more",
			From: rooms("pkg/render/..."),
			Not:  append(rooms("pkg/snapshot/file/..."), cluster...),
			// A text library that lives in client-go: it parses and prints, and knows no cluster.
			But: []string{"k8s.io/client-go/util/jsonpath", "k8s.io/client-go/third_party/forked/golang/template"},
		},
		{
			Why:  "the rollout machine knows routers, gates and journals only by its ports",
			From: rooms("pkg/rollout"),
			Not:  append(rooms("pkg/rollout/router/...", "pkg/rollout/gate/...", "pkg/rollout/journal/..."), cluster...),
		},
		{
			Why:  "a package that others may import does not hang on the command line",
			From: rooms("pkg/..."),
			Not:  append(rooms("internal/...", "cmd/...", "test/..."), "github.com/spf13/cobra/..."),
		},
		{
			Why:  "main passes streams in and an exit code out",
			From: rooms("internal/..."),
			Not:  rooms("cmd/..."),
		},
		{
			Why:  "the product is a client; what the sandbox is built from stays out of it",
			From: rooms("cmd/...", "internal/...", "pkg/..."),
			Not:  []string{"k8s.io/kubernetes/...", "go.etcd.io/...", "github.com/containerd/...", module + "/sandbox/..."},
		},
	}
}

// Violations lists every rule that the graph breaks, each with the shortest way from room to package.
func Violations(g Graph, rules []Rule) []string {
	var found []string
	for _, r := range rules {
		for from := range g {
			if !matchAny(r.From, from) || matchAny(r.Except, from) {
				continue
			}
			if way := shortest(g, from, r); way != nil {
				found = append(found, fmt.Sprintf("%s: %s", strings.Join(way, " -> "), r.Why))
			}
		}
	}
	sort.Strings(found)
	return found
}

// shortest walks the graph breadth first; nil where nothing forbidden is reached.
func shortest(g Graph, from string, r Rule) []string {
	came := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at != from && matchAny(r.Not, at) && !matchAny(r.But, at) {
			return wayTo(came, at)
		}
		next := append([]string(nil), g[at]...)
		sort.Strings(next)
		for _, n := range next {
			if _, seen := came[n]; !seen {
				came[n] = at
				queue = append(queue, n)
			}
		}
	}
	return nil
}

func wayTo(came map[string]string, at string) []string {
	var way []string
	for ; at != ""; at = came[at] {
		way = append([]string{strings.TrimPrefix(at, module+"/")}, way...)
	}
	return way
}

func matchAny(patterns []string, path string) bool {
	for _, p := range patterns {
		if below, ok := strings.CutSuffix(p, "/..."); ok {
			if path == below || strings.HasPrefix(path, below+"/") {
				return true
			}
		} else if path == p {
			return true
		}
	}
	return false
}

func rooms(paths ...string) []string {
	full := make([]string, len(paths))
	for i, p := range paths {
		full[i] = module + "/" + p
	}
	return full
}
