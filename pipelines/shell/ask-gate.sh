#!/bin/sh
# Asks gates serve whether a release may go on past a stage:  ask-gate.sh STAGE TARGET [SECONDS]
# While the answer is a hold, it asks again for SECONDS. Exit codes are those of gates check: 0 go,
# 1 no-go, 2 usage, 3 hold, 4 rollback, and 70 where there is no decision. Nothing but a go is 0.
# GATES_URL is the server; KIRANA_SERVE_TOKEN is its token, which no list of processes shows.
set -eu
[ $# -ge 2 ] || { echo "usage: ask-gate.sh STAGE TARGET [SECONDS]" >&2; exit 2; }
stage=$1 target=$2
case $stage$target in *[!a-z0-9._-]*) echo "ask-gate.sh: $stage $target: not names" >&2; exit 2 ;; esac
end=$(($(date +%s) + ${3:-0}))

ask() {
    if [ -n "${KIRANA_SERVE_TOKEN:-}" ]; then
        printf 'header = "Authorization: Bearer %s"\n' "$KIRANA_SERVE_TOKEN"
    fi | curl --config - --silent --show-error --fail-with-body --max-time 60 \
        --retry "${GATES_RETRIES:-4}" --retry-delay 5 --retry-connrefused \
        --header 'Content-Type: application/json' \
        --data "{\"stage\": \"$stage\", \"target\": \"$target\"}" "$GATES_URL/v1/decisions"
}

# The answer as "DECISION STAGE TARGET REASON". The pattern reads the document from its first character
# on, so that no text in it can look like a field. An answer of another form gives nothing.
read_answer() {
    text='"(([^"\\]|\\.)*)"'
    printf '%s\n' "$answer" | sed -nE \
        "s/^[{]\"kind\": \"decision\", \"schema\": [0-9]+, \"decision\": \"([a-z_]+)\", \"reason\": $text, \"stage\": \"([^\"]*)\", \"target\": \"([^\"]*)\".*/\1 \4 \5 \2/p"
}

while :; do
    answer=$(ask) || { printf 'no decision: %s\n' "$answer" >&2; exit 70; }
    line=$(read_answer)
    printf '%s\n' "${line:-no decision: another form of answer}"
    case $line in
        "go $stage $target "*) exit 0 ;;
        "no_go $stage $target "*) exit 1 ;;
        "rollback $stage $target "*) exit 4 ;;
        "hold $stage $target "*) [ "$(date +%s)" -lt "$end" ] || exit 3 ;;
        *) exit 70 ;;
    esac
    sleep "${GATES_POLL_SECONDS:-15}"
done
