# SPDX-License-Identifier: MIT
# programs.sh - runs the programs of this folder; for the scripts beside it, which have set `dir`.

# The program passes, and prints whole TAP. Its output stays in $dir/log.
passes() { # COMMAND...
	"$@" >"$dir/raw" 2>&1
	local status=$?
	tr -d '\r' <"$dir/raw" >"$dir/log"
	grep -v digest "$dir/log"
	[ $status = 0 ] && ! grep '^not ok' "$dir/log" && [ "$(grep -c '^ok ' "$dir/log")" = "$(sed -n 's/^1\.\.//p' "$dir/log")" ]
}

# The numbers that stand for the results of histograms.
digests() { # LOG
	grep '^# digest' "$1"
}
