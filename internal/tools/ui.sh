#!/usr/bin/env bash
# ui.sh build|test: builds the page into ui/dist, or tests it. Without Node.js
# the program is compiled all the same, with the plain page of web/page.
set -euo pipefail
cd "$(dirname "$0")/../../ui"

say() { echo "ui: $*" >&2; }

# installed runs apt-get for what is missing, where it may.
installed() {
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
	say "installing $*"
	export DEBIAN_FRONTEND=noninteractive
	{ apt-get -q update && apt-get -qy install --no-install-recommends "$@"; } </dev/null >&2
}

new_enough() {
	command -v npm >/dev/null && node -e '
		const [major, minor] = process.versions.node.split(".").map(Number);
		process.exit(major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19) ? 0 : 1)'
}

if ! new_enough; then
	say "Node.js 20.19, 22.12 or later, with npm, is missing. Without it the page"
	say "can't be built or tested; Kith then serves its plain page."
	exit 0
fi

# npm ci is slow: only when what is to be installed has changed.
if [ package-lock.json -nt node_modules/.package-lock.json ]; then
	npm ci --no-audit --no-fund
	touch node_modules/.package-lock.json
fi

case $1 in
build)
	npm run --silent build
	;;
test)
	# Checking types keeps one processor busy, so the other does the tests.
	types=$(mktemp)
	trap 'rm -f "$types"' EXIT
	npm run --silent check >"$types" 2>&1 &
	check=$!
	tests=0 && npm test --silent || tests=$?
	wait $check || { cat "$types" && say "the types are wrong, see above" && exit 1; }
	[ $tests = 0 ] || exit $tests
	if [ ! -x "${CHROMIUM:-/usr/bin/chromium}" ] && [ "$(uname -s)" = Linux ]; then
		installed chromium || say "no Chromium (Debian: chromium): the tests in a browser are skipped"
	fi
	npm run --silent browser
	;;
esac
