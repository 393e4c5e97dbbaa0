/* SPDX-License-Identifier: MIT */
/*
 * commands.c - a table that describes each command, with all its options. It has no code.
 *
 * option_next() accepts exactly the options of this table, --help lists them, and shells complete them (completion.c), so an
 * option that isn't in the table doesn't exist.
 */
#include "commands.h"

#include <stddef.h>

/* Every list of options ends with these rows. */
#define HELP_AND_END {'h', "help", NULL, "show this text"}, {0, NULL, NULL, NULL}
#define ROWS(...) (const struct option_row[]) { __VA_ARGS__, HELP_AND_END }

#define JSON_HELP "write JSON instead of text"

const struct option_row main_options[] = {
	{'V', "version", NULL, "print the version"},
	{'h', "help", NULL, "list the commands"},
	{0, NULL, NULL, NULL},
};

const struct command commands[COMMANDS] = {
#ifndef RK_EXEC_ONLY
	[COMMAND_DOCTOR] = {
		.name = "doctor",
		.summary = "report which rseq features work here, and how to fix what is missing",
		.usage = "[OPTION...]",
		.about = "Tests whether restartable sequences (rseq) work here. Shows the mode, the component that\n"
			 "owns the registration, and what is missing. Explains each finding and says what to do.\n",
		.options = ROWS({'j', "json", NULL, JSON_HELP}),
		.ending = "Exit status: 0 rseq works and there is nothing to do, 1 findings need action,\n"
			  "2 wrong usage, 3 a test was impossible.\n",
	},
#endif
#ifndef RK_SMALL_TOOL
	[COMMAND_DEMO] = {
		.name = "demo",
		.summary = "count files with per-CPU counters; check and time the result",
		.usage = "[OPTION...] [FILE|DIRECTORY|-...]",
		.about = "Counts bytes, lines and words of files with several threads and per-CPU counters, and\n"
			 "makes histograms of bytes and of word lengths. Checks the result against a count by one\n"
			 "thread and against wc. Compares the time with the same job using shared atomics and a\n"
			 "mutex. Without a FILE, counts /usr/share/common-licenses and the documents of the\n"
			 "working directory, such as README.md and doc. - is standard input.\n",
		.options = ROWS(
			{'t', "threads", "N", "threads, 1 to 4096; default: two for each CPU"},
			{'s', "seconds", "SECONDS", "seconds for each method, 0 to 3600; default: 1"},
			{'c', "chunk", "BYTES", "bytes that a thread takes at a time, 1 to 1073741824; default: 16384"},
			{'j', "json", NULL, JSON_HELP}),
		.ending = "Exit status: 0 all counts agree, 1 some counts differ, 2 wrong usage or unreadable input.\n",
		.operand = "FILE",
	},
	[COMMAND_BENCH] = {
		.name = "bench",
		.summary = "measure operations and their alternatives",
		.usage = "[OPTION...] [BENCH...]",
		.about = "Measures operations of rseqkit and of alternatives for the same job, interleaved\n"
			 "in one run, at many code placements. Without a BENCH, runs all of them.\n",
		.options = ROWS(
			{'t', "time", "SECONDS", "total time to measure, 0.01 to 3600; more time gives less noise; default: some "
						 "seconds per bench, at most 50"},
			{'n', "threads", "LIST", "numbers of threads, such as 1,2,4; default: 1, 2 and twice the number of CPUs; "
						 "some benches always use 1"},
			{'l', "list", NULL, "list the benches and their contenders"},
			{'j', "json", NULL, JSON_HELP},
			{'o', "output", "FILE", "also write the JSON into FILE"},
			{'r', "report", "DIR", "write index.html in DIR: charts, tables and conclusions; by default with up to "
					       "four times as many threads as CPUs; creates DIR"},
			{'f', "from", "FILE", "don't measure: read the figures from JSON that was written before, for --report"}),
		.ending = "Exit status: 0 measured, 2 wrong usage, a worker that is missing or fails,\n"
			  "or output that can't be written, 3 no contender can run here.\n",
		.operand = "BENCH",
	},
	[COMMAND_INSPECT] = {
		.name = "inspect",
		.summary = "show the owners and places of the registrations in a running process",
		.usage = "[OPTION...] PID",
		.about = "Shows for every thread of a running process whether it is registered for rseq, which\n"
			 "component owns the registration, where the area is, and which critical section it names.\n"
			 "Needs the permission to trace the process. Stops each thread for some microseconds. A\n"
			 "blocking system call of the thread may then return EINTR.\n",
		.options = ROWS(
			{'w', "watch", "[SECONDS]", "repeat, every second or as often as given"},
			{'n', "count", "N", "with --watch: stop after N looks"},
			{'a', "all", NULL, "print a line for each thread; by default, like threads may share one"},
			{'j', "json", NULL, JSON_HELP "; with --watch, one line for each look"}),
		.ending = "Exit status: 0 nothing to do, 1 findings need action, 2 wrong usage, no such process or\n"
			  "no permission, 3 some answers are unknown.\n",
		.operand = "PID",
	},
	[COMMAND_TRACE] = {
		.name = "trace",
		.summary = "show which critical sections abort, where and how often",
		.usage = "[OPTION...] [-- PROGRAM [ARGUMENT...]]",
		.about = "Counts the aborts of critical sections, as the kernel reports them: at which instruction,\n"
			 "in which section, process and thread, and on which CPU. Traces the program and all that it\n"
			 "starts, the processes that are named, or the whole machine. Needs root.\n",
		.options = ROWS(
			{'p', "pid", "PID", "trace this process, and what it starts; may be given several times"},
			{'t', "time", "SECONDS", "stop after this time"},
			{'j', "json", NULL, "write JSON: one line for each abort, and a summary"},
			{'a', "all", NULL, "print all rows of each table"},
			{'u', "updates", NULL, "also count how often the kernel wrote CPU numbers, for each thread"},
			{'b', "buffer", "KIB", "the size of the kernel's buffer for each CPU; 8192 or less by default"},
			{'o', "output", "FILE", "write to this file, and leave standard output to the program"}),
		.ending = "The trace ends with the program or the processes, after the time, or at Ctrl-C. A program\n"
			  "that still runs then gets SIGTERM. Exit status: 0 traced, 2 wrong usage, no permission, or\n"
			  "output that can't be written, 3 this kernel reports no aborts, or no updates.\n",
		.operand = "PROGRAM",
	},
	[COMMAND_TOP] = {
		.name = "top",
		.summary = "show aborts of critical sections while they happen",
		.usage = "[OPTION...]",
		.about = "Shows the aborts of critical sections while they happen, as the kernel reports them. Needs\n"
			 "root. Without a terminal, prints one table for each interval.\n",
		.options = ROWS(
			{'i', "interval", "SECONDS", "the time between two tables; 1 by default"},
			{'n', "count", "N", "stop after N tables"},
			{'p', "pid", "PID", "show this process, and what it starts; may be given several times"}),
		.ending = "Keys: i instructions, s sections, p processes, t threads, c CPUs; r sorts by the rate of the\n"
			  "last interval, a by all aborts; space pauses, q quits. Exit status: 0 done, 2 wrong usage, no\n"
			  "permission, or output that can't be written, 3 this kernel reports no aborts.\n",
	},
	[COMMAND_LINT] = {
		.name = "lint",
		.summary = "check the critical sections in programs, libraries and object files",
		.usage = "[OPTION...] FILE...\n--rules",
		.about = "Checks the critical sections (rseq) in programs, shared objects, object files and archives\n"
			 "for x86-64 and aarch64. Prints the sections that lose data or kill the process, and why.\n",
		.options = ROWS(
			{'a', "all", NULL, "print notes, too: what looks odd, and what the bytes can't decide"},
			{'j', "json", NULL, JSON_HELP},
			{OPTION_RULES, "rules", NULL, "print what the rules find, and check no file"}),
		.ending = "Exit status: 0 no errors, 1 errors in sections, 2 wrong usage or an unreadable file,\n"
			  "3 a file that can't be judged: another architecture, or no machine code.\n",
		.operand = "FILE",
	},
	[COMMAND_TORTURE] = {
		.name = "torture",
		.summary = "abort a program's critical sections at each instruction",
		.usage = "[OPTION...] [--] PROGRAM [ARGUMENT...]\n[OPTION...] --pid=PID",
		.about = "Aborts each critical section (rseq) of a program at each of its instructions, and\n"
			 "reports which instructions were covered, and which sections change data before\n"
			 "their commit.\n",
		.options = ROWS(
			{'e', "every", NULL, "abort at each instruction in turn; the default"},
			{'n', "rounds", "ROUNDS", "abort this often at each instruction; the default is 1"},
			{'r', "random", "NUMBER", "abort that often, at random instructions"},
			{OPTION_SEED, "seed", "NUMBER", "choose the random instructions by this number"},
			{'m', "migrate", NULL, "move the thread to another CPU before it goes on"},
			{OPTION_REACH, "reach", NULL, "abort nothing on purpose; count which instructions are reached"},
			{OPTION_STRICT, "strict", NULL, "count each store before a commit that isn't declared as private"},
			{'p', "pid", "PID", "torture a running process, and leave it running"},
			{'t', "time", "SECONDS", "with --pid: end after this time; the default is 10"},
			{OPTION_RUNS, "runs", "NUMBER", "start the program again, up to this number of times in all, as long as a "
							"run covers further instructions"},
			{'o', "output", "FILE", "write the report to a file"},
			{'j', "json", NULL, JSON_HELP}),
		.ending = "Exit status: 0 all covered sections survived, 1 a section changed data before its\n"
			  "commit or the program failed, 2 wrong usage or environment, 3 nothing was covered.\n",
		.operand = "PROGRAM",
	},
#endif
	[COMMAND_EXEC] = {
		.name = "exec",
		.summary = "run a program and register its threads",
		.usage = "[OPTION...] [--] PROGRAM [ARGUMENT...]",
		.about = "Runs a program and registers its threads for restartable sequences, even if the C\n"
			 "library can't register threads, or GLIBC_TUNABLES=glibc.pthread.rseq=0 stops it. The\n"
			 "program's children inherit this.\n",
		.options = ROWS(
			{'f', "full-size", NULL, "register areas of the full size that the kernel offers, in memory of rseqkit "
						 "instead of the C library. Sets GLIBC_TUNABLES and RSEQKIT_AREA"},
			{'k', "ktls", NULL, "let the kernel register threads itself (KTLS), including vfork children and threads "
					    "that no library starts. Experimental. If the kernel can't do this, prints a message "
					    "and ignores the option. Sets GLIBC_TUNABLES and RSEQKIT_AREA"}),
		.ending = "A program that registers threads itself by librseq runs unchanged. With -f or -k, or if its\n"
			  "registrations and those of rseqkit would conflict, exec refuses to run it.\n"
			  "\n"
			  "Exit status: that of the program; 126 if it can't be run, 127 if it isn't found; 2 wrong usage,\n"
			  "or nothing can be preloaded into it (static, set-user-ID, another or an older C library).\n",
		.operand = "PROGRAM",
	},
};
