# SPDX-License-Identifier: MIT
# inspect-absence.bats - tests `rseqkit inspect` with processes without a registration, and with many threads.

load helper
load target

@test "a filter refuses rseq, or says that it was done: named, exit 1" {
	need_libc_registration
	need_filter
	ready="echo ready; exec sleep 60"
	for answer in enosys eperm nothing; do
		start "$HELPERS/with_filter" $answer rseq -- sh -c "$ready"
		expect_json 1 "$RSEQKIT" inspect --json "$target"
		assert_json 'ids == ["filter-refuses"] and j["threads"][0]["seccomp"] == 2' 'j["threads"][0]["owner"] == "none"'
	done
	expect 1 "$RSEQKIT" inspect "$target"
	assert_says "[filter-refuses]"
	# With the tunable off, the libc makes no request, so the filter isn't the reason. A filter for another call refuses none.
	start env GLIBC_TUNABLES=$tunable_off "$HELPERS/with_filter" eperm rseq -- sh -c "$ready"
	expect_json 0 "$RSEQKIT" inspect --json "$target"
	assert_json 'ids == ["told-not-to"]'
	start "$HELPERS/with_filter" eperm membarrier -- sh -c "$ready"
	expect_json 0 "$RSEQKIT" inspect --json "$target"
	assert_json 'ids == [] and j["threads"][0]["seccomp"] == 2'
}

@test "an area that reads as registered, and isn't: a warning, on CPU 0 too" {
	need_libc_registration
	for tunables in "" $tunable_off; do
		for cpu in 0 1; do
			start env GLIBC_TUNABLES=$tunables "$HELPERS/registrant" restored $cpu
			expect_json 1 "$RSEQKIT" inspect --json "$target"
			assert_json 'ids == ["stale-area"]' "[t['claimed_cpu'] for t in j['threads']] == [$cpu]" \
				'j["threads"][0]["owner"] == "none" and j["threads"][0]["cpu_id"] is None'
		done
	done
}

# On a busy machine, one of many threads doesn't always stop in time. Then a second run of the tool must see this thread.
sees() { # ARGUMENT...
	expect 0 "$RSEQKIT" inspect "$@" || expect 0 "$RSEQKIT" inspect "$@"
}

@test "many threads that are alike share a line, unless each is asked for; JSON has all; narrow lines break at words" {
	need_libc_registration
	many='import threading, time
for i in range(40): threading.Thread(target=time.sleep, args=(60,), daemon=True, name="python3").start() # Python 3.14 names threads
print("ready", flush=True)
time.sleep(60)'
	for tunable in 1 0; do
		start env GLIBC_TUNABLES=glibc.pthread.rseq=$tunable python3 -c "$many"
		wait_until grep -q ready "$BATS_TEST_TMPDIR/target" # Python sleeps at each thread's start, too
		sees "$target"
		[ "$(grep -c python3 <<<"$output")" -eq 2 ]
		assert_says $'\nowners: 41 '
		assert_says $'\n   41 '
		sees --all "$target"
		[ "$(grep -c python3 <<<"$output")" -eq 42 ]
		expect_json 0 "$RSEQKIT" inspect --json "$target"
		assert_json 'len(j["threads"]) == j["summary"][0]["threads"] == 41'
		for all in "" --all; do
			sees $all "$target"
			wide=$output
			expect 0 env COLUMNS=40 "$RSEQKIT" inspect $all "$target"
			assert_fits_forty "$output"
			# In 40 columns, every word of a finding is complete.
			for word in $(grep '\[.*\]$' <<<"$wide"); do
				grep -qF -- "$word" <<<"$output"
			done
		done
	done
}
