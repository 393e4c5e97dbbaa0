# SPDX-License-Identifier: MIT
# bench.bash - functions and variables that the test files of `rseqkit bench` share. A bench compares contenders: ways to do one
# job. A worker is a process that the tool starts, and that runs the contenders.

# Options that give enough time for one round of each contender.
quickly="--time 0.01"

# Checks $json: its schema, and the given Python expressions, in which r is the list of results.
assert_bench() {
	assert_json 'j["schema"] == "rseqkit.bench/1"' 'j["machine"]["cpus"] > 0' 'j["placements"] >= 16' \
		'all(0 < ns["min"] <= ns[m] <= ns["max"] for r in j["results"] for ns in [r["ns_per_op"]]
			for m in ["median", "pie", "non_pie"])' \
		'all(r["rounds"] > 0 for r in j["results"])' "$@"
}

# Copies the tool to a new build tree, in which the given shell script replaces the workers.
with_worker() {
	local library
	library=$(ldd "$RSEQKIT" | awk '/librseqkit/ { print $3 }')
	tree=$BATS_TEST_TMPDIR/tree
	mkdir -p "$tree/tool" "$tree/bench"
	cp "$RSEQKIT" "$tree/tool/rseqkit"
	for name in pie nopie; do
		printf '#!/bin/sh\n%s\n' "$1" >"$tree/bench/rseqkit-bench-$name"
		chmod +x "$tree/bench/rseqkit-bench-$name"
	done
	export LD_LIBRARY_PATH=${library%/*}
}

# Shell code for a worker that has one bench with one contender. It answers all requests that come before the request "run".
list_answers='while read -r request; do case $request in owner) echo libc ;;
list) printf "placements 1\nbench counter 1 0 adds\ncontender one any 0\nend\n" ;; *) %s ;; esac; done'

# Makes a report in the file $report. It has two benches, one of them with several numbers of threads, text that must be
# quoted, and a contender that couldn't run. The given Python statements then change it; j is the report.
make_report() {
	report=$BATS_TEST_TMPDIR/report
	python3 - "$@" >"$report" <<-'EOF'
		import json, sys
		ns = {("cache", "rseqkit"): 4, ("cache", "glibc"): 12, ("cache", "mutex"): 30, ("cpu", "rseqkit"): 0.8,
		      ("cpu", "sched_getcpu"): 1.6}
		j = {"schema": "rseqkit.bench/1", "date": "2026-02-28T12:00:00Z", "placements": 16, "seconds": 1.5,
		     "machine": {"cpus": 2, "model": "<b>&'`rm -rf .`\"\\\n", "kernel": "6.1", "libc": "glibc 2.36"},
		     "benches": [{"name": "cache", "what": "take <one> & 'give' it \"back\"",
		                  "contenders": ["rseqkit", "glibc", "jemalloc", "mutex"]},
		                 {"name": "cpu", "what": "read", "contenders": ["rseqkit", "sched_getcpu"]}],
		     "results": [{"bench": b, "contender": c, "threads": t, "rounds": 3, "owner": "libc", "library": None,
		                  "ns_per_op": {"min": n * 0.9, "median": n * (t if c == "mutex" else 1), "max": n * t * 1.2,
		                                "pie": n, "non_pie": n}}
		                 for (b, c), n in ns.items() for t in ([1, 2, 8] if b == "cache" else [1])],
		     "unavailable": [{"bench": "cache", "contender": "jemalloc", "threads": t, "reason": "isn't <here>"}
		                     for t in [1, 2, 8]]}
		for statement in sys.argv[1:]:
		    exec(statement)
		print(json.dumps(j))
	EOF
}

# Checks Python expressions about the report's page in the folder $pictures. They can use its XML tree `page`, its text, and its
# tables by bench.
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
