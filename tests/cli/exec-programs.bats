# SPDX-License-Identifier: MIT
# exec-programs.bats - which program `rseqkit exec` runs, and into which the library can't get.

load helper

setup() {
	is_sanitized && skip "the preloaded library isn't built with a sanitizer"
	preload=$(realpath "$(dirname "$RSEQKIT")/../src")/librseqkit-preload.so
	unset LD_PRELOAD GLIBC_TUNABLES
	cd "$BATS_TEST_TMPDIR"
}

# A static program; skips where none was built.
need_static() {
	static=$HELPERS/inspected_static
	[ -e "$static" ] || skip "no static program was built here"
}

@test "a set-user-ID program that can't be read: refused, exit 2" {
	[ "$(id -u)" -eq 0 ] || skip "takes root, to give files away"
	powerless() { # root, but without the right to read everything
		setpriv --bounding-set=-all --inh-caps=-all "$@"
	}
	cp "$(type -P true)" program
	chown 65534 program
	for mode in 4711 4755; do
		chmod $mode program
		expect 2 powerless "$RSEQKIT" exec ./program
		assert_says "./program: it runs with other rights"
	done
	chmod 4711 program
	! powerless cat program >unreadable 2>&1 || skip "everything can be read here"
	expect 0 powerless setpriv --no-new-privs "$RSEQKIT" exec ./program
	chmod 0711 program
	expect 0 powerless "$RSEQKIT" exec ./program
}
