#!/bin/sh
# After the files are in place: the user that Telegraf runs as, and what belongs to it.
set -e

# mine PATH OWNER MODE: gives PATH to OWNER, unless the administrator has decided
# otherwise with dpkg-statoverride, or by giving it to somebody.
mine() {
	if [ "$(stat -c %U:%G "$1" 2>/dev/null)" = root:root ] && ! dpkg-statoverride --list "$1" >/dev/null; then
		chown "$2" "$1"
		chmod "$3" "$1"
	fi
}

case "$1" in
configure)
	# As Telegraf's own package makes it, if that comes later.
	if ! getent group telegraf >/dev/null; then
		groupadd --system telegraf
	fi
	if ! getent passwd telegraf >/dev/null; then
		useradd --system --gid telegraf --no-create-home --home-dir /etc/telegraf --shell /bin/false telegraf
	fi
	mine /var/lib/telegraf-hologram telegraf:telegraf 0700
	mine /etc/telegraf/hologram.conf.example root:telegraf 0640
	if [ -n "$2" ]; then
		echo "telegraf-hologram: a Telegraf that runs goes on with the version before until it is restarted"
	fi
	;;
esac
