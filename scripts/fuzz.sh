#!/bin/sh
# Runs each fuzz test of the module for the given time, one after the other.
set -eu
cd "$(dirname "$0")/.."
time=${1:-10s}
go=${GO:-go}
for package in $(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do
	for name in $(grep -rhoE '^func Fuzz[A-Za-z0-9_]+' "$package" --include='*_test.go' | sed 's/^func //' | sort -u); do
		echo "== $package $name"
		"$go" test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "$package"
	done
done
