#!/bin/sh
# Gives green a share of the traffic, and blue the rest:  move-traffic.sh PERCENT
# BALANCER_URL is the balancer's control address (guide section 4, step 3).
set -eu
case ${1:-} in '' | *[!0-9]*) echo "usage: move-traffic.sh PERCENT" >&2; exit 2 ;; esac
[ "$1" -le 100 ] || { echo "move-traffic.sh: $1: at most 100" >&2; exit 2; }
shares=$(awk -v green="$1" 'BEGIN { printf "{\"blue\": %.2f, \"green\": %.2f}", 1 - green / 100, green / 100 }')
curl --silent --show-error --fail-with-body --max-time 10 --output /dev/null \
    --header 'Content-Type: application/json' --data "$shares" "$BALANCER_URL/config"
echo "green has $1 % of the traffic"
