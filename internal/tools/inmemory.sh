#!/usr/bin/env bash
# inmemory.sh COMMAND…: runs a command whose temporary files are in memory, if
# there is room for them. Tests write little and wait for the disk often, and
# kill processes but not the machine: to them memory keeps what a disk keeps.
set -uo pipefail
room=$((4 * 1024 * 1024)) # KiB; the tests were seen to take 0.3 GiB

roomy() {
	[ -w /dev/shm ] &&
		[ "$(df --output=avail /dev/shm | tail -1)" -ge "$room" ] &&
		[ "$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)" -ge "$room" ]
}

if roomy 2>/dev/null; then
	folder=$(mktemp -d /dev/shm/kith-XXXXXX)
	trap 'rm -rf "$folder"' EXIT
	# Some tests run programs from there, which a machine may forbid.
	if cp "$(type -P true)" "$folder/runs" && "$folder/runs" 2>/dev/null; then
		export GOTMPDIR=${GOTMPDIR:-${TMPDIR:-/tmp}} # what is compiled is large
		export TMPDIR=$folder
	fi
	rm -f "$folder/runs"
fi
"$@"
