# SPDX-License-Identifier: MIT
# target.bash - starts a target process, for the tests of `rseqkit inspect`.

setup() {
	setup_target
}

setup_target() {
	target=
	[[ $(uname -m) = @(x86_64|aarch64) ]] || skip "can't read the registers of this machine"
	! "$RSEQKIT" inspect $$ 2>&1 | grep -q "not permitted" || skip "processes can't be traced here"
}

teardown() {
	[ -z "$target" ] || kill -KILL "$target" 2>/dev/null || true
	wait 2>/dev/null || true
}

# Ends the previous target, and starts a program as the new target. Waits until it prints "ready" or sleeps. $target is its id.
start() {
	local shell program
	shell=$(readlink /proc/$$/exe)
	[ -z "$target" ] || kill -KILL "$target" 2>/dev/null || true
	: >"$BATS_TEST_TMPDIR/target" # removes the output of the previous target
	"$@" >"$BATS_TEST_TMPDIR/target" 2>&1 3>&- &
	target=$!
	for _ in $(seq 6000); do
		grep -q ready "$BATS_TEST_TMPDIR/target" && return
		program=$(readlink "/proc/$target/exe") || program=$shell
		[[ " $* " = *" $HELPERS/"* ]] || [ "$program" = "$shell" ] || ! has_state S || return 0
		sleep 0.01
	done
	echo "it didn't start: $*"
	cat "$BATS_TEST_TMPDIR/target"
	return 1
}

has_state() { # STATE [PROCESS]
	grep -q "^State:.$1" "/proc/${2:-$target}/status"
}
