#!/usr/bin/env bash
# format.sh: fails, and names the files, if Go files are not as gofmt writes them.
set -euo pipefail
wrong=$(gofmt -l .)
if [ -n "$wrong" ]; then
	echo "not formatted; run gofmt -w on:" >&2
	echo "$wrong" >&2
	exit 1
fi
