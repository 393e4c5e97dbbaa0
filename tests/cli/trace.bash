# SPDX-License-Identifier: MIT
# trace.bash - functions that the tests of `rseqkit trace` and `rseqkit top` share. They use tracefs without the tool.

# Runs a shell script in the root of tracefs, in a mount namespace of its own.
in_tracefs() { # SCRIPT ARGUMENT...
	unshare -m sh -c 'mount -t tracefs none /mnt && cd /mnt && eval "$0"' "$@"
}

# Skips the test if this process isn't allowed to trace, or if tracefs lacks the events.
need_tracing() {
	[ "$(id -u)" -eq 0 ] || skip "not root"
	in_tracefs true 2>/dev/null || skip "tracefs can't be mounted here"
	in_tracefs '[ -e events/rseq/rseq_ip_fixup ]' || skip "this kernel has no event rseq_ip_fixup"
	in_tracefs 'mkdir instances/test-$$ && rmdir instances/test-$$' 2>/dev/null || skip "tracefs can't have instances here"
	[ "$(readlink /proc/self/ns/pid)" = "pid:[4026531836]" ] || skip "not in the initial PID namespace"
	[ -x "$HELPERS/aborted" ] || skip "not for this machine"
}

# Succeeds if tracefs has an instance of the process.
has_instance() { # PID
	in_tracefs 'ls instances' | grep -q "^rseqkit-$1-"
}

# Fails if tracefs still has an instance that the process has made.
assert_no_instance() { # PID
	! has_instance "$1" || { echo "process $1 has left an instance"; return 1; }
}
