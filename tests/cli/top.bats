# SPDX-License-Identifier: MIT
# top.bats - tests `rseqkit top`: tables without a terminal, and a terminal whose state is restored at the end.

load helper
load trace

setup() {
	target=
}

teardown() {
	[ -z "$target" ] || kill -KILL "$target" 2>/dev/null || true
	wait 2>/dev/null || true
}

runs_target() {
	[ "/proc/$target/exe" -ef "$HELPERS/aborted" ]
}

start_target() { # ARGUMENT...
	"$HELPERS/aborted" "$@" 60 2>/dev/null 3>&- &
	target=$!
	wait_until runs_target
}

# Runs top in a terminal under a shell with job control; see terminal.py.
in_terminal() { # ACTION...
	python3 "$BATS_TEST_DIRNAME/terminal.py" "$RSEQKIT" "$target" "$@"
}

@test "help names the keys; wrong usage is refused" {
	expect 0 "$RSEQKIT" top --help
	assert_says "space pauses"
	expect 2 "$RSEQKIT" top --wrong
	expect 2 "$RSEQKIT" top --interval 0
	expect 2 "$RSEQKIT" top 1
	assert_says "takes no argument '1'"
}

@test "without a terminal: one table for each interval, with rates and totals" {
	need_tracing
	start_target threads=2
	expect 0 "$RSEQKIT" top --count 3 --interval 0.5 --pid $target
	[ "$(grep -c "aborts/s" <<<"$output")" -eq 3 ]
	assert_says "count_thousand+0x"
	python3 - "$output" <<-'EOF'
		import re, sys
		for table in sys.argv[1].strip().split("\n\n"):
		    lines = table.split("\n")
		    title = re.match(r"(\d+) aborts/s, (\d+) in all", lines[0])
		    rows = [line.split(None, 2) for line in lines[2:]]
		    rates = [int(row[0]) for row in rows]
		    assert rates == sorted(rates, reverse=True) and rates[0] > 0, rates
		    assert abs(sum(rates) - int(title[1])) <= len(rows), (sum(rates), title[0])
		    assert sum(int(row[1]) for row in rows) == int(title[2]), title[0]
	EOF
}

@test "all kinds of losses are counted; without the kernel's statistics the table says so" {
	need_tracing
	start_target
	printf '%s\n' "overrun: 1000000000000" "commit overrun: 2000000000000" "dropped events: 4000000000000" >"$BATS_TEST_TMPDIR/stats"
	expect 0 timeout -k 5 60 unshare -m bash -c '
		until_says() {
			until grep -qE "$1" out; do sleep 0.05; done
		}
		cd "$2" && umount --all --types tracefs && mount -t tracefs none /mnt || exit 1
		"$0" top --interval 0.2 --pid "$1" >out &
		until_says " in all$"
		stats=$(echo /mnt/instances/rseqkit-$!-*/per_cpu/cpu0/stats)
		mount --bind stats "$stats" && until_says ", 7[0-9]{12} lost$" && umount "$stats" &&
			mount --bind /dev/null "$stats" && until_says ", losses unknown$" && umount "$stats" &&
			kill $! && wait $!' "$RSEQKIT" $target "$BATS_TEST_TMPDIR"
}

@test "twenty columns are enough" {
	need_tracing
	start_target
	expect 0 env COLUMNS=20 "$RSEQKIT" top --count 1 --interval 0.3 --pid $target
	assert_says "count_thou"
	! grep -E '.{21}' <<<"$output" || return 1
}

@test "it ends with the process; a closed pipe ends it, and nothing is left" {
	need_tracing
	start_target
	"$RSEQKIT" top --interval 0.1 --pid $target >/dev/null 3>&- &
	tool=$!
	wait_until has_instance $tool
	kill -KILL $target
	wait $tool
	assert_no_instance $tool
	start_target
	expect 2 timeout 30 sh -c '"$0" top --interval 0.1 --pid $1 >/dev/full' "$RSEQKIT" $target
	assert_says "cannot write"
	run bash -c '"$0" top --interval 0.1 --pid $1 2>"$2" | head -n 1; exit ${PIPESTATUS[0]}' "$RSEQKIT" $target "$BATS_TEST_TMPDIR/err"
	[ "$status" -eq 2 ]
	grep -q "cannot write" "$BATS_TEST_TMPDIR/err"
}

@test "a terminal: keys for views, sorting and pause; cut to its size; given back at the end" {
	need_tracing
	start_target threads=2 name=worker
	in_terminal keys
	in_terminal narrow
}

@test "a terminal: given back at Ctrl-C, SIGTERM and SIGHUP" {
	need_tracing
	start_target
	in_terminal interrupt
	in_terminal terminate
}

@test "a terminal: given back at Ctrl-Z, taken again afterwards, drawn anew when its size changes" {
	need_tracing
	start_target
	in_terminal suspend
	in_terminal resize
}
