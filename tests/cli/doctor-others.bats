# SPDX-License-Identifier: MIT
# doctor-others.bats - tests `rseqkit doctor` with preloaded objects: those of this project, other users of rseq, and a sandbox.

load helper

setup() {
	is_sanitized && skip "sanitizers want to be preloaded first"
	need_libc_registration
}

# Stores the findings of `doctor` in $json, and expects an exit status.
expect_findings() { # STATUS ENVIRONMENT...
	local status=$1
	shift
	expect_json "$status" env "$@" "$RSEQKIT" doctor --json
}

@test "areas of rseqkit's own: RSEQKIT_AREA is named only if it's set, and else the preloaded object" {
	[ "$(uname -m)" = x86_64 ] || skip "only preloaded objects have areas of rseqkit's own here"
	malloc=$(echo "$HELPERS"/../../malloc/librseqkit-malloc.so)
	own='[f["message"] for f in j["findings"] if f["id"] == "owner-self-own"]'
	expect_findings 0 GLIBC_TUNABLES=$tunable_off RSEQKIT_AREA=own
	assert_json "['RSEQKIT_AREA=own' in m for m in $own] == [True]"
	for area in "" ktls; do
		expect_findings 0 GLIBC_TUNABLES=$tunable_off RSEQKIT_AREA=$area "$RSEQKIT" exec -- env
		assert_json "['RSEQKIT_AREA' in m for m in $own] == [False]" "$own[0].endswith('/librseqkit-preload.so')"
		[ -e "$malloc" ] || continue
		expect_findings 0 GLIBC_TUNABLES=$tunable_off RSEQKIT_AREA=$area LD_PRELOAD="$malloc"
		assert_json "['RSEQKIT_AREA' in m for m in $own] == [False]" "$own[0].endswith('/librseqkit-malloc.so')"
	done
}

@test "an allocator with a per-CPU mode beside librseq: a warning if the C library doesn't register" {
	[ -e "$HELPERS/early.so" ] || skip "not for this machine"
	librseq=$HELPERS/../beside/neighbours/librseq.so.0
	for early in early.so early_private_library.so; do
		for preload in "$HELPERS/$early $librseq" "$librseq $HELPERS/$early"; do
			expect_findings 1 GLIBC_TUNABLES=$tunable_off LD_PRELOAD="$preload"
			assert_json '[(f["severity"], "/'$early'" in f["message"], "/librseq.so" in f["message"],
				"remove glibc.pthread.rseq=0" in f["advice"]) for f in j["findings"]
				if f["id"] == "neighbours-conflict"] == [("warning", True, True, True)]'
		done
	done
	expect_findings 0 LD_PRELOAD="$HELPERS/early.so $librseq"
	assert_json '"neighbours-conflict" not in ids'
}

@test "a filter that comes after the registration: a new thread dies, and what to do against it" {
	need_filter
	LD_PRELOAD="$HELPERS/late_filter.so" true || skip "the filter can't be installed"
	dies='[f["advice"] for f in j["findings"] if f["id"] == "new-thread-dies"]'
	expect_findings 1 LD_PRELOAD="$HELPERS/late_filter.so" GLIBC_TUNABLES=$tunable_off
	assert_json 'j["owner"] == "self" and j["seccomp"] == 2' "['RSEQKIT_AREA=own' in a for a in $dies] == [True]" \
		"'GLIBC_TUNABLES' not in $dies[0]" '"probe-failed" not in ids'
	expect_findings 1 LD_PRELOAD="$HELPERS/late_filter.so"
	assert_json 'j["owner"] == "libc"' "['GLIBC_TUNABLES' in a for a in $dies] == [True]"
	[ ! -s "$BATS_TEST_TMPDIR/err" ] # the C library's message stays away
	# The advice helps.
	for area in own others; do
		expect_findings 1 LD_PRELOAD="$HELPERS/late_filter.so" GLIBC_TUNABLES=$tunable_off RSEQKIT_AREA=$area
		assert_json '"new-thread-dies" not in ids'
	done
}
