#!/usr/bin/env bash
# Runs the tests that need a cluster, against a sandbox of their own, and takes the sandbox away.
# MSA_SANDBOX names it (default: test). MSA_KEEP=1 leaves it up for the next run. FRESH=1 runs also what is known to pass.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export MSA_SANDBOX=${MSA_SANDBOX:-test}
export MSA_SANDBOX_BIN=$PWD/bin/sandbox

# Tests that need fake nodes start sandboxes called NAME-fake-N beside it.
take_away() {
  local run=${XDG_CACHE_HOME:-$HOME/.cache}/kubectl-msa/sandbox/run
  for dir in "$run/$MSA_SANDBOX" "$run/$MSA_SANDBOX"-fake-*; do
    [ -d "$dir" ] || continue
    bin/sandbox --name "$(basename "$dir")" down || true
  done
}
[ -n "${MSA_KEEP:-}" ] || trap take_away EXIT

# The build says itself how it goes on; a test that did it would be silent for minutes.
bin/sandbox build >/dev/null

# Whatever uses test/cluster, itself or through its tests.
mapfile -t packages < <(go list -f '{{.ImportPath}} {{.Imports}} {{.TestImports}} {{.XTestImports}}' ./... | awk '/\/test\/(cluster|workshop)/ {print $1}')
echo "==> tests in a real Kubernetes: ${packages[*]##*/kubectl-msa/}" >&2
# What has not changed since it passed is answered from Go's cache; FRESH=1 runs all.
# One package after the other, each with all its cases at once: they mostly wait.
# Rollouts under hundreds of requests a second need a machine with nothing else to do: ALL=1 runs those too.
under_load='^(TestNoRequestIsLost|TestObservedShare|TestOneRequestFails|TestFaultsAtEveryRequest|TestAPIServerRestarted|TestManyReplicas)$'
if [ -n "${ALL:-}" ]; then
  export MSA_ROLLOUT_ALL=1
else
  skip=(-skip "$under_load")
  echo "    (rollouts under load, at every write and under every fault are left to ALL=1 make e2e)" >&2
fi
go test ${FRESH:+-count=1} ${skip[@]+"${skip[@]}"} -p 1 -parallel 40 -timeout ${ALL:+2}40m "${packages[@]}"
echo "==> the arithmetic of Kubernetes itself" >&2 # whose parts are compiled already, for the sandbox
go test ${FRESH:+-count=1} -timeout 30m ./test/upstream
echo "==> the sandbox's own life" >&2
go test -C sandbox ${FRESH:+-count=1} -timeout 20m ./test
