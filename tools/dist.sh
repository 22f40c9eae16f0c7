#!/bin/sh
# dist.sh VERSION LDFLAGS EDGEFLAGS TARGETS FULL_TARGETS: archives and their checksums, in dist/:
# for each target telegraf-hologram-edge-VERSION-TARGET, for devices, without the commands decode and emulator,
# and for each full target telegraf-hologram-VERSION-TARGET, with all there is.
# The same commit gives the same archives: names, owners and times are fixed.
set -eu
version=$1 ldflags=$2 edge=$3 targets=$4 full_targets=$5
go=${GO:-go}
cd "$(dirname "$0")/.."
. tools/target.sh

rm -rf dist
mkdir dist
stamp=$(git log -1 --format=%ct 2>/dev/null || echo 0)

archive() { # name, target, flags
	mkdir "dist/$1"
	# shellcheck disable=SC2046,SC2086 # one word each is meant
	env $(target_env "$2") "$go" build -trimpath -ldflags "$ldflags $(target_ldflags "$2")" $3 -o "dist/$1/telegraf-hologram" .
	cp LICENSE README.md sample.conf "dist/$1/"
	tar -C dist --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$stamp" -cf - "$1" | gzip -9n >"dist/$1.tar.gz"
	rm -r "dist/$1"
	echo "dist/$1.tar.gz"
}

for target in $targets; do
	archive "telegraf-hologram-edge-$version-$(target_name "$target")" "$target" "$edge"
done
for target in $full_targets; do
	archive "telegraf-hologram-$version-$(target_name "$target")" "$target" ''
done
cd dist
sha256sum -- *.tar.gz >SHA256SUMS
echo dist/SHA256SUMS
