#!/bin/sh
# Installs the real clients that the tests use: on Debian as root, from its packages.
# Elsewhere it says what is missing; the tests that need it say so and are skipped.
set -eu
packages="litmus rclone owncloud-client-cmd cadaver curl"
commands="litmus rclone owncloudcmd cadaver curl"

missing=""
for command in $commands; do
	command -v "$command" >/dev/null 2>&1 || missing="$missing $command"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	echo "installing the test clients:$missing"
	log=$(mktemp)
	trap 'rm -f "$log"' EXIT
	# shellcheck disable=SC2086
	if { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages; } >"$log" 2>&1; then
		exit 0
	fi
	tail -n 5 "$log"
	echo "the test clients could not be installed" >&2
	exit 1
fi
echo "not installed here, so the tests with them are left out:$missing"
echo "(on Debian: sudo apt-get install $packages)"
