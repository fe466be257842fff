#!/bin/sh
# Guide section 4, step 2: the critical paths of the target. TARGET names it; arguments go to pytest.
exec "$(dirname "$0")/../.venv/bin/python" -m pytest --pyargs suites.smoke -m smoke --target "${TARGET:-green}" "$@"
