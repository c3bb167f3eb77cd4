#!/usr/bin/env bash
# fuzz.sh TIME: runs every fuzz target of the project for TIME, one after the
# other, and stops at the first that fails. What fails is left in testdata/fuzz
# of its package: fix it, and commit the input with the fix.
set -euo pipefail
grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u |
	while read -r dir; do
		for target in $(go test -list '^Fuzz' "$dir" | grep '^Fuzz'); do
			echo "== $dir $target"
			go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" "$dir" </dev/null
		done
	done
