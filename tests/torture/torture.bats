# SPDX-License-Identifier: MIT
# torture.bats - tests `rseqkit torture`: which instructions it aborts, which faults it finds, and that it otherwise doesn't
# disturb programs. edges.bats has rare situations. The script `every` aborts all critical sections of the library.

load ../cli/helper
load report

setup() {
	need_tracing
}

@test "help names the exit status; a program or a process is needed" {
	expect 0 "$RSEQKIT" torture --help
	assert_says "Exit status: 0 all covered"
	expect 2 "$RSEQKIT" torture
	expect 2 "$RSEQKIT" torture --wrong
	expect 2 "$RSEQKIT" torture --pid 1 ls
	expect 2 "$RSEQKIT" torture --reach --migrate ls
	expect 2 "$RSEQKIT" torture --time 1 ls
	expect 2 "$RSEQKIT" torture --rounds 3 --random 5 ls
	expect 2 "$RSEQKIT" torture ./none
	assert_says "cannot execute ./none"
}

@test "control characters and bytes that aren't UTF-8 in a program's name are '?' in the report" {
	program=$BATS_TEST_TMPDIR/$'h\e[31m\xff\xc3\xbc\x9b'
	cp "$HELPERS/hand" "$program"
	"$program" twice || skip "no sections by hand"
	expect 0 "$RSEQKIT" torture "$program" twice
	[[ $output == *$'  h?[31m?\xc3\xbc?: twice+'*$'reached'*$'\n  h?[31m?\xc3\xbc?: pushes+'* ]]
}

@test "every instruction that the program reaches is aborted once, and each abort is confirmed" {
	torture 0 "$HELPERS/program" threads
	is "r['schema']" rseqkit.torture/1
	is "r['injected'] == r['confirmed'] > 0" True
	is "r['not_aborted']" 0
	is "all(s['covered'] == s['reached'] for s in r['sections'])" True
	is "sum(s['instructions'] == s['covered'] > 0 for s in r['sections'])" 2
	is "r['program']['status']" 0
	cp report.json all.json
	torture 0 --reach "$HELPERS/program" threads
	is "r['injected']" 0
	is "[s['reached'] for s in r['sections']] == [s['reached'] for s in json.load(open('all.json'))['sections']]" True
}

@test "--rounds and --random make as many aborts; a seed chooses the instructions" {
	torture 0 --rounds 20 "$HELPERS/program" threads
	is "all(s['covered'] == s['reached'] for s in r['sections'])" True
	is "r['confirmed'] >= 14 * 20" True
	torture 0 --random 100 --seed 5 "$HELPERS/program" threads
	is "100 <= r['confirmed'] < 120" True
	torture 0 --random 1000 "$HELPERS/program" threads
	is "min(s['confirmed'] for s in r['sections'] if s['covered']) > 5" True
}

@test "a program without sections: exit 3" {
	torture 3 true
	is "r['injected'], r['program']['status']" "(0, 0)"
}

@test "the program's end: status and signal" {
	torture 1 "$HELPERS/program" fails
	is "r['program']['status'], r['program']['signal']" "(5, None)"
	torture 1 "$HELPERS/program" dies
	is "r['program']['status'], r['program']['signal']" "(None, 6)"
}

@test "threads, forks, vfork and exec, a timer's signals, stops, modules: each count is exact" {
	for what in threads forks executes times stops "loads $HELPERS/module.so"; do
		echo "$what"
		torture 0 "$HELPERS/program" $what
		is "r['injected'] == r['confirmed'] > 0" True
	done
}

@test "a static program; a program that is stripped" {
	torture 0 "$HELPERS/program-static" forks
	is "r['injected'] == r['confirmed'] > 10" True
	strip -o stripped "$HELPERS/program-static"
	torture 0 ./stripped threads
	is "r['injected'] == r['confirmed'] > 10" True
}

@test "a program that handles SIGTRAP, or traces a child, works; what isn't done is said" {
	torture 3 "$HELPERS/program" traps
	assert_says "handles SIGTRAP itself"
	is "r['program']['status'], r['spared']" "(0, 1)"
	torture 0 "$HELPERS/program" traces
	assert_says "calls ptrace()"
	is "r['let_go']" 1
}

@test "a store before the commit that others see: exit 1, with the place; a right section: none" {
	torture 0 "$HELPERS/wrong" right
	is "r['violations']" "[]"
	for name in two_stores late_end; do
		torture 1 "$HELPERS/wrong" $name
		is "len(r['violations']), r['program']['status']" "(1, 0)"
		is "r['violations'][0]['symbol'].split('+')[0], r['violations'][0]['bytes']" "('$name', 8)"
		is "int(r['violations'][0]['after'], 16) - int(r['violations'][0]['before'], 16)" 1
	done
	torture 1 "$HELPERS/wrong" wide
	is "len(r['violations']), r['violations'][0]['bytes']" "(1, 8)"
	for where in stack late; do
		torture 1 "$HELPERS/wrong" two_stores 3000 $where
		is "len(r['violations']), r['program']['status']" "(1, 0)"
	done
	torture 1 --random 100 "$HELPERS/wrong" two_stores
	is "len(r['violations']), r['program']['status']" "(1, 0)"
	expect 1 "$RSEQKIT" torture "$HELPERS/wrong" two_stores
	assert_says "Wrong: wrong: section two_stores+"
}

@test "a file without declarations: the same store is a note, and an error with --strict" {
	torture 0 "$HELPERS/wrong-undeclared" two_stores
	is "[v['sure'] for v in r['violations']]" "[False]"
	expect 0 "$RSEQKIT" torture "$HELPERS/wrong-undeclared" two_stores
	assert_says "Note: wrong-undeclared: section two_stores+"
	torture 1 --strict "$HELPERS/wrong-undeclared" two_stores
}

@test "a slot that is kept over an abort: --migrate makes the program fail" {
	[ "$(nproc)" -gt 1 ] || skip "one CPU"
	try_until 50 "no thread passed at the right moment" makes_it_fail
	is "r['violations'], r['program']['status']" "([], 1)"
	is "r['migrated'] > 0" True
	torture 0 --migrate --rounds 20 "$HELPERS/wrong" right 100000
}

makes_it_fail() {
	run "$RSEQKIT" torture --json --output report.json --migrate --rounds 20 "$HELPERS/wrong" stale 100000
	[ "$status" -eq 1 ]
}

@test "a full disk and a closed output are errors" {
	[ -c /dev/full ] || skip "no /dev/full"
	expect 2 "$RSEQKIT" torture --output /dev/full "$HELPERS/program" threads
	expect 2 bash -c "'$RSEQKIT' torture '$HELPERS/program' threads >/dev/full"
}
