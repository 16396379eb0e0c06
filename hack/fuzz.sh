#!/usr/bin/env bash
# Runs every fuzz test of the product for a while: hack/fuzz.sh DURATION
set -euo pipefail

duration=${1:?usage: hack/fuzz.sh DURATION}
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# "pkg/x/y_test.go:FuzzName", one for each line.
mapfile -t found < <(git grep --untracked -E '^func Fuzz[A-Za-z0-9_]+\(' -- '*_test.go' ':!sandbox' | sed -E 's/:func (Fuzz[A-Za-z0-9_]+).*/:\1/')
if [ ${#found[@]} -eq 0 ]; then
  echo "hack/fuzz.sh: there is no fuzz test" >&2
  exit 1
fi
for f in "${found[@]}"; do
  go test "./$(dirname "${f%%:*}")" -run '^$' -fuzz "^${f##*:}\$" -fuzztime "$duration"
done
echo "${#found[@]} fuzz tests ran for $duration each"
