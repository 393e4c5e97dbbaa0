# SPDX-License-Identifier: MIT
"""lines.py - the lines of compare: what each runs with a preloaded allocator, and its bars.

A line's run() returns a Figure. A run that fails raises subprocess.CalledProcessError.
"""
import collections
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

# Nanoseconds, and KiB: the largest and the last resident set. None where the line doesn't measure it.
Figure = collections.namedtuple("Figure", "time peak end", defaults=(None, None))

# `best` compares with the best of the other allocators, and `glibc` with glibc.
Bar = collections.namedtuple("Bar", "of peer most")

# Loops, their threads, and the highest ratio of rseqkit's time to that of the best other allocator.
LOOPS = [("pairs", (1, 2), 1.0), ("new", (1, 2), 1.0), ("handed", (2,), 1.0), ("batch-100", (1, 2), 1.0),
         ("batch-1000", (1, 2), 1.0), ("batch-10000", (1, 2), 1.0), ("churn", (1, 2), 1.0), ("medium", (1,), 1.0),
         ("medium-touched", (1,), 1.0), ("large", (1,), 1.2), ("large-touched", (1,), 1.2), ("huge-touched", (1,), 1.2),
         ("buffers", (1,), 1.2), ("realloc-tenth", (1,), 1.2), ("realloc-page", (1,), 1.2), ("bursts", (1,), 1.2),
         ("relay", (2,), 1.2), ("exchange", (2,), 1.2)]
PHASES = ["steady", "drift", "random"]
PROCESSES = 100 # of a turn
PROCESS_MOST, PEAK_MOST = 1.1, 1.15

PYTHON = """
import json, re
rows = [{"number": i, "text": str(i) * 3, "list": [i] * 5} for i in range(60000)]
again = json.loads(json.dumps(rows))
assert again == rows and len(re.findall("1+", json.dumps(rows[:20000]))) > 0
"""
SQL = """create table t(a integer primary key, b text);
with recursive n(x) as (select 1 union all select x + 1 from n where x < 300000)
    insert into t select x, hex(randomblob(30)) from n;
create index i on t(b); select count(*), count(distinct substr(b, 1, 4)) from t;"""
JAVA = """public class Check { public static void main(String[] a) {
    var list = new java.util.ArrayList<byte[]>();
    for (int i = 0; i < 20000; i++) list.add(new byte[i % 4000]);
    System.out.println(list.size()); } }"""


class Line:
    """One line of the table. `name` is what --only takes, and `what` is printed."""

    def __init__(self, name, what, bars, run, turns_max=1000):
        self.name, self.what, self.bars, self.run, self.turns_max = name, what, bars, run, turns_max


def output(command, library):
    return subprocess.run(command, env=dict(os.environ, LD_PRELOAD=library), check=True, capture_output=True, text=True).stdout


def loop(build, name, threads, most):
    def run(library):
        return Figure(float(output([f"{build}/bench/malloc/loops", name, str(threads)], library)))
    what = f"{name}, {threads} thread{'s' * (threads > 1)}"
    return Line(name, what, [Bar("time", "best", most)], run)


def phase(build, name):
    def run(library):
        seconds, peak, end = output([f"{build}/bench/malloc/phases", name], library).split()
        return Figure(float(seconds) * 1e9, int(peak), int(end))
    return Line(name, f"phase {name}", [Bar("peak", "glibc", PEAK_MOST)], run, turns_max=3) # its memory hardly varies


def program(build, scratch, name, command, count=1):
    def run(library):
        result = os.path.join(scratch, "result")
        subprocess.run([f"{build}/bench/malloc/peak", result, library, str(count)] + command, check=True,
                       stdout=subprocess.DEVNULL)
        with open(result, encoding="utf-8") as file:
            seconds, kib = file.read().split()
        return Figure(float(seconds) * 1e9, int(kib))
    bars = [Bar("peak", "glibc", PEAK_MOST)] if count == 1 else [Bar("time", "glibc", PROCESS_MOST)]
    return Line(name, name if count == 1 else f"a process of {name}", bars, run)


def programs(scratch, wanted):
    """Returns the commands of the programs that are installed. wanted(name) says whether the program is to be measured."""
    source = os.path.join(scratch, "Check.java")
    with open(source, "w", encoding="utf-8") as file:
        file.write(JAVA)
    structures = os.path.join(ROOT, "src", "structures")
    files = sorted(os.path.join(structures, name) for name in os.listdir(structures) if name.endswith(".c"))
    found = {
        "python3": ["python3", "-c", PYTHON],
        "gcc": ["gcc", "-O2", "-I" + os.path.join(ROOT, "include"), "-I" + os.path.join(ROOT, "src"), "-c", "-o", "/dev/null",
                files[0]],
        "git": ["git", "-C", ROOT, "log", "--stat", "-p", "-n", "150"],
        "sqlite3": ["sqlite3", ":memory:", SQL],
        "java": ["java", "-Xmx256m", source],
    }
    servers = os.path.join(HERE, "servers")
    if wanted("redis") or wanted("postgres"):
        subprocess.run([servers, "prepare", scratch], check=True)
    found |= {name: [servers, name, scratch] for name in ("redis", "postgres")
              if wanted(name) and subprocess.run([servers, "have", name], check=False).returncode == 0}
    there = lambda name: any(os.access(os.path.join(folder, name), os.X_OK) for folder in os.environ["PATH"].split(":"))
    return {name: command for name, command in found.items() if there(command[0])}


def all_lines(build, scratch, only):
    """The lines whose names are in `only`, or all if it is empty. A program that isn't installed has none."""
    wanted = lambda name: not only or name in only
    lines = [loop(build, name, threads, most) for name, numbers, most in LOOPS for threads in numbers]
    lines += [program(build, scratch, "true", ["/bin/true"], PROCESSES),
              program(build, scratch, "short_process", [f"{build}/bench/malloc/short_process"], PROCESSES)]
    lines += [phase(build, name) for name in PHASES]
    lines += [program(build, scratch, name, command) for name, command in programs(scratch, wanted).items()]
    return [line for line in lines if wanted(line.name)]
