#!/bin/sh
# generated.sh: writes the generated files anew and fails where that changes one.
# It compares the tree with itself, so that it can be used before a commit.
set -eu
cd "$(dirname "$0")/.."

state() {
	git ls-files -co --exclude-standard -z | xargs -0 sha256sum 2>/dev/null | sort -k2
}

before=$(mktemp)
after=$(mktemp)
trap 'rm -f "$before" "$after"' EXIT
state >"$before"
"${GO:-go}" generate ./...
state >"$after"
if ! diff=$(diff "$before" "$after"); then
	echo "generated files were not up to date (they are now; commit them):" >&2
	echo "$diff" | awk '$1 == ">" {print "  " $3} $1 == "<" {print "  " $3}' | sort -u >&2
	exit 1
fi
echo "generated files: ok"
