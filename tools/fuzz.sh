#!/bin/sh
# fuzz.sh FUZZTIME: runs every fuzz test of the module, one after another, each for FUZZTIME.
# What fails is kept by Go under testdata/fuzz of the package: commit it with the correction.
set -eu
fuzztime=$1
go=${GO:-go}
cd "$(dirname "$0")/.."

count=0
failed=
# Into variables first: what fails in the list of a for loop would go unnoticed.
packages=$("$go" list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...)
for package in $packages; do
	names=$("$go" test -list '^Fuzz' "$package")
	for name in $(echo "$names" | sed -n '/^Fuzz/p'); do
		count=$((count + 1))
		echo "=== $name $package"
		# Go takes up to a minute to make an input that found new code smaller, and runs no other meanwhile.
		"$go" test -run '^$' -fuzz "^$name\$" -fuzztime "$fuzztime" -fuzzminimizetime 2s "$package" && continue
		# On a busy machine Go reports its own deadline as a failure. An input that really failed has been kept and
		# fails again.
		"$go" test -count=1 -run "^$name\$" "$package" || failed="$failed $package.$name"
	done
done
if [ -n "$failed" ]; then
	echo "failed:$failed" >&2
	exit 1
fi
echo "$count fuzz tests passed, $fuzztime each"
