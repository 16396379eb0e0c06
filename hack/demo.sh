#!/usr/bin/env bash
# Starts a real Kubernetes with the sample shop in it, breaks the shop, and looks at it with kubectl msa.
# It can be run again and again; `make down` ends it.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A kubectl that talks to the sandbox and finds the plugin that was just built. It stays in bin for whoever looks on.
cat >bin/kubectl <<EOF
#!/bin/sh
exec "$PWD/bin/sandbox" --name "${MSA_SANDBOX:-msa}" kubectl "\$@"
EOF
chmod +x bin/kubectl
export PATH=$PWD/bin:$PATH

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }

# show prints a command, runs it as it is written, and goes on whatever its exit code: here some have findings to report.
show() {
  printf '\n$ %s\n' "$*"
  local status=0
  "$@" || status=$?
  [ "$status" -eq 0 ] || printf '(exit code %s)\n' "$status"
}

# until_true waits for a condition of the cluster, for two minutes at most.
until_true() {
  local what=$1
  shift
  for ((i = 0; i < 120; i++)); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 1
  done
  echo "hack/demo.sh: gave up waiting for $what" >&2
  exit 1
}

pods_refused() {
  kubectl -n shop get pods -l app.kubernetes.io/name=orders -o jsonpath='{..state.waiting.reason}' | grep -q CreateContainerConfigError
}
old_pods_gone() {
  ! kubectl -n shop get pods -l app.kubernetes.io/name=orders -o jsonpath='{.items[*].metadata.deletionTimestamp}' | grep -q .
}

say "A real Kubernetes, from Go modules"
bin/sandbox up

say "A shop of six services"
images=$(hack/slow.sh "building the shop's images" go run -C sandbox/shop ./cmd/images)
bin/sandbox load "$images" >/dev/null
kubectl create namespace shop --dry-run=client -o yaml | kubectl apply -f - >/dev/null
kubectl -n shop apply -f examples/shop >/dev/null
kubectl -n shop wait --for=condition=Available deployment --all --timeout=180s >/dev/null
kubectl -n shop rollout status statefulset/worker --timeout=180s >/dev/null
show kubectl msa doctor -n shop
show kubectl msa inspect -n shop

say "Now somebody changes Deployment orders (examples/shop-fault.yaml)"
kubectl -n shop apply -f examples/shop-fault.yaml >/dev/null
until_true "the kubelet to refuse the Pods of orders" pods_refused
until_true "the old Pods of orders to end" old_pods_gone
show kubectl -n shop get pods
say "What is wrong?"
show kubectl msa inspect service/orders -n shop
say "The same in Korean"
show kubectl msa inspect deployment/orders -n shop --lang ko
say "The lesson behind it"
show kubectl msa rules config/secret-key-missing
say "As a gate in CI"
show kubectl msa inspect -n shop --fail-on error -o name

cat <<EOF

The cluster is still there. Go on with:

  export PATH=$PWD/bin:\$PATH
  kubectl msa inspect -n shop
  kubectl -n shop apply -f examples/shop   # mends it
  make down                                # ends it
EOF
