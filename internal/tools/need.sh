#!/usr/bin/env bash
# need.sh build|test: sees to it that this machine has what building or testing
# Kith takes. As root on Debian or Ubuntu it installs what is missing, and says
# what; elsewhere it says what to install and which tests do without.
set -euo pipefail

go_wanted=1.26 # as in go.mod

say() { echo "need: $*" >&2; }

# Go. From 1.21 on, an older Go fetches the one that go.mod names by itself.
if ! command -v go >/dev/null; then
	say "Go is missing. Install Go $go_wanted or later and put it on the PATH"
	say "(a Go in /usr/local/go/bin is found without that)."
	exit 1
fi
if ! version=$(go env GOVERSION 2>&1); then
	say "This Go is too old and could not fetch a newer one: $version"
	say "Install Go $go_wanted or later."
	exit 1
fi
case $version in
go1.[0-9] | go1.[0-9].* | go1.1[0-9]* | go1.2[0-5]*)
	say "This is $version; install Go $go_wanted or later."
	exit 1
	;;
esac
[ "$1" = test ] || exit 0

# missing prints the Debian package of every command that is not there.
missing() {
	command -v gcc >/dev/null || echo gcc libc6-dev # the race detector links with it
	[ "$(uname -s)" = Linux ] || return 0
	command -v ip >/dev/null || echo iproute2       # internal/lab: networks
	command -v nft >/dev/null || echo nftables      # internal/lab: routers
	command -v nsenter >/dev/null || echo util-linux # internal/lab: processes in them
	command -v miniupnpd >/dev/null || echo miniupnpd-nftables # portmap: a real router's mapping of ports
	command -v turnserver >/dev/null || echo coturn # hub: another TURN server
	command -v transmission-cli >/dev/null || echo transmission-cli # swarm: other BitTorrent programs
	command -v aria2c >/dev/null || echo aria2
	/usr/bin/python3 -c 'import libtorrent' 2>/dev/null || echo python3-libtorrent
}

PATH=$PATH:/usr/sbin:/sbin
mapfile -t packages < <(missing)
[ ${#packages[@]} -gt 0 ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	say "installing ${packages[*]} for the tests"
	export DEBIAN_FRONTEND=noninteractive
	{ apt-get -q update && apt-get -qy install --no-install-recommends ${packages[*]}; } </dev/null >&2 ||
		say "that failed: tests that can do without them are skipped, others say what they lack"
else
	say "the tests would like to have: ${packages[*]} (names of Debian packages)"
	say "Without gcc there is no race detector; without the others, or when not"
	say "root, the tests on simulated networks (internal/lab) and those with other"
	say "programs (swarm, portmap, hub) are skipped."
fi
