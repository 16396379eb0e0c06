#!/usr/bin/env bash
# Builds a release of this commit without publishing it, and holds it against what a release must be.
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

hack/slow.sh "building the archives of a release in dist/" hack/tool.sh goreleaser "${args[@]}"
go run ./hack/krew

# The sandbox keeps its Kubernetes in one binary; kubectl is what it does when told so.
kubernetes=$(bin/sandbox build | awk '$1 == "kubernetes" {print $3}')/kubernetes
cat >dist/kubectl <<EOF
#!/bin/sh
exec "$kubernetes" kubectl "\$@"
EOF
chmod +x dist/kubectl
MSA_DIST=$PWD/dist MSA_KUBECTL=$PWD/dist/kubectl go test -count=1 ./test/release/...
