#!/bin/sh
# platforms.sh "TARGETS": builds for each target, encodes the corpora with each binary, under qemu
# where the machine is another, and fails where a payload differs by a byte from this machine's.
set -eu
go=${GO:-go}
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# The corpus of examples has lines that are no line protocol, of which encode says so and fails.
encode() {
	cat testdata/corpora/*.lp | "$@" encode 2>/dev/null >"$dir/messages" || test -s "$dir/messages"
	sha256sum <"$dir/messages" | cut -c1-64
}

CGO_ENABLED=0 "$go" build -o "$dir/here" .
want=$(encode "$dir/here")
echo "this machine         $want"
checked=0
failed=
for target in $1; do
	os=${target%%/*}
	rest=${target#*/}
	arch=${rest%%/*}
	variant=
	[ "$rest" = "$arch" ] || variant=${rest#*/}
	case $arch in
	amd64) qemu="qemu-x86_64" ;;
	arm64) qemu="qemu-aarch64" ;;
	mipsle) qemu="qemu-mipsel" ;;
	*) qemu="qemu-$arch" ;;
	esac
	if ! command -v "$qemu" >/dev/null; then
		printf '%-20s passed over: %s is not installed (Debian: qemu-user)\n' "$target" "$qemu"
		continue
	fi
	CGO_ENABLED=0 GOOS=$os GOARCH=$arch GOARM=${variant:-7} GOMIPS=softfloat "$go" build -o "$dir/there" .
	got=$(encode "$qemu" "$dir/there")
	printf '%-20s %s\n' "$target" "$got"
	checked=$((checked + 1))
	[ "$got" = "$want" ] || failed="$failed $target"
done
if [ -n "$failed" ]; then
	echo "other bytes on:$failed" >&2
	exit 1
fi
echo "$checked platforms make the same bytes"
