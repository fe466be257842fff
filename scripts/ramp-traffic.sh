#!/bin/sh
# Guide section 13: moves traffic to green step by step. TARGET names it; arguments go to gates ramp.
exec "$(dirname "$0")/../.venv/bin/python" -m gates ramp --target "${TARGET:-green}" "$@"
