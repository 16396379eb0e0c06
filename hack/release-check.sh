#!/usr/bin/env bash
# Builds a release of the last commit without publishing it, and holds it against what a release must be.
# The plugin is unpacked from its archive and run by a real kubectl: the one that the sandbox is built with.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

hack/tool.sh goreleaser check

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

# A release is made from a commit, not from what lies about; and goreleaser finds its way only in a clone that has an origin.
build() {
  local hack=$PWD/hack source
  source=$(mktemp -d)
  # shellcheck disable=SC2064 # the path of now
  trap "rm -rf '$source'" EXIT
  git clone -q --shared . "$source"
  (
    cd "$source"
    "$hack/slow.sh" "building the archives of a release" "$hack/tool.sh" goreleaser "${args[@]}"
    go run -trimpath ./hack/krew
  )
  rm -rf dist
  mv "$source/dist" dist
}

# The same commit, Go and options give the same bytes: they are built once.
stamp="$(git rev-parse HEAD) $(go env GOVERSION) ${args[*]}"
if [ "$(cat dist/stamp 2>/dev/null)" != "$stamp" ]; then
  build
  echo "$stamp" >dist/stamp
fi
if ! git diff --quiet HEAD -- cmd internal pkg; then
  echo "==> changes that are not committed are not in the release that is checked" >&2
fi

# The sandbox keeps its Kubernetes in one binary; kubectl is what it does when told so.
kubernetes=$(bin/sandbox build | awk '$1 == "kubernetes" {print $3}')/kubernetes
cat >dist/kubectl <<EOF
#!/bin/sh
exec "$kubernetes" kubectl "\$@"
EOF
chmod +x dist/kubectl
MSA_DIST=$PWD/dist MSA_KUBECTL=$PWD/dist/kubectl go test -count=1 ./test/release/...
