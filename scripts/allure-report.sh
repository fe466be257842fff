#!/bin/sh
# Renders the Allure results of the suite runs, and of the newest decision about each stage, as one
# report: out/allure/report/index.html. It needs Node 20 or newer, and Allure 3 (make allure).
set -eu
out=${KIRANA_OUT:-out}
allure=${ALLURE:-allure}

rm -rf "$out/allure/decisions" "$out/allure/report"
mkdir -p "$out/allure/decisions"
# A line of the log that is a decision: ID MOMENT TARGET OUTCOME STAGE: REASON. The newest line of a
# stage comes last.
python -m gates log --last 500 --out "$out" |
    awk '$4 ~ /^(go|hold|no_go|rollback)$/ { newest[$3 " " $5] = $1 } END { for (name in newest) print newest[name] }' |
    while read -r id; do
        # The exit code 70 says that another version of the gate decided; the results are written.
        python -m gates explain "$id" --out "$out" --format "allure=$out/allure/decisions" >/dev/null || [ $? = 70 ]
    done
set -- "$out/allure/decisions"
for results in "$out"/runs/*/allure; do
    if [ -d "$results" ]; then set -- "$@" "$results"; fi
done
"$allure" awesome --single-file --name "Release verification" --output "$out/allure/report" "$@"
echo "the report: $out/allure/report/index.html"
