#!/bin/sh
# $1 is how many versions of the package there are now.
if [ "$1" -gt 1 ]; then
	echo "telegraf-hologram: a Telegraf that runs goes on with the version before until it is restarted"
fi
