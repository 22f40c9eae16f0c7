#!/bin/sh
# size.sh LIMIT LDFLAGS EDGEFLAGS TARGETS COMPILES: builds for each target, prints the sizes
# of the binary for devices (edge) and of the full one, and the modules
# that are linked, and fails where the ARMv6 binary for devices is above LIMIT bytes.
set -eu
limit=$1 ldflags=$2 edge=$3 targets=$4 compiles=$5
go=${GO:-go}
cd "$(dirname "$0")/.."
. tools/target.sh

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

build() { # target, flags, output
	# shellcheck disable=SC2046,SC2086 # one word each is meant
	env $(target_env "$1") "$go" build -trimpath -ldflags "$ldflags $(target_ldflags "$1")" $2 -o "$3" .
}

printf '%-26s %12s %12s\n' bytes edge full
for target in $targets; do
	file=$dir/$(target_name "$target")
	build "$target" "$edge" "$file"
	build "$target" '' "$dir/full"
	printf '%-26s %12d %12d\n' "$target" "$(wc -c <"$file")" "$(wc -c <"$dir/full")"
done
for target in $compiles; do
	build "$target" "$edge" "$dir/other"
	build "$target" '' "$dir/other"
	printf '%-26s %12s %12s\n' "$target" compiles compiles
done

measured=$dir/$(target_name linux/arm/6)
echo
echo "modules linked into linux/arm/6, edge:"
"$go" version -m "$measured" | awk '$1 == "dep" {printf "  %s %s\n", $2, $3}'

size=$(wc -c <"$measured")
echo
if [ "$size" -gt "$limit" ]; then
	echo "linux/arm/6, edge: $size bytes, above the limit of $limit" >&2
	exit 1
fi
echo "linux/arm/6, edge: $size bytes, limit $limit, room for $((limit - size)): ok"
