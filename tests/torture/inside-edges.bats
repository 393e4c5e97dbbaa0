# SPDX-License-Identifier: MIT
# inside-edges.bats - tests `rseqkit torture --inside` in rare situations that need privileges or time.

load ../cli/helper
load report

setup() {
	need_inside
}

# Runs a script in a PID namespace, where it can choose the ids of processes.
in_namespace() { # SCRIPT
	unshare -p -f --mount-proc sh -c 'echo 100 >/proc/sys/kernel/ns_last_pid' 2>/dev/null || skip "no PID namespace can be made"
	expect 0 timeout -s KILL 100 unshare -p -f --kill-child --mount-proc bash -ec "$1"
}

@test "the tool is killed, and another process gets its number: a child doesn't wait for it" {
	in_namespace '
		"$RSEQKIT" torture --inside --rounds 100 "$HELPERS/scarce" outlives "$PWD/ended" >report 2>&1 &
		tool=$!
		until [ -e begun ]; do sleep 0.1; done
		kill -KILL $tool
		wait $tool || true
		echo $((tool - 1)) >/proc/sys/kernel/ns_last_pid
		sleep 50 &
		[ $! -eq $tool ]
		for ((i = 0; i < 400; i++)); do
			[ ! -e ended ] || exit 0
			sleep 0.1
		done
		exit 1'
}

@test "the first process has ended, and another one gets its number: SIGTERM doesn't reach that one" {
	in_namespace '
		"$RSEQKIT" torture --inside --rounds 1000000 sh -c "echo \$\$ >pid; $HELPERS/scarce daemon $PWD/end $PWD/ended" >report 2>&1 &
		tool=$!
		until [ -e begun ]; do sleep 0.1; done
		first=$(cat pid)
		while kill -0 $first 2>/dev/null; do sleep 0.1; done
		sleep 0.2
		echo $((first - 1)) >/proc/sys/kernel/ns_last_pid
		sleep 50 &
		[ $! -eq $first ]
		kill -TERM $tool
		wait $tool || true
		kill -0 $first
		: >end
		for ((i = 0; i < 400; i++)); do
			[ ! -e ended ] || exit 0
			sleep 0.1
		done
		exit 1'
}

# Copies a program with its libraries to a folder that all users can read.
copy_program() { # PROGRAM
	place=$(mktemp -d)
	chmod 755 "$place"
	(cd "$place" && for file in "$1" $(ldd "$1" | grep -o '/[^ ]*'); do
		cp --parents "$file" .
	done)
}

teardown() {
	[ -z "${place:-}" ] || rm -r "$place"
}

@test "a program that is executed with another root or as another user: it runs, and the tool says what it missed" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	copy_program "$(type -P true)"
	run "$RSEQKIT" torture --inside --output report chroot "$place" "$(type -P true)"
	[ "$status" -eq 3 ]
	[[ "$output" != *ld.so* ]]
	assert_says "1 programs were executed without torture"
	run "$RSEQKIT" torture --inside --output report chroot "$place" "$HELPERS/none"
	[[ "$output" != *"without torture"* ]]
	cp "$HELPERS/program" "$(dirname "$RSEQKIT")/librseqkit-torture.so" "$place"
	library=$(ldd "$HELPERS/program" | awk '/librseqkit/ { print $3 }')
	cp "$RSEQKIT" "$library" "$place"
	export LD_LIBRARY_PATH=$place
	run "$place/rseqkit" torture --inside --output report setpriv --reuid 65534 --clear-groups "$place/program" threads
	[ "$status" -eq 3 ]
	assert_says "1 programs were executed without torture"
	grep -q "ended with status 0" report
}
