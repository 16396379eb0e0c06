#!/usr/bin/env bash
# Runs a command that may be silent for minutes, and says every 15 seconds that it is alive:
# hack/slow.sh WHAT COMMAND [ARGS...]
set -euo pipefail

what=${1:?usage: hack/slow.sh WHAT COMMAND [ARGS...]}
shift
echo "==> $what" >&2
started=$SECONDS

# The sleep is ended with its shell: left alone it would hold the caller's pipe open.
heartbeat() {
  trap 'kill "$nap" 2>/dev/null; exit 0' TERM
  while true; do
    sleep 15 & nap=$!
    wait "$nap"
    echo "    ... still at it after $((SECONDS - started)) s" >&2
  done
}
heartbeat &
heart=$!
trap 'kill "$heart" 2>/dev/null || true' EXIT

status=0
"$@" || status=$?
took=$((SECONDS - started))
if [ "$status" -eq 0 ]; then
  echo "    done after $took s" >&2
else
  echo "    failed after $took s (exit $status): $what" >&2
fi
exit "$status"
