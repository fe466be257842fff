#!/bin/sh
# A whole ramp with gates serve and a balancer:  ramp.sh TARGET
# Every end but a go at each step gives all traffic back to blue, and has the exit code of the gate.
set -eu
here=$(dirname "$0")
target=${1:-green}

give_back() {
    code=$?
    trap - EXIT
    if [ -n "${asking:-}" ]; then kill "$asking" 2>/dev/null || true; fi
    if [ "$code" -ne 0 ]; then "$here/move-traffic.sh" 0 || code=70; fi
    exit "$code"
}
trap give_back EXIT
trap 'exit 70' HUP INT TERM

"$here/ask-gate.sh" green-ready "$target"
for percent in 10 20 30 40 50 60 70 80 90 100; do
    "$here/move-traffic.sh" "$percent"
    # A step bakes for ten minutes, and the gate holds until then.
    "$here/ask-gate.sh" "ramp-$percent" "$target" "${HOLD_SECONDS:-3600}" &
    asking=$!
    wait "$asking"
done
