# Sourced: target_env GOOS/GOARCH[/VARIANT] prints the variables that make Go
# build for that target, target_ldflags what its linker needs besides, target_name
# the target's name in a file name.
# shellcheck shell=sh

target_env() {
	os=${1%%/*}
	arch=${1#*/}
	variant=
	case $arch in */*) variant=${arch#*/} arch=${arch%%/*} ;; esac
	echo "CGO_ENABLED=0 GOOS=$os GOARCH=$arch"
	case $arch in
	arm) [ -z "$variant" ] || echo "GOARM=$variant" ;;
	mips | mipsle) [ -z "$variant" ] || echo "GOMIPS=$variant" ;;
	esac
}

# The linker aligns segments for pages of 64 KiB, which no 32-bit ARM has: 40 kB of nothing.
target_ldflags() {
	case $1 in linux/arm/*) echo '-R 4096' ;; esac
}

target_name() {
	case $1 in
	*/arm/*) echo "$1" | sed 's,/arm/,/armv,; s,/,-,g' ;;
	*) echo "$1" | tr / - ;;
	esac
}
