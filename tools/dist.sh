#!/bin/sh
# dist.sh VERSION LDFLAGS TARGETS: archives for each target and their checksums, in dist/.
# The same commit gives the same archives: names, owners and times are fixed.
set -eu
version=$1 ldflags=$2 targets=$3
go=${GO:-go}
cd "$(dirname "$0")/.."
. tools/target.sh

rm -rf dist
mkdir dist
stamp=$(git log -1 --format=%ct 2>/dev/null || echo 0)
for target in $targets; do
	name=telegraf-hologram-$version-$(target_name "$target")
	mkdir "dist/$name"
	# shellcheck disable=SC2046 # one word each is meant
	env $(target_env "$target") "$go" build -trimpath -ldflags "$ldflags" -o "dist/$name/telegraf-hologram" .
	cp LICENSE README.md sample.conf "dist/$name/"
	tar -C dist --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$stamp" -cf - "$name" | gzip -9n >"dist/$name.tar.gz"
	rm -r "dist/$name"
	echo "dist/$name.tar.gz"
done
cd dist
sha256sum -- *.tar.gz >SHA256SUMS
echo dist/SHA256SUMS
