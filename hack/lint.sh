#!/usr/bin/env bash
# Checks form and habits of the Go code in the given modules: hack/lint.sh MODULE...
# Everything is run before it fails, so that one run shows all there is to mend.
set -uo pipefail

hack=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$hack/.."
bad=0

unformatted=$(git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0 sh -c 'for f; do [ -e "$f" ] && echo "$f"; done' sh | xargs gofmt -l)
if [ -n "$unformatted" ]; then
  echo "not formatted; run gofmt -w on:" $unformatted >&2
  bad=1
fi

for module in "$@"; do
  "$hack/slow.sh" "go vet in $module" go vet -C "$module" ./... || bad=1
done

for module in "$@"; do
  # One configuration for all; the paths in it begin where it lies.
  (cd "$module" && "$hack/slow.sh" "golangci-lint in $module" "$hack/tool.sh" golangci-lint run --allow-serial-runners --config "$hack/../.golangci.yaml") || bad=1
done
exit $bad
