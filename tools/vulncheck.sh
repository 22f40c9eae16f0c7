#!/bin/sh
# vulncheck.sh: fails where the binary calls code with a known vulnerability.
# Where the database cannot be reached, it says so and does not fail.
set -eu
cd "$(dirname "$0")/.."

out=$(mktemp)
trap 'rm -f "$out"' EXIT
if "${GO:-go}" tool -modfile=tools/go.mod govulncheck ./... >"$out" 2>&1; then
	echo "govulncheck: ok"
	exit 0
fi
if grep -q 'fetching vulnerabilities:' "$out"; then
	echo "govulncheck: passed over, its database cannot be reached ($(sed -n 's/.*fetching vulnerabilities: //p' "$out" | head -n 1))"
	exit 0
fi
cat "$out" >&2
exit 1
