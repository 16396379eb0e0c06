#!/usr/bin/env bash
# Runs a pinned development tool: hack/tool.sh NAME [ARGS...]
#
# hack/tools/NAME is a Go module that pins the tool and everything in it. The
# binary is built once and kept in the user's cache directory, under a name that
# changes with the module's files and the Go version; a warm run builds nothing.
set -euo pipefail

name=${1:?usage: hack/tool.sh NAME [ARGS...]}
shift
hack=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
module=$hack/tools/$name
if [ ! -f "$module/go.mod" ]; then
  echo "hack/tool.sh: no tool called \"$name\"; there are: $(ls "$hack/tools" | paste -sd' ')" >&2
  exit 2
fi

key=$(cat "$module/go.mod" "$module/go.sum" <(go env GOVERSION GOHOSTOS GOHOSTARCH) | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kubectl-msa/tools
binary=$cache/$name-$key

if [ ! -x "$binary" ]; then
  mkdir -p "$cache"
  # Two makes at the same time build it once. The file is moved into place whole, so a build that was cut short leaves nothing.
  (
    exec 9>"$cache/.$name.lock"
    if command -v flock >/dev/null; then flock 9; fi
    [ -x "$binary" ] && exit 0
    staging=$(mktemp -d "$cache/.$name.XXXXXX")
    trap 'rm -rf "$staging"' EXIT
    "$hack/slow.sh" "building $name, once; this takes some minutes" \
      env -C "$module" GOBIN="$staging" GOFLAGS=-mod=readonly go install -trimpath -ldflags='-s -w' tool
    mv "$staging/$name" "$binary"
  ) >&2
fi
exec "$binary" "$@"
