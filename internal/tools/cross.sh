#!/usr/bin/env bash
# cross.sh: compiles Kith, and vets it with its tests, for the systems that this
# machine is not; and the packages that a browser runs for a browser.
set -euo pipefail
export CGO_ENABLED=0
quick='all=-N -l' # nobody runs it, and without optimizing it takes half the time
for system in linux windows darwin; do
	[ "$system" = "$(go env GOHOSTOS)" ] && continue
	echo "$system: all packages"
	GOOS=$system go build -gcflags="$quick" ./...
	GOOS=$system go vet -gcflags="$quick" ./...
done
echo "js/wasm: kith wire seal convo people"
GOOS=js GOARCH=wasm go build . ./wire ./seal ./convo ./people
