#!/usr/bin/env bash
# Builds a release of this commit without publishing it, and holds it against what a release must be:
# hack/release-check.sh KUBECTL
#
# KUBECTL is the path of a real kubectl, which runs the plugin from the archive.
set -euo pipefail

kubectl=${1:?usage: hack/release-check.sh KUBECTL}
cd "$(dirname "${BASH_SOURCE[0]}")/.."

hack/tool.sh goreleaser check --quiet

skip=()
if ! command -v syft >/dev/null; then
  echo "==> no syft on this machine: the lists of contents (SBOM) are not built" >&2
  skip+=(sbom)
fi
if ! command -v cosign >/dev/null || [ -z "${MSA_RELEASE_SIGN:-}" ]; then
  echo "==> checksums are not signed: cosign and MSA_RELEASE_SIGN=1 are both needed for it" >&2
  skip+=(sign)
fi
args=(release --snapshot --clean --parallelism 2)
if [ ${#skip[@]} -gt 0 ]; then
  args+=("--skip=$(IFS=,; echo "${skip[*]}")")
fi

hack/slow.sh "building the archives of a release in dist/" hack/tool.sh goreleaser "${args[@]}" --quiet
go run ./hack/krew
MSA_DIST=$PWD/dist MSA_KUBECTL=$kubectl go test -count=1 ./test/release/...
