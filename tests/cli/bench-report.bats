# SPDX-License-Identifier: MIT
# bench-report.bats - what `rseqkit bench` makes of figures: pictures, the page, and what it says of few rounds; and what it
# doesn't take for figures.

load helper
load bench

@test "text: few rounds are said to be few, where something was measured" {
	with_worker "$(printf "$list_answers" 'sleep 0.02; echo 100000000')"
	expect 0 "$tree/tool/rseqkit" bench $quickly --threads 1
	assert_says $'rounds 1, rseq owned by libc\n  only 1 round: more time (--time) finds more undisturbed moments\n'
	with_worker "$(printf "$list_answers" 'echo 100000000')"
	expect 0 "$tree/tool/rseqkit" bench --time 1 --threads 1
	[[ "$output" =~ "rounds "[0-9]+, && "$output" != *"only "* ]]
	with_worker "$(printf "$list_answers" 'sleep 0.02; echo unavailable for a reason')"
	expect 3 "$tree/tool/rseqkit" bench $quickly --threads 1
	[[ "$output" != *"only "* ]]
}

# Both formats of a picture are in the folder $pictures, whole; the texts given are in the one that has text.
assert_picture() {
	python3 - "$pictures" "$@" <<-'EOF'
		import sys, struct, xml.etree.ElementTree as tree
		folder, name, *texts = sys.argv[1:]
		root = tree.parse(f"{folder}/{name}.svg").getroot()
		shown = {" ".join(t.itertext()).strip() for t in root.iter("{http://www.w3.org/2000/svg}text")}
		for text in texts:
		    if not any(text in s for s in shown):
		        sys.exit(f"no '{text}' in {name}.svg: {shown}")
		png = open(f"{folder}/{name}.png", "rb").read()
		if png[:8] != b"\x89PNG\r\n\x1a\n" or b"IEND" not in png[-12:] or struct.unpack(">I", png[16:20])[0] < 1000:
		    sys.exit(f"{name}.png is no picture, or small")
	EOF
}

@test "--from --plot: a picture of ratios, and one over threads where there are several, with all contenders" {
	need_gnuplot
	make_report
	pictures="$BATS_TEST_TMPDIR/it's \`here\`"
	mkdir "$pictures"
	expect 0 "$RSEQKIT" bench --from "$report" --plot "$pictures"
	assert_says "$pictures/cache-threads.svg"
	[ "$(ls "$pictures" | wc -l)" -eq 6 ]
	assert_picture cache-ratio rseqkit glibc jemalloc mutex "isn't <here>" "1 thread" "2 threads" "8 threads" \
		"take <one> & 'give' it" "rseqkit = 1" "<b>&'\`rm -rf .\`" "glibc 2.36" "2026-02-28" "16 code placements"
	assert_picture cache-threads rseqkit glibc mutex "ns" "threads"
	assert_picture cpu-ratio rseqkit sched_getcpu
}

# Expressions over the report's page in the folder $pictures, as the tree `page`, its text and its tables by bench.
assert_page() {
	python3 - "$pictures/index.html" "$@" <<-'EOF'
		import re, sys, xml.etree.ElementTree as tree
		source = open(sys.argv[1]).read()
		page = tree.fromstring(source.split("\n", 1)[1])
		text = "".join(page.find("body").itertext())
		sections = {s.get("id"): s for s in page.iter("section")}
		def said(section):
		    return " ".join("".join(sections[section].itertext()).split())
		def rows(bench):
		    return {r[0].text: [" ".join("".join(c.itertext()).split()) for c in r[1:]]
		            for r in sections["bench-" + bench].findall(".//tbody/tr")}
		for expression in sys.argv[2:]:
		    if not eval("(" + expression + ")"):
		        sys.exit(f"not true: {expression}\n{text[-4000:]}")
	EOF
}

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
		'rows("cache")["glibc"][:2] == ["3.00 2.70 to 3.60", "12.00 10.80 to 14.40"]' \
		'rows("cache")["mutex"][5] == "240.0 27.00 to 288.0"' \
		'len(sections["bench-cache"].findall(".//figure")) == 2' \
		'len(sections["bench-cpu"].findall(".//figure")) == 1' \
		'{e.text for e in sections["bench-cache"].findall(".//span")} > {"rseqkit", "glibc", "jemalloc", "mutex"}' \
		'[e.text for e in page.iter("span") if e.get("class") == "missing"] == ["isn\x27t <here>"]'
}

@test "the report concludes from the figures: what takes less, as long, more, scales, and what is doubtful" {
	pictures=$BATS_TEST_TMPDIR
	make_report
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page '"cache: rseqkit takes 4 ns. The fastest of the others: glibc (3.00); the slowest: mutex (7.50)."
			in said("summary")' \
		'"1 thread: rseqkit takes 4 ns (3.6 to 4.8). More: glibc (3.00), mutex (7.50)." in said("bench-cache")' \
		'"8 threads: rseqkit takes 4 ns (3.6 to 38.4). About as long, with spreads that overlap: glibc (3.00),"
			" mutex (60.0)." in said("bench-cache")' \
		'"From 1 thread to 8: an operation takes about as long, at most 1.15 times: rseqkit (1.00), glibc (1.00)."
			" Longer: mutex (8.00)." in said("bench-cache")' \
		'"rseqkit takes 10.67 times as long at its worst placement" in said("bench-cache")' \
		'"Not compared: jemalloc (isn\x27t <here>)." in said("bench-cache")' '"round" not in said("bench-cpu")[:300]'
	make_report 'j["results"][3]["ns_per_op"] = {"min": 1, "median": 2, "max": 3}' 'j["results"][0]["rounds"] = 1' \
		'j["results"][3]["rounds"] = 1'
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page '"Less: glibc (0.50). More: mutex (7.50)." in said("bench-cache")' \
		'"The fastest of the others: glibc (0.50); the slowest: mutex (7.50)." in said("summary")' \
		'"With 2 threads there were" not in said("bench-cache")'
	make_report 'for r in j["results"]: r["rounds"] = 1'
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page '"With 2 threads there was only 1 round:" in said("bench-cache")'
	make_report 'j["results"] = []'
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page '"cache: nothing could be measured." in said("summary")' '"jemalloc" in text'
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

@test "--from --plot: a report without the order of benches, or without the first contender, has pictures too" {
	need_gnuplot
	pictures=$BATS_TEST_TMPDIR
	make_report 'del j["benches"], j["date"], j["machine"]["libc"]'
	expect 0 "$RSEQKIT" bench --from "$report" --plot "$pictures"
	assert_picture cache-ratio "rseqkit = 1" "unknown date"
	make_report 'j["results"] = [r for r in j["results"] if r["contender"] != "rseqkit"]'
	expect 0 "$RSEQKIT" bench --from "$report" --plot "$pictures"
	assert_picture cache-ratio rseqkit "glibc = 1" "not measured"
	make_report 'j["results"] = []'
	expect 0 "$RSEQKIT" bench --from "$report" --plot "$pictures"
	[ -z "$output" ]
}

@test "--from --plot: no text of a report ends its quotes or is run, and the greatest ratios have pictures" {
	local text hex
	need_gnuplot
	pictures=$BATS_TEST_TMPDIR/pictures
	mkdir "$pictures"
	cd "$pictures"
	for text in "'" "''" "'\"" '"' '\' '\"' '`touch here`' '"; system("touch here"); "' "'; system('touch here'); '" \
		'@x %d $0 {/x}' '#'; do
		hex=$(printf %s "$text" | od -An -v -tx1 | tr -d ' \n')
		make_report "t = bytes.fromhex('$hex').decode()" 'for u in j["unavailable"]: u["reason"] = t' \
			'j["machine"] = {"cpus": 2, "model": t, "kernel": t, "libc": t}' \
			'j["date"] = t; j["benches"][0]["what"] = t'
		expect 0 "$RSEQKIT" bench --from "$report" --plot .
		assert_picture cache-ratio "$text" "cache: $text" "$text, 2 CPUs" "Linux $text; $text; measured $text"
		[ ! -e here ]
	done
	make_report 'j["results"][0]["ns_per_op"] = {"min": 0.0001, "median": 0.0001, "max": 1e12}' \
		'j["results"][3]["ns_per_op"] = {"min": 1e12, "median": 1e12, "max": 1e12}'
	expect 0 "$RSEQKIT" bench --from "$report" --plot . --report .
	assert_picture cache-ratio 1e+15
	assert_picture cache-threads 1e+12
	assert_page 'any(e.text == "1e+15" for e in page.iter("text"))'
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
		'"ratios to the contender that is named first" in said("summary")'
	# The first and the last number of threads have no figure, and the two between them no contender in common.
	make_report 'j["results"] = [r for r in j["results"]
			if r["contender"] in {2: ["rseqkit"], 8: ["glibc"]}.get(r["threads"], [])]' \
		'j["unavailable"].append({"bench": "cache", "contender": "mutex", "threads": 16, "reason": "x"})'
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page '"Time per operation, rseqkit (2 threads), glibc (8 threads) = 1, on" in said("bench-cache")' \
		'"From 2 threads" not in said("bench-cache")'
	make_report 'j["machine"]["cpus"] = 1' 'j["results"] = [r for r in j["results"] if r["threads"] == 2]'
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page '"Time per operation, rseqkit = 1, on" in said("bench-cache")'
	need_gnuplot
	expect 0 "$RSEQKIT" bench --from "$report" --plot "$pictures"
	assert_picture cache-ratio "rseqkit = 1" "2 threads" "divided by that of rseqkit."
	make_report "$all_but_one"
	expect 0 "$RSEQKIT" bench --from "$report" --plot "$pictures"
	assert_picture cache-ratio "rseqkit (1 thread), rseqkit (2 threads), glibc (8 threads) = 1" \
		"divided by that of what is 1."
}

@test "--plot measures up to four times as many threads as CPUs, and makes the pictures of that" {
	need_gnuplot
	pictures=$BATS_TEST_TMPDIR
	expect_json 0 "$RSEQKIT" bench cpu fallback --json --plot "$pictures" $quickly
	need_filter
	assert_bench '{1, j["machine"]["cpus"], 4 * j["machine"]["cpus"]} <= {r["threads"] for r in j["results"]}' \
		'j["date"][4] == "-"' '[b["name"] for b in j["benches"]] == ["fallback", "cpu"]'
	assert_picture cpu-ratio rseqkit sched_getcpu getcpu-syscall empty-loop
	assert_picture fallback-ratio rseqkit-no-rseq shared-atomic
	assert_picture fallback-threads rseqkit-no-rseq shared-atomic
}

@test "--plot where there is no gnuplot, or one that fails: said before anything is measured, exit 2" {
	make_report
	mkdir "$BATS_TEST_TMPDIR/bin"
	expect 2 env PATH="$BATS_TEST_TMPDIR/bin" "$RSEQKIT" bench --plot "$BATS_TEST_TMPDIR" --time 600
	assert_says "--plot needs gnuplot"
	printf '#!/bin/sh\necho "no such terminal"; [ "$1" = --version ]\n' >"$BATS_TEST_TMPDIR/bin/gnuplot"
	chmod +x "$BATS_TEST_TMPDIR/bin/gnuplot"
	expect 2 env PATH="$BATS_TEST_TMPDIR/bin:$PATH" "$RSEQKIT" bench --from "$report" --plot "$BATS_TEST_TMPDIR"
	assert_says "gnuplot failed at the pictures of cache: no such terminal"
	printf '#!/bin/sh\n' >"$BATS_TEST_TMPDIR/bin/gnuplot"
	expect 2 env PATH="$BATS_TEST_TMPDIR/bin:$PATH" "$RSEQKIT" bench --from "$report" --plot "$BATS_TEST_TMPDIR"
	assert_says "gnuplot has not written $BATS_TEST_TMPDIR/cache-ratio.svg"
}

@test "--plot into what isn't a folder, or a picture that can't be written: exit 2" {
	need_gnuplot
	make_report
	for folder in "$BATS_TEST_TMPDIR/none/below" "$report" ""; do
		expect 2 "$RSEQKIT" bench --plot "$folder" --time 600
		assert_says "cannot write into $folder: "
	done
	mkdir "$BATS_TEST_TMPDIR/cache-threads.svg"
	expect 2 "$RSEQKIT" bench --from "$report" --plot "$BATS_TEST_TMPDIR"
	assert_says "cache-threads.svg"
}

@test "--from what can't be read or isn't a report: it says where and what, exit 2" {
	need_gnuplot
	expect 2 "$RSEQKIT" bench --from "$BATS_TEST_TMPDIR/none" --plot "$BATS_TEST_TMPDIR"
	assert_says "cannot read $BATS_TEST_TMPDIR/none: "
	for text in '' x '[]' '{}' '{"schema": 1}' '{"schema": "rseqkit.bench/2"}'; do
		echo "$text" >"$BATS_TEST_TMPDIR/report"
		expect 2 "$RSEQKIT" bench --from "$BATS_TEST_TMPDIR/report" --plot "$BATS_TEST_TMPDIR"
		assert_says "$BATS_TEST_TMPDIR/report"
	done
	while IFS='|' read -r change said; do
		make_report "$change"
		expect 2 "$RSEQKIT" bench --from "$report" --plot "$BATS_TEST_TMPDIR"
		assert_says "rseqkit bench: $report: $said" || { echo "$change"; return 1; }
	done <<-'EOF'
		j["machine"] = 1|no "cpus"
		j["placements"] = 0|no "placements", or not a number from 1
		j["seconds"] = "x"|no "seconds"
		del j["unavailable"]|no array "unavailable"
		j["results"] = {}|no array "results"
		j["benches"] = 1|no array "benches"
		j["benches"][1]["name"] = "../x"|benches[1]: no "name", or not a name
		j["benches"][0]["contenders"] = None|benches[0]: no array "contenders"
		j["benches"][0]["contenders"][0] = "x" * 32|benches[0]: no "contenders", or not a name
		j["benches"][0]["contenders"] = ["c%d" % i for i in range(33)]|benches[0]: too many contenders
		j["results"][2] = 3|results[2]: no "bench"
		j["results"][2]["contender"] = "a\nb"|results[2]: no "contender", or not a name
		j["results"][2]["contender"] = "'x"|results[2]: no "contender", or not a name
		j["results"][2]["threads"] = 0|results[2]: no "threads", or not a number from 1 to 1024
		j["results"][2]["threads"] = 2|results[2]: a second figure of the same
		j["results"][2]["ns_per_op"] = []|results[2]: no "min"
		j["results"][2]["ns_per_op"]["min"] = 0|results[2]: takes no time
		j["results"][2]["ns_per_op"]["min"] = 1e-310|results[2]: takes no time
		j["results"][2]["ns_per_op"]["max"] = float("inf")|results[2]: no "max"
		j["results"][2]["ns_per_op"]["max"] = 1e15|results[2]: no "max"
		j["seconds"] = float("inf")|no "seconds"
		j["results"][2]["ns_per_op"]["min"] = float("nan")|results[2]: no "min"
		j["results"][2]["ns_per_op"]["median"] = 1|results[2]: no "median", or not a number from 3.6
		j["results"][2]["ns_per_op"]["max"] = 1e300|results[2]: no "max"
		j["results"] += [dict(j["results"][0], threads=20 + i) for i in range(20)]|results[24]: too many numbers of threads
		j["results"] += [dict(j["results"][0], bench="b%d" % i) for i in range(70)]|results[73]: too many benches
		j["unavailable"][0]["bench"] = None|unavailable[0]: no "bench"
	EOF
}

@test "--from without something to make, or with something to measure: exit 2" {
	make_report
	for more in "" "--plot . --time 1" "--plot . --threads 1" "--plot . --json" "--plot . --output x" \
		"--plot . cpu" "--plot . --list"; do
		expect 2 "$RSEQKIT" bench --from "$report" $more
		assert_says "--from goes with"
	done
}
