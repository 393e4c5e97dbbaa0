# SPDX-License-Identifier: MIT
# demo.bash - functions that both test files of `rseqkit demo` share.

# Counts the given files by a run of `rseqkit demo` that is as short as possible. The result is in the file $json.
count() {
	expect_json 0 "$RSEQKIT" demo --json --seconds 0 "$@"
}

# Keeps a copy of $json for the next assert_counts, which checks all copies that were kept.
keep() {
	cp "$json" "kept.$1"
}

# Checks that $json has the right counts of the given files: the counts of wc, and for the histograms those of Python.
assert_counts() {
	local results
	results=$(compgen -G 'kept.*' || echo "$json")
	RESULTS=$results python3 - "$@" <<-'EOF'
		import json, os, re, subprocess, sys
		lines = words = size = 0
		values, lengths = [0] * 256, [0] * 32
		for path in sys.argv[1:]:
		    text = open(path, "rb").read()
		    size += len(text)
		    lines += text.count(b"\n")
		    for value in range(256):
		        values[value] += text.count(bytes([value]))
		    for word in re.findall(rb"[^ \t-\r]+", text):
		        if re.search(rb"[!-~]", word):
		            words += 1
		            lengths[min(len(word), 32) - 1] += 1
		env = dict(os.environ, LC_ALL="C", POSIXLY_CORRECT="1")
		def wc(path):
		    out = subprocess.run(["wc", "-lwc", path], capture_output=True, env=env).stdout
		    return map(int, out.split()[:3])
		real = [sum(column) for column in zip(*map(wc, sys.argv[1:]))]
		for result in os.environ["RESULTS"].split():
		    j = json.load(open(result))
		    got = [j["lines"], j["words"], j["bytes"], j["files"]]
		    expected = [lines, words, size, len(sys.argv) - 1]
		    if got != expected:
		        sys.exit("%s: counted %s, but there are %s" % (result, got, expected))
		    if j["byte_histogram"] != values or j["word_length_histogram"] != lengths:
		        sys.exit("%s: a histogram is wrong" % result)
		    if j["verified"] is not True:
		        sys.exit("%s: not verified" % result)
		    if j["wc"] and real != [j["wc"]["lines"], j["wc"]["words"], j["wc"]["bytes"]]:
		        sys.exit("%s: the program wc says %s, the demo reports %s" % (result, real, j["wc"]))
	EOF
}

setup() {
	cd "$BATS_TEST_TMPDIR"
}
