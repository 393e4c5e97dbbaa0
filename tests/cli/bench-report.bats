# SPDX-License-Identifier: MIT
# bench-report.bats - tests the page that `rseqkit bench` makes from figures, its remarks about few rounds, and
# files that it refuses as reports. bench-page.bats tests the contents of the page.

load helper
load bench

@test "text: few rounds are said to be few, where something was measured" {
	with_worker "$(printf "$list_answers" 'sleep 0.02; echo 100000000')"
	expect 0 "$tree/tool/rseqkit" bench $quickly --threads 1
	assert_says $'rounds 1, rseq owned by libc\n  only 1 round, so figures are noisy; raise --time\n'
	with_worker "$(printf "$list_answers" 'echo 100000000')"
	expect 0 "$tree/tool/rseqkit" bench --time 1 --threads 1
	[[ "$output" =~ "rounds "[0-9]+, && "$output" != *"only "[0-9]* ]]
	with_worker "$(printf "$list_answers" 'sleep 0.02; echo unavailable for a reason')"
	expect 3 "$tree/tool/rseqkit" bench $quickly --threads 1
	[[ "$output" != *"only "[0-9]* && "$output" != *Careful* ]]
	assert_says $'Conclusions\n'
	assert_says "  counter            no contender could run."
}

@test "--report beside the text, of what was just measured; where it can't be written: exit 2" {
	pictures=$BATS_TEST_TMPDIR
	expect 0 "$RSEQKIT" bench cpu --report "$pictures" $quickly
	assert_says "cpu: read the number"
	assert_page 'set(rows("cpu")) == {"rseqkit", "sched_getcpu", "getcpu-syscall", "empty-loop"}'
	expect 2 "$RSEQKIT" bench --report "$BATS_TEST_TMPDIR/none/below" --time 600
	assert_says "cannot write into $BATS_TEST_TMPDIR/none/below: No such file"
	expect 0 "$RSEQKIT" bench cpu --report "$BATS_TEST_TMPDIR/made" $quickly
	[ -s "$BATS_TEST_TMPDIR/made/index.html" ]
	make_report
	rm "$pictures/index.html"
	mkdir "$pictures/index.html"
	expect 2 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_says "cannot write $pictures/index.html: Is a directory"
	if [ -w /dev/full ]; then
		rmdir "$pictures/index.html"
		ln -s /dev/full "$pictures/index.html"
		expect 2 "$RSEQKIT" bench --from "$report" --report "$pictures"
		assert_says "cannot write $pictures/index.html"
	fi
}

@test "--from: what ratios are to is said for each number of threads where it differs; what has no figure isn't shown" {
	pictures=$BATS_TEST_TMPDIR
	local all_but_one='j["results"] = [r for r in j["results"] if (r["contender"], r["threads"]) != ("rseqkit", 8)]'
	make_report "$all_but_one"
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page '("Time per operation, rseqkit (1 thread), rseqkit (2 threads), glibc (8 threads) = 1, on"
			in said("bench-cache"))' \
		'[e.text for e in sections["bench-cache"].findall(".//thead/tr[2]/th")][1::2] ==
			["ratio to rseqkit", "ratio to rseqkit", "ratio to glibc"]' \
		'"Time per operation, rseqkit = 1." in said("bench-cpu")' \
		'[e.text for e in sections["bench-cpu"].findall(".//thead/tr[2]/th")][1::2] == ["ratio"]' \
		'"divided by that of the contender named first" in said("summary")'
	# In this report the first and the last number of threads have no figure. The two other numbers have no contender in
	# common.
	make_report 'j["results"] = [r for r in j["results"]
			if r["contender"] in {2: ["rseqkit"], 8: ["glibc"]}.get(r["threads"], [])]' \
		'j["unavailable"].append({"bench": "cache", "contender": "mutex", "threads": 16, "reason": "x"})'
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page '"Time per operation, rseqkit (2 threads), glibc (8 threads) = 1, on" in said("bench-cache")' \
		'"From 2 threads" not in said("bench-cache")'
	make_report 'j["machine"]["cpus"] = 1' 'j["results"] = [r for r in j["results"] if r["threads"] == 2]'
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page '"Time per operation, rseqkit = 1, on" in said("bench-cache")'
}

@test "--from what can't be read or isn't a report: it says where and what, exit 2" {
	expect 2 "$RSEQKIT" bench --from "$BATS_TEST_TMPDIR/none" --report "$BATS_TEST_TMPDIR"
	assert_says "cannot read $BATS_TEST_TMPDIR/none: "
	for text in '' x '[]' '{}' '{"schema": 1}' '{"schema": "rseqkit.bench/2"}'; do
		echo "$text" >"$BATS_TEST_TMPDIR/report"
		expect 2 "$RSEQKIT" bench --from "$BATS_TEST_TMPDIR/report" --report "$BATS_TEST_TMPDIR"
		assert_says "$BATS_TEST_TMPDIR/report"
	done
	while IFS='|' read -r change said; do
		make_report "$change"
		expect 2 "$RSEQKIT" bench --from "$report" --report "$BATS_TEST_TMPDIR"
		assert_says "rseqkit bench: $report: $said" || { echo "$change"; return 1; }
	done <<-'EOF'
		j["machine"] = 1|"cpus" is missing
		j["placements"] = 0|"placements" is missing or not a number from 1
		j["seconds"] = "x"|"seconds" is missing
		del j["unavailable"]|array "unavailable" is missing
		j["results"] = {}|array "results" is missing
		j["benches"] = 1|array "benches" is missing
		j["benches"][1]["name"] = "../x"|benches[1]: "name" is missing or not a name
		j["benches"][0]["contenders"] = None|benches[0]: array "contenders" is missing
		j["benches"][0]["contenders"][0] = "x" * 32|benches[0]: "contenders" is missing or not a name
		j["benches"][0]["contenders"] = ["c%d" % i for i in range(33)]|benches[0]: too many contenders
		j["results"][2] = 3|results[2]: "bench" is missing
		j["results"][2]["contender"] = "a\nb"|results[2]: "contender" is missing or not a name
		j["results"][2]["contender"] = "'x"|results[2]: "contender" is missing or not a name
		j["results"][2]["threads"] = 0|results[2]: "threads" is missing or not a number from 1 to 1024
		j["results"][2]["threads"] = 2|results[2]: duplicate figure
		j["results"][2]["ns_per_op"] = []|results[2]: "min" is missing
		j["results"][2]["ns_per_op"]["min"] = 0|results[2]: takes no time
		j["results"][2]["ns_per_op"]["min"] = 1e-310|results[2]: takes no time
		j["results"][2]["ns_per_op"]["max"] = float("inf")|results[2]: "max" is missing
		j["results"][2]["ns_per_op"]["max"] = 1e15|results[2]: "max" is missing
		j["seconds"] = float("inf")|"seconds" is missing
		j["results"][2]["ns_per_op"]["min"] = float("nan")|results[2]: "min" is missing
		j["results"][2]["ns_per_op"]["median"] = 1|results[2]: "median" is missing or not a number from 3.6
		j["results"][2]["ns_per_op"]["max"] = 1e300|results[2]: "max" is missing
		j["results"] += [dict(j["results"][0], threads=20 + i) for i in range(20)]|results[24]: too many numbers of threads
		j["results"] += [dict(j["results"][0], bench="b%d" % i) for i in range(70)]|results[73]: too many benches
		j["unavailable"][0]["bench"] = None|unavailable[0]: "bench" is missing
	EOF
}

@test "--report measures up to four times as many threads as CPUs" {
	pictures=$BATS_TEST_TMPDIR
	expect_json 0 "$RSEQKIT" bench cpu fallback --json --report "$pictures" $quickly
	need_filter
	assert_bench '{1, j["machine"]["cpus"], 4 * j["machine"]["cpus"]} <= {r["threads"] for r in j["results"]}' \
		'j["date"][4] == "-"' '[b["name"] for b in j["benches"]] == ["fallback", "cpu"]'
	assert_page 'set(rows("fallback")) >= {"rseqkit-no-rseq", "shared-atomic"}'
}

@test "--from --report: no text of a report becomes markup, and the greatest ratios have a chart" {
	local text hex
	pictures=$BATS_TEST_TMPDIR
	for text in "'" '"' '<b>' '</svg>' '&amp;' '--><script>' ']]>' '\' '%s'; do
		hex=$(printf %s "$text" | od -An -v -tx1 | tr -d ' \n')
		make_report "t = bytes.fromhex('$hex').decode()" 'for u in j["unavailable"]: u["reason"] = t' \
			'j["machine"] = {"cpus": 2, "model": t, "kernel": t, "libc": t}' \
			'j["date"] = t; j["benches"][0]["what"] = t'
		expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
		assert_page "bytes.fromhex('$hex').decode() in text" 'page.find(".//script") is None'
	done
	make_report 'j["results"][0]["ns_per_op"] = {"min": 0.0001, "median": 0.0001, "max": 1e12}' \
		'j["results"][3]["ns_per_op"] = {"min": 1e12, "median": 1e12, "max": 1e12}'
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page 'any(e.text == "1e+15" for e in page.iter("text"))'
}

@test "--from without something to make, or with something to measure: exit 2" {
	make_report
	for more in "" "--report . --time 1" "--report . --threads 1" "--report . --json" "--report . --output x" \
		"--report . cpu" "--report . --list"; do
		expect 2 "$RSEQKIT" bench --from "$report" $more
		assert_says "--from needs --report"
	done
}
