# SPDX-License-Identifier: MIT
# tap.sh - functions for shell tests that print TAP. Source it, call `ok NAME COMMAND...` or `skip NAME REASON` for each test,
# then `finish`.
tap_count=0
tap_failed=0
tap_log=$(mktemp)
trap 'rm -f "$tap_log"' EXIT

# The test passes if the command exits with 0. Otherwise the command's output is printed as the explanation.
ok() {
	tap_name=$1
	shift
	tap_count=$((tap_count + 1))
	if "$@" >"$tap_log" 2>&1; then
		echo "ok $tap_count - $tap_name"
	else
		tap_failed=$((tap_failed + 1))
		echo "not ok $tap_count - $tap_name"
		echo "# $*"
		sed 's/^/# /' "$tap_log" | tail -40
	fi
}

skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

finish() {
	echo "1..$tap_count"
	[ "$tap_failed" -eq 0 ]
}

# Calls a function with each installed pair of gcc g++ and clang clang++. Reports a missing pair as skipped.
each_compiler() {
	for tap_cc in gcc clang; do
		case $tap_cc in gcc) tap_cxx=g++ ;; *) tap_cxx=clang++ ;; esac
		if command -v $tap_cc >/dev/null && command -v $tap_cxx >/dev/null; then
			"$@" $tap_cc $tap_cxx
		else
			skip "$tap_cc" "$tap_cc and $tap_cxx are not installed"
		fi
	done
}
