#!/bin/sh
# Guide section 13: all traffic to blue. TARGET names green; arguments go to gates rollback.
exec "$(dirname "$0")/../.venv/bin/python" -m gates rollback --target "${TARGET:-green}" "$@"
