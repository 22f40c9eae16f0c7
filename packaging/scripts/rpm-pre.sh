#!/bin/sh
# Before the files, some of which are Telegraf's user's: that user, as Telegraf's own
# package makes it.
getent group telegraf >/dev/null || groupadd --system telegraf || exit 1
getent passwd telegraf >/dev/null ||
	useradd --system --gid telegraf --no-create-home --home-dir /etc/telegraf --shell /bin/false telegraf || exit 1
