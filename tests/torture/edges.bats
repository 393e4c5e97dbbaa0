# SPDX-License-Identifier: MIT
# edges.bats - tests `rseqkit torture` with programs that do rare things, and with running processes.

load ../cli/helper
load report

setup() {
	need_tracing
}

# Runs `rseqkit torture` with a program of edges.c, and checks the exit status.
edges() { # STATUS NAME ARGUMENT...
	local wanted=$1
	shift
	echo "$1"
	torture "$wanted" "$HELPERS/edges" "$@"
	is "r['program']['status'], r['injected'] == r['confirmed']" "(0, True)"
}

@test "SIGTRAP that is blocked stays so; where it is ignored, or memory is closed, the rest isn't aborted" {
	edges 0 blocks
	is "r['confirmed'] > 0, r['spared']" "(True, 0)"
	edges 3 ignores
	assert_says "it ignores SIGTRAP"
	(trap '' TRAP && edges 3 ignored)
	edges 3 disturbed
	edges 3 long-traps
	edges 0 closes
	[ "$(id -u)" -eq 0 ] || return 0
	edges 0 drops
	is "r['spared']" 0
	expect 0 setpriv --bounding-set -sys_ptrace --inh-caps -sys_ptrace "$RSEQKIT" torture "$HELPERS/edges" drops
	assert_says "closes its memory"
	# Copies the programs, because another user may be unable to execute files in this tree.
	place=$(mktemp -d)
	chmod 755 "$place"
	cp "$RSEQKIT" "$HELPERS/edges" "$(library)" "$place"
	expect 0 env LD_LIBRARY_PATH="$place" setpriv --reuid 65534 --clear-groups "$place/rseqkit" torture "$place/edges" closes
	assert_says "closes its memory"
	chmod 711 "$place/edges"
	expect 3 env LD_LIBRARY_PATH="$place" setpriv --reuid 65534 --clear-groups "$place/rseqkit" torture "$place/edges" closes
	assert_says "may not read its memory"
}

@test "a library whose file has gone is named in the report" {
	[ "$(id -u)" -eq 0 ] || skip "not for this user"
	place=$(mktemp -d)
	chmod 755 "$place"
	mkdir "$place/gone"
	cp "$RSEQKIT" "$HELPERS/edges" "$(library)" "$place"
	cp "$(library)" "$place/gone"
	mkfifo end
	LD_LIBRARY_PATH="$place/gone" setpriv --reuid 65534 --clear-groups "$place/edges" forks-forever <end >out &
	pid=$!
	exec 9>end
	wait_until grep -q begun out
	rm -r "$place/gone"
	run env LD_LIBRARY_PATH="$place" setpriv --reuid 65534 --clear-groups "$place/rseqkit" torture --time 0.1 --pid $pid
	[ "$status" -ne 2 ] || skip "$output"
	assert_says "can't be opened; its sections are not covered"
	exec 9>&-
	wait $pid
	pid=
}

library() {
	ldd "$HELPERS/edges" | awk '/librseqkit/ { print $3 }'
}

@test "the rest of a program whose vfork child is traced by it; new threads' CPUs; many children; children of killed parents" {
	edges 0 spawns-traced
	assert_says "calls ptrace()"
	is "r['let_go'], r['confirmed'] > 0" "(1, True)"
	edges 0 many
	(ulimit -n 25 && edges 0 many)
	edges 0 orphans
	[ "$(nproc)" -gt 1 ] || skip "one CPU"
	torture 0 --migrate --rounds 20 "$HELPERS/edges" narrows
}

@test "code that is mapped in part, replaced, or entered by another descriptor" {
	edges 0 moves "$HELPERS/module.so"
	edges 0 maps "$(library)" "$HELPERS/module.so"
	"$HELPERS/hand" twice || skip "no sections by hand"
	edges 0 replaces "$HELPERS/hand-module.so" "$HELPERS/hand-other.so"
	is "[s['covered'] for s in r['sections'] if s['path'].endswith('replaced.so') and s['covered']]" "[3, 2]"
	edges 0 unlinks "$HELPERS/hand-module.so" "$HELPERS/hand-other.so"
	is "sum(s['covered'] for s in r['sections'] if 'unlinked' in s['path'])" 2
	edges 0 alternates "$HELPERS/hand-module.so" "$HELPERS/hand-other.so"
	torture 0 --random 1000000 "$HELPERS/edges" alternates "$HELPERS/hand-module.so" "$HELPERS/hand-other.so"
	edges 0 loads-late "$HELPERS/hand-module.so"
	is "sum(s['covered'] for s in r['sections'] if 'hand-module' in s['path'])" 2
	torture 0 "$HELPERS/hand" own-ptrace
	is "r['let_go']" 0
	torture 0 "$HELPERS/hand" twice
	is "[s['covered'] for s in r['sections'] if s['covered']]" "[2]"
	torture 0 --rounds 50 "$HELPERS/hand" pushes
	is "[s['covered'] for s in r['sections'] if s['covered']]" "[2]"
}

@test "a changed input, and a handler that goes on in the middle: lint finds both, and torture makes the program fail" {
	"$HELPERS/hand" clobbers || skip "no sections by hand"
	expect 1 "$RSEQKIT" lint "$HELPERS/hand"
	assert_says "clobbers+"
	assert_says "[clobber]"
	assert_says "middle+"
	assert_says "[entry]"
	for name in clobbers middle; do
		"$HELPERS/hand" $name
		torture 1 "$HELPERS/hand" $name
		is "r['program']['status'], r['confirmed'] > 0" "(1, True)"
	done
}

@test "stores of several elements, and by a segment, are judged; thread-local memory is the thread's own; nested sections" {
	"$HELPERS/hand" repeats || skip "no sections by hand"
	for name in repeats by-segment; do
		torture 1 --strict "$HELPERS/hand" $name
		is "len(r['violations']), r['program']['status']" "(1, 0)"
	done
	torture 0 --random 3000 "$HELPERS/hand" nests
	is "sum(s['confirmed'] > 200 for s in r['sections'])" 3
	torture 0 --strict --rounds 20 "$HELPERS/hand" local
	is "r['violations']" "[]"
}

@test "a running process is tortured and goes on unharmed, however the command ends" {
	"$HELPERS/program" forever >out &
	pid=$!
	wait_until grep -q begun out
	for ((i = 0; i < 6; i++)); do
		torture 0 --pid $pid --random 50 --time 100
		is "r['confirmed'] >= 50" True
		is "r['program']['status']" None
		expect 0 "$RSEQKIT" torture --pid $pid --random 50 --time 100 --migrate
	done
	"$RSEQKIT" torture --pid $pid --rounds 1000000 --time 1000 >killed 2>&1 &
	local command=$!
	wait_until traced $pid
	kill -KILL $command
	wait_until untraced $pid
	"$RSEQKIT" torture --pid $pid --rounds 1000000 --time 1000 >ended 2>&1 &
	command=$!
	wait_until traced $pid
	sleep 0.5
	kill -INT $command
	wait $command || [ $? -eq 3 ] # 3: the machine was too busy, so the tool aborted no section
	grep -q "The program goes on" ended
	untraced $pid
	kill -USR1 $pid
	wait $pid
	pid=
	grep -q exact out
}

# Tortures a running program and ends it by a signal. Stores the status of the tool in `status`, and its report in `report`.
torture_until() { # SIGNAL
	"$HELPERS/program" forever >out &
	pid=$!
	wait_until grep -q begun out
	"$RSEQKIT" torture --runs 3 --pid $pid --rounds 50 --time 1000 >report &
	local command=$!
	wait_until traced $pid
	sleep 0.5
	kill -"$1" $pid
	status=0
	wait $command || status=$?
	wait $pid || true
	pid=
	cat report
}

@test "a process that fails while it is tortured: exit 1, also with --pid; one that ends well is no failure" {
	torture_until ABRT
	grep -q "killed by signal 6" report
	[ $status -eq 1 ]
	torture_until USR1
	grep -q "ended with status 0" report
	[ $status -ne 1 ]
	[ $status -ne 2 ]
}

@test "children of fork, while other threads come to breakpoints, and children of a process from which the tool detaches" {
	for options in "--rounds 10" "--rounds 400" "--random 100000000"; do
		torture 0 $options "$HELPERS/edges" forks-counting
		torture 0 $options "$HELPERS/edges" forks-masked
	done
	mkfifo end
	"$HELPERS/edges" forks-forever <end >out &
	pid=$!
	exec 9>end
	wait_until grep -q begun out
	for ((i = 0; i < 15; i++)); do
		"$RSEQKIT" torture --pid $pid --time 0.05 --rounds 1000 >/dev/null || [ $? -eq 3 ]
		"$RSEQKIT" torture --pid $pid --time 0.05 --random 1000000 >/dev/null || [ $? -eq 3 ]
	done
	exec 9>&-
	wait $pid
	pid=
}

@test "a fork that is reported after the child's end" {
	LD_PRELOAD=$HELPERS/late.so torture 0 "$HELPERS/program" forks
	is "r['program']['status'], r['injected'] == r['confirmed'] > 0" "(0, True)"
}

@test "calls that the tool watches aren't missed while another thread makes one" {
	for options in "--rounds 10" "--random 100000000"; do
		torture 0 $options "$HELPERS/edges" masks-race
		torture 0 $options "$HELPERS/edges" actions-race
	done
}

@test "a closed stderr ends neither the tool nor the program; a killed process is no error" {
	"$RSEQKIT" torture --output report.json --json "$HELPERS/edges" ignores-long 2>&1 | true
	is "r['program']['status']" 0
	torture 0 --rounds 100000 "$HELPERS/edges" killed
	[[ "$output" != *"can't be removed"* ]]
}

@test "the time is over, though many threads stop all the time" {
	"$HELPERS/program" forever 60 >out &
	pid=$!
	wait_until grep -q begun out
	timeout 60 "$RSEQKIT" torture --pid $pid --rounds 1000000 --time 1 >report || [ $? -eq 3 ] # 3: no section was aborted
	kill -USR1 $pid
	wait $pid
	pid=
	grep -q exact out
}

@test "a mapping that begins several pages before the code" {
	mkfifo end
	"$HELPERS/edges" widens <end >out &
	pid=$!
	exec 9>end
	wait_until grep -q begun out
	torture 0 --pid $pid --time 2
	is "sum(s['confirmed'] for s in r['sections'] if s['path'].endswith('/edges')) > 0" True
	exec 9>&-
	wait $pid
	pid=
}

@test "a process of which another tracer has a thread isn't touched; a vfork child is taken along" {
	mkfifo end
	"$HELPERS/program" forever >out &
	pid=$!
	wait_until grep -q begun out
	"$HELPERS/edges" attaches $pid <end >attached &
	exec 9>end
	wait_until grep -q attached attached
	expect 2 "$RSEQKIT" torture --pid $pid --time 1
	assert_says "traces it"
	exec 9>&-
	kill -USR1 $pid
	wait $pid
	pid=
	"$HELPERS/edges" counts-late <end >out &
	local late=$!
	exec 9>end
	wait_until grep -q begun out
	torture 0 --pid $late --time 0.5
	is "r['confirmed'] > 0" True
	exec 9>&-
	wait $late
	"$HELPERS/edges" vforks <end >out &
	local vforks=$!
	exec 9>end
	wait_until grep -q begun out
	sleep 0.1
	"$RSEQKIT" torture --pid $vforks --time 0.5 >/dev/null || [ $? -eq 3 ]
	exec 9>&-
	wait $vforks
}

@test "SIGTERM reaches the program in a later run" {
	"$HELPERS/hand" twice || skip "no sections by hand"
	: >runs
	echo 'echo run >>runs; [ $(wc -l <runs) -gt 1 ] || exec "$HELPERS/hand" twice; "$HELPERS/hand" pushes; echo >later; exec sleep 100' >program
	"$RSEQKIT" torture --runs 5 sh program >report 2>&1 &
	local command=$!
	wait_until test -s later
	sleep 0.2
	kill -TERM $command
	status=0
	wait $command || status=$?
	[ "$status" -eq 1 ]
	grep -q "killed by signal 15" report
}

@test "a signal to the tool reaches the program; one to the whole group reaches it once" {
	mkfifo end
	setsid "$RSEQKIT" torture --output report --json "$HELPERS/edges" ends-twice <end >out &
	local command=$!
	exec 9>end
	wait_until grep -q begun out
	kill -TERM $command
	sleep 0.5
	kill -HUP -- -$command
	sleep 0.5
	exec 9>&-
	wait $command
}

@test "SIGTERM after the first process: the others go on" {
	echo 'echo $$ >pid; (sleep 1000 & echo $! >sleeper) >/dev/null 2>&1' >daemon
	"$RSEQKIT" torture sh daemon >report 2>&1 &
	local command=$!
	wait_until test -s sleeper
	pid=$(cat sleeper)
	wait_until ended "$(cat pid)"
	sleep 0.2
	kill -TERM $command
	wait_until ended $command
	wait $command || [ $? -eq 3 ]
	kill -0 "$pid"
}

ended() { # PID
	! kill -0 "$1" 2>/dev/null
}

teardown() {
	[ -z "${place:-}" ] || rm -r "$place"
	[ -z "${pid:-}" ] || kill -KILL "$pid" 2>/dev/null || true
}

traced() { # PID
	! untraced "$1"
}

untraced() {
	grep -q '^TracerPid:[[:blank:]]0$' "/proc/$1/status"
}

@test "the processes of another PID namespace are left alone" {
	unshare -p -f true || skip "no namespace can be made"
	expect 2 unshare -p -f "$RSEQKIT" torture "$HELPERS/program" threads
	assert_says "another PID namespace"
}
