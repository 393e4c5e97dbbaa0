# SPDX-License-Identifier: MIT
# bench-page.bats - tests the page of `rseqkit bench --report` and the text output: figures, conclusions, doubts.

load helper
load bench

@test "--from --report: a page that is well-formed, alone, and has all contenders, figures and conclusions" {
	make_report
	pictures=$BATS_TEST_TMPDIR/page
	mkdir "$pictures"
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_says "$pictures/index.html"
	assert_page 'source.startswith("<!DOCTYPE html>")' '"http" not in source.replace("http-equiv", "")' \
		'not any(e.get("src") or (e.get("href") or "#")[0] != "#" or e.tag in ["script", "link", "img"]
			for e in page.iter())' \
		'"@import" not in source and source.count("url(") == source.count("url(#")' \
		'"prefers-color-scheme:dark" in source' '"max-width:560px" in source' \
		'set(sections) == {"summary", "method", "bench-cache", "bench-cpu"}' \
		'all(e.get("href")[1:] in sections for e in page.iter("a"))' \
		'"<b>&\x27`rm -rf .`\"\\" in text' 'page.find(".//b") is None' '"isn\x27t <here>" in text' \
		'"take <one> & \x27give\x27 it \"back\"" in text' '"glibc 2.36" in text' '"2026-02-28T12:00:00Z" in text' \
		'set(rows("cache")) == {"rseqkit", "glibc", "mutex"}' 'len(rows("cache")["glibc"]) == 6' \
		'rows("cache")["glibc"][:2] == ["3.00 2.70 to 3.60", "12.0 ns 10.8 to 14.4"]' \
		'rows("cache")["mutex"][5] == "240 ns 27.0 to 288"' \
		'len(sections["bench-cache"].findall(".//figure")) == 2' \
		'len(sections["bench-cpu"].findall(".//figure")) == 1' \
		'{e.text for e in sections["bench-cache"].findall(".//span")} > {"rseqkit", "glibc", "jemalloc", "mutex"}' \
		'[e.text for e in page.iter("span") if e.get("class") == "missing"] == ["isn\x27t <here>"]'
}

@test "the report concludes from the figures: what takes less, as long, more, scales, and what is doubtful" {
	pictures=$BATS_TEST_TMPDIR
	make_report
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page '("cache: rseqkit takes 4.00 ns. The fastest of the others: glibc (3.00); the slowest: mutex (7.50)."
			" With 8 threads rseqkit takes 4.00 ns. The fastest of the others: glibc (3.00); the slowest: mutex (60.0).")
			in said("summary")' \
		'"1 thread: rseqkit takes 4.00 ns (3.60 to 4.80). Slower: glibc (3.00), mutex (7.50)." in said("bench-cache")' \
		'"8 threads: rseqkit takes 4.00 ns (3.60 to 38.4). No clear difference (spreads overlap): glibc (3.00),"
			" mutex (60.0)." in said("bench-cache")' \
		'"From 1 thread to 8: an operation takes about as long (at most 1.15 times): rseqkit (1.00), glibc (1.00)."
			" Longer: mutex (8.00)." in said("bench-cache")' \
		'"rseqkit takes 10.67 times as long at its worst placement" in said("bench-cache")' \
		'"Not compared: jemalloc (isn\x27t <here>)." in said("bench-cache")' '"round" not in said("bench-cpu")[:300]'
	make_report 'j["results"][3]["ns_per_op"] = {"min": 1, "median": 2, "max": 3}' 'j["results"][0]["rounds"] = 1' \
		'j["results"][3]["rounds"] = 1'
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page '"Faster: glibc (0.50). Slower: mutex (7.50)." in said("bench-cache")' \
		'"The fastest of the others: glibc (0.50); the slowest: mutex (7.50)." in said("summary")' \
		'"With 2 threads there were" not in said("bench-cache")'
	make_report 'for r in j["results"]: r["rounds"] = 1'
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page '"With 2 threads there was only 1 round, so figures are noisy." in said("bench-cache")'
	make_report 'j["results"] = []'
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page '"cache: no contender could run." in said("summary")' '"jemalloc" in text'
}

@test "the report explains all contenders that there are, and calls none the fastest that doesn't do the job" {
	pictures=$BATS_TEST_TMPDIR
	LISTED=$("$RSEQKIT" bench --list) make_report 'import os, re' \
		'lines = [re.match(r"(\S+) +.*: ([^:]*)$", line).groups() for line in os.environ["LISTED"].splitlines()]' \
		'j["benches"] = [{"name": n, "what": "x", "contenders": c.split(", ")} for n, c in lines]' \
		'j["results"] = [{**j["results"][0], "bench": b["name"], "contender": c,
			"ns_per_op": dict.fromkeys(["min", "median", "max"], i + 1 if c not in "floor nothing empty-loop" else 0.5)}
			for b in j["benches"] for i, c in enumerate(b["contenders"])]' 'j["unavailable"] = []'
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page 'len(sections) > 20' \
		'all([e.text for e in s.findall(".//dl/dt")] == [r[0].text for r in s.findall(".//tbody/tr")]
			for i, s in sections.items() if i.startswith("bench-"))' \
		'all("Needs: " in (t := "".join(e.itertext())) and "Right when: " in t for e in page.findall(".//section//dd"))' \
		'not re.search("(fastest of the others|The other): (floor|nothing|empty-loop)", said("summary"))' \
		'"counter: rseqkit takes 1.00 ns. The fastest of the others: classic (2.00); the slowest: group (8.00)."
			" For comparison only: floor (0.50), group-two (9.00)." in said("summary")' \
		'"cpu: rseqkit takes 1.00 ns." in said("summary") and "For comparison only: empty-loop (0.50)." in said("summary")' \
		'"remote: different kinds of work take 1.00 ns (fence-idle) to 16.0 ns (signal-running)." in said("summary")' \
		'"Faster: floor" not in said("bench-counter") and "For comparison only: floor (0.50), " in said("bench-counter")' \
		'"It loses operations" in said("bench-counter") and "do different work" in said("bench-bank")' \
		'"floor for comparison only" in said("bench-rcu")'
	# A contender of another release, which this tool doesn't know, is shown by its name.
	make_report 'j["benches"][1]["contenders"][1] = j["results"][10]["contender"] = "floor2"'
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page '"The other: floor2 (2.00)." in said("summary")' 'len(sections["bench-cpu"].findall(".//dl/dt")) == 1'
}

@test "figures have three digits and a unit, small ratios more than zeros, and axes no exponents where it can be helped" {
	pictures=$BATS_TEST_TMPDIR
	make_report 'j["results"][0]["ns_per_op"] = {"min": 12960, "median": 13100, "max": 1.5e6}' \
		'j["results"][3]["ns_per_op"] = {"min": 3, "median": 3.93, "max": 4.05}' \
		'j["results"][6]["ns_per_op"] = {"min": 23, "median": 6.314e6, "max": 7e9}' \
		'j["results"][1]["ns_per_op"] = {"min": 999.4, "median": 999.6, "max": 1000.4}'
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page '"cache: rseqkit takes 13.1 us." in said("summary")' '"glibc (0.00030)" in said("summary")' \
		'"rseqkit takes 13.1 us (13.0 to 1500)." in said("bench-cache")' \
		'rows("cache")["rseqkit"][:2] == ["1.00 0.99 to 115", "13.1 us 13.0 to 1500"]' \
		'rows("cache")["glibc"][:2] == ["0.00030 0.00023 to 0.00031", "3.93 ns 3.00 to 4.05"]' \
		'rows("cache")["rseqkit"][3] == "1.00 us 0.999 to 1.00"' \
		'rows("cache")["mutex"][1] == "6.31 ms 0.0000230 to 7000"' \
		'{"10 ns", "1 us", "1 ms", "1 s"} <= {e.text for e in sections["bench-cache"].iter("text")}' \
		'not re.search(r"\de[+-]\d", said("bench-cache"))' '" 0.00 " not in said("bench-cache")'
}

@test "the page says in plain numbers how long all measurements took" {
	pictures=$BATS_TEST_TMPDIR
	for seconds in 0.0123:0.01 1.5:1.50 51.3:51 1234.5:1234; do
		make_report "j['seconds'] = ${seconds%:*}"
		expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
		assert_page "'for ${seconds#*:} seconds in total' in said('method')"
	done
}

@test "a busy machine: said on top of the page and in the text; of an idle one nothing" {
	pictures=$BATS_TEST_TMPDIR
	make_report 'j["busy"] = 0.42'
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page '"took 42 % of its CPUs" in page.find(".//p[@class=\"warning\"]").findall("strong")[0].tail' \
		'text.index("42 %") < text.index("Conclusions")'
	make_report 'j["busy"] = 0.42; j["results"][10]["rounds"] = 1'
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page '"42 %" in text and "One of the 4 measurements had fewer than 3 rounds" in text'
	for busy in 0.05 None; do
		make_report "j['busy'] = $busy"
		expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
		assert_page 'page.find(".//p[@class=\"warning\"]") is None'
	done
	for busy in -1 1.5 '"x"'; do
		make_report "j['busy'] = $busy"
		expect 2 "$RSEQKIT" bench --from "$report" --report "$pictures"
		assert_says '"busy" is missing or not a number from 0 to 1'
	done
}

@test "how busy the machine is with something else is measured: much where programs run all the time" {
	local spinners=() i
	[ -r /proc/stat ] || skip "no /proc/stat here"
	for ((i = 0; i < 3 * $(nproc); i++)); do
		(while :; do :; done) 3>&- &
		spinners+=($!)
	done
	expect_json 0 "$RSEQKIT" bench cpu --json --time 1.5
	expect 0 "$RSEQKIT" bench cpu --time 1.5
	kill "${spinners[@]}"
	assert_json 'j["busy"] > 0.3'
	assert_says "  Careful: The machine was busy: other programs, or the host of a virtual"
	assert_says $'Conclusions\n'
	assert_says "  cpu                rseqkit takes"
	[[ "$output" =~ "  empty-loop *            "\ *[0-9] && "$output" =~ "  sched_getcpu            "\ *[0-9] ]]
}

@test "how busy the machine is with something else: without the processes that a worker starts and waits for" {
	[ -r /proc/stat ] || skip "no /proc/stat here"
	with_worker "$(printf "$list_answers" '(i=0; while [ $i -lt 50000 ]; do i=$((i + 1)); done); echo 1000000')"
	python3 - "$tree/tool/rseqkit" <<-'EOF'
		import json, os, re, resource, subprocess, sys
		def ticks():
		    lines = [re.match(r"cpu(\d+) (.*)", line) for line in open("/proc/stat")]
		    rows = [list(map(int, m[2].split()[:8])) for m in lines if m and int(m[1]) in os.sched_getaffinity(0)]
		    return sum(map(sum, rows)), sum(sum(row) - row[3] - row[4] for row in rows)
		def used():
		    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
		    return (usage.ru_utime + usage.ru_stime) * os.sysconf("SC_CLK_TCK")
		(all0, busy0), own0 = ticks(), used()
		command = [sys.argv[1], "bench", "--json", "--threads", "1", "--time", "2"]
		out = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
		(all1, busy1), own1 = ticks(), used()
		reported, own = json.loads(out)["busy"], (own1 - own0) / (all1 - all0)
		others = (busy1 - busy0) / (all1 - all0) - own
		print(f"reported {reported}, others took {others:.2f}, the workers and their children {own:.2f}")
		sys.exit(own > 0.2 and reported > others + 0.12)
	EOF
}
