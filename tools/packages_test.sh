#!/bin/sh
# packages_test.sh EDGEFLAGS LDFLAGS: makes packages of two versions, and tests them; see e2e/packages.
set -eu
edge=$1
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

dist() { # folder, version, targets, full targets
	OUT=$dir/$1 sh tools/dist.sh "$2" "-s -w -X main.version=$2" "$edge" "$3" "$4" >"$dir/log" 2>&1 || {
		cat "$dir/log" >&2
		exit 1
	}
}

dist 1 v1.0.0 "linux/amd64 linux/arm/6" linux/amd64
dist 2 v1.0.1 linux/amd64 linux/amd64

# The same sources in another folder.
mkdir "$dir/copy"
# shellcheck disable=SC2016 # it is the inner shell's
git ls-files -co --exclude-standard -z | xargs -0 sh -c 'for f; do [ ! -e "$f" ] || printf "%s\0" "$f"; done' sh | tar --null -T - -cf - | tar -C "$dir/copy" -xf -
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
(cd "$dir/copy" && OUT=$dir/again && export OUT && umask 077 && sleep 1 &&
	sh tools/dist.sh v1.0.1 "-s -w -X main.version=v1.0.1" "$edge" linux/amd64 linux/amd64 >"$dir/log" 2>&1) || {
	cat "$dir/log" >&2
	exit 1
}
diff "$dir/2/SHA256SUMS" "$dir/again/SHA256SUMS" || {
	echo "the same sources give other packages elsewhere" >&2
	exit 1
}
echo "built twice, equal: $(wc -l <"$dir/2/SHA256SUMS") files"

cd e2e
PACKAGES=$dir "${GO:-go}" test -count=1 -timeout 10m -v ./packages
