#!/bin/sh
# dist.sh VERSION LDFLAGS EDGEFLAGS TARGETS FULL_TARGETS: archives, packages for Debian and of RPM, bills
# of materials, and the checksums of all, in dist/ or $OUT:
# for each target telegraf-hologram, for devices, without the commands that only the far side needs,
# and for each full target telegraf-hologram-full, with all there is.
# The same commit gives the same bytes: names, owners and times are fixed.
set -eu
version=$1 ldflags=$2 edge=$3 targets=$4 full_targets=$5
go=${GO:-go}
cd "$(dirname "$0")/.."
. tools/target.sh
out=${OUT:-dist}
MAINTAINER=${MAINTAINER:-telegraf-hologram authors <maintainers@telegraf-hologram.example>}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export MAINTAINER SOURCE_DATE_EPOCH
# Text and times are the same everywhere.
export LC_ALL=C TZ=UTC
umask 022

rm -rf "$out"
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The version as packages have it: v1.2.3 is 1.2.3, v1.3.0-rc.1 comes before 1.3.0, commits after a tag
# come after it, and what has no tag comes before everything.
package_version() {
	case $version in
	v[0-9]*) echo "$version" | sed -E 's/^v//; s/-([0-9]+)-g([0-9a-f]+)/+\1.\2/; s/-dirty$/+dirty/; s/-/~/; s/-/./g' ;;
	[0-9]*.[0-9]*) echo "$version" | sed 's/-/~/; s/-/./g' ;;
	*) echo "0~$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d.%H%M%S).$(echo "$version" | sed 's/[^A-Za-z0-9.]/+/g')" ;;
	esac
}
VERSION=$(package_version)
export VERSION

# Tools for this machine, and the pages, which the program itself prints.
tool() { env -u GOOS -u GOARCH -u GOARM -u GOMIPS CGO_ENABLED=0 "$go" "$@"; }
tool build -trimpath -buildvcs=false -ldflags "-X main.version=$VERSION" -o "$work/here" .
tool -C packaging build -o "$work/bom" ./bom
tool -C packaging build -o "$work/nfpm" github.com/goreleaser/nfpm/v2/cmd/nfpm

changelog() { # package: the changes of this version as Debian's changelog has them
	echo "$1 ($VERSION) unstable; urgency=medium"
	awk -v version="$VERSION" '
		/^## / {section++; wanted = section == 1 || index($0, "[" version "]") > 0; if (wanted) text = ""; next}
		wanted && /^### / {text = text "\n  [ " substr($0, 5) " ]\n"; next}
		wanted && /^- / {text = text "  * " substr($0, 3) "\n"; next}
		wanted && /^  [^ ]/ {text = text "  " $0 "\n"; next}
		END {printf "%s", text}' CHANGELOG.md | awk '
		# Lines of 80 characters at most, as dpkg wants them.
		{rest = $0
		while (length(rest) > 79) {
			cut = 79
			while (cut > 5 && substr(rest, cut, 1) != " ") cut--
			if (cut <= 5) break
			print substr(rest, 1, cut - 1)
			rest = "    " substr(rest, cut + 1)
		}
		print rest}'
	printf '\n -- %s  %s\n' "$MAINTAINER" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")"
}

# Packages by architecture, as nfpm calls them; file names have what dpkg and rpm say. There is one armhf
# for all: Debian's begins with ARMv7 and Raspberry Pi OS's with ARMv6, and what is built for ARMv6 runs on both.
architecture() { # target: nfpm's, Debian's, that of RPM
	case $1 in
	linux/amd64) echo amd64 amd64 x86_64 ;;
	linux/arm64) echo arm64 arm64 aarch64 ;;
	linux/arm/6) echo arm6 armhf armv6hl ;;
	linux/arm/7) echo arm7 - armv7hl ;;
	linux/mipsle/softfloat) echo mipsle mipsel mipsel ;;
	linux/riscv64) echo riscv64 riscv64 riscv64 ;;
	*) echo "dist.sh: no packages are known for $1" >&2 && return 1 ;;
	esac
}

distribute() { # package, target, flags, options of the pages
	NAME=$1
	name=$NAME-$VERSION-$(target_name "$2")
	STAGE=$work/stage
	rm -rf "$STAGE"
	mkdir "$STAGE"
	# shellcheck disable=SC2046,SC2086 # one word each is meant
	env $(target_env "$2") "$go" build -trimpath -buildvcs=false -ldflags "$ldflags $(target_ldflags "$2")" $3 -o "$STAGE/telegraf-hologram" .
	"$work/bom" -binary "$STAGE/telegraf-hologram" -name "$NAME" -version "$VERSION" -target "$(target_name "$2")" -epoch "$SOURCE_DATE_EPOCH" \
		-copyright "$STAGE/copyright" -spdx "$out/$name.spdx.json"
	for shell in bash zsh fish; do
		# shellcheck disable=SC2086 # one word or none is meant
		"$work/here" completion $shell $4 >"$STAGE/completion.$shell"
	done
	# shellcheck disable=SC2086 # as above
	"$work/here" man $4 >"$STAGE/telegraf-hologram.1"
	cp LICENSE README.md sample.conf packaging/*.example "$STAGE/"

	mkdir "$work/$name"
	cp "$STAGE"/* "$work/$name/"
	tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mode=u+rwX,go+rX,go-w --mtime="@$SOURCE_DATE_EPOCH" -cf - "$name" | gzip -9n >"$out/$name.tar.gz"
	rm -r "${work:?}/$name"
	echo "$out/$name.tar.gz"

	gzip -9n "$STAGE/telegraf-hologram.1"
	changelog "$NAME" | gzip -9n >"$STAGE/changelog.gz"
	sed "s/@NAME@/$NAME/" packaging/lintian-overrides >"$STAGE/lintian-overrides"
	find "$STAGE" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
	SUMMARY="sends the metrics of Telegraf through the Hologram cellular cloud"
	case $NAME in
	*-full)
		OTHER=telegraf-hologram
		VARIANT="This package has all commands, with those for the far side and for trials."
		;;
	*)
		OTHER=telegraf-hologram-full
		VARIANT="This package is for devices: it has no command that only the far side needs."
		;;
	esac
	architectures=$(architecture "$2")
	# shellcheck disable=SC2086 # words are meant
	set -- $architectures
	ARCH=$1
	export NAME ARCH OTHER STAGE SUMMARY VARIANT
	for file in "deb ${NAME}_${VERSION}_$2.deb" "rpm $NAME-$VERSION-1.$3.rpm"; do
		case $file in *_-.deb) continue ;; esac
		"$work/nfpm" package --config packaging/nfpm.yaml --packager "${file%% *}" --target "$out/${file#* }" >/dev/null
		echo "$out/${file#* }"
	done
}

for target in $targets; do
	distribute telegraf-hologram "$target" "$edge" --edge
done
for target in $full_targets; do
	distribute telegraf-hologram-full "$target" '' ''
done
cd "$out"
sha256sum -- * >"$work/sums"
mv "$work/sums" SHA256SUMS
chmod 644 SHA256SUMS
echo "$out/SHA256SUMS"
