#!/bin/sh
# What waits to be sent outlives the package, until it is purged. The user stays: it is
# Telegraf's.
set -e

case "$1" in
purge)
	# The other package (telegraf-hologram or telegraf-hologram-full) may have taken over.
	if [ ! -e /usr/bin/telegraf-hologram ]; then
		rm -rf /var/lib/telegraf-hologram
	fi
	;;
esac
