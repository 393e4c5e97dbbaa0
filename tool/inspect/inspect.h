/* SPDX-License-Identifier: MIT */
/*
 * inspect.h - what `rseqkit inspect` knows of a process after one look, and the parts that find it out.
 *
 * The invariants: a thread of the process is stopped only by inspect_ask(), for the few system calls that need it.
 * Everything else, symbols above all, is worked out afterwards, with nothing stopped. And whoever made the files that it
 * has mapped can't harm who looks: only a child opens them, see reader.c.
 */
#ifndef RK_TOOL_INSPECT_H
#define RK_TOOL_INSPECT_H

#include <rseqkit/detail/agreement.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum inspect_outcome {
	ASK_NOT_YET,
	ASK_ANSWERED,
	ASK_GONE,         /* the thread ended */
	ASK_REFUSED,      /* no permission, or traced by somebody else */
	ASK_NOT_STOPPED,  /* it didn't stop in time, as in an uninterruptible wait, or beside an execve() that hangs */
	ASK_NO_REQUEST,   /* the kernel has no PTRACE_GET_RSEQ_CONFIGURATION */
	ASK_NO_PORT,      /* registers can't be read on this architecture, see registers.c */
	ASK_NO_CHILD      /* no process of our own to ask with */
};

/* `struct rseq_cs` of include/uapi/linux/rseq.h. */
struct inspect_descriptor {
	uint32_t version, flags;
	uint64_t start_ip, post_commit_offset, abort_ip;
};

/* What a stopped thread tells. */
struct inspect_answer {
	uint64_t address;        /* of the area; 0 when not registered */
	uint32_t size, signature;
	uint64_t thread_pointer, ip;
	unsigned char area[sizeof(struct rk_area)];
	uint64_t rseq_cs;        /* of the area */
	uint32_t flags;          /* of the area */
	struct inspect_descriptor descriptor;
	bool has_area;           /* it could be read */
	bool has_descriptor;     /* `descriptor` could be read */
	double stopped;          /* seconds from the request to stop until it was let go: an upper bound */
};

/* Can registers be read on this architecture? */
extern const bool inspect_has_port;

/*
 * The instruction and thread pointers of a stopped thread. Where its system call was interrupted by that, and won't be
 * restarted, sees to it that it is, if the architecture allows that. False if the thread is gone.
 */
bool inspect_read_registers(pid_t tid, struct inspect_answer *answer);

/* Reads memory of another process, by a thread of it that lives; all of it, or false. */
bool inspect_read(pid_t tid, uint64_t address, void *to, size_t size);

/* Of /proc/PID/task/TID/. */
struct inspect_status {
	char name[64];
	char state;             /* as proc(5) has it: R, S, D, T, Z, ... */
	pid_t process, tracer;  /* tracer is 0 without one */
	uint64_t threads;       /* of the process */
	uint64_t switches;      /* how often it gave up its CPU or was preempted */
	uint64_t started;       /* clock ticks from boot: nobody who has the id later has both */
	int seccomp;            /* of the thread: 0 none, 1 strict, 2 filter */
	bool kernel;            /* a kernel thread, or a worker that the kernel runs for the process */
};

/* false if there is no such thread. */
bool inspect_status(pid_t pid, pid_t tid, struct inspect_status *status);

/* Is it there only for its parent to ask how it ended? */
bool inspect_has_ended(const struct inspect_status *status);

/* Is the thread still there, with the memory of its process? */
bool inspect_lives(pid_t pid, pid_t tid);

/*
 * A thread that lives: the initial one, or the oldest where that has ended; 0 without any. What is asked of a process
 * is asked of this thread: of one that has ended the kernel has no memory, files or auxiliary vector to show.
 */
pid_t inspect_living_thread(pid_t pid);

/* A number that tells its program from one that it executes later; 0 where it can't be had. */
uint64_t inspect_image(pid_t pid);

/* Its rights to files: who it is for them. */
struct inspect_rights {
	uid_t uid;
	gid_t gid;
	gid_t groups[64]; /* more aren't heeded */
	size_t count;
};

bool inspect_rights(pid_t pid, struct inspect_rights *rights);

enum inspect_owner {
	OWNER_NONE, OWNER_LIBC, OWNER_SELF, OWNER_EARLY, OWNER_LIBRSEQ, OWNER_KERNEL, OWNER_FOREIGN, OWNER_UNKNOWN
};

struct inspect_thread {
	pid_t tid;
	struct inspect_status status; /* before it was asked */
	enum inspect_outcome outcome; /* after a look: ASK_ANSWERED or ASK_NOT_STOPPED */
	struct inspect_answer answer;
	enum inspect_owner owner;
	bool kept;                    /* the answer is from an earlier look: it has not run since */
};

/*
 * Asks each thread whose outcome is ASK_NOT_YET, one after the other. Each is stopped for as long as that takes, and
 * never left so.
 */
void inspect_ask(struct inspect_thread *threads, size_t count);

/* Offsets from the thread pointer. */
struct inspect_offsets {
	int64_t list[16];
	size_t count;
};

bool inspect_is_among(const struct inspect_offsets *offsets, int64_t offset);

/* At which known owners have their areas. */
struct inspect_places {
	bool complete;        /* every program and library that is mapped has symbols */
	uint32_t agreed;      /* kind of the copies' rendezvous, RK_RENDEZVOUS_*; 0 without one */
	bool agreed_on_kernel; /* they leave it to the kernel (KTLS) */
	int64_t agreed_offset;
	struct inspect_offsets libc;    /* __rseq_offset */
	uint32_t libc_size;             /* __rseq_size: zero or not */
	struct inspect_offsets self;    /* rk_area_offset, of every copy */
	struct inspect_offsets early;   /* __rseq_abi, where other modules see it */
	struct inspect_offsets librseq; /* rseq_offset */
	struct inspect_offsets hidden;  /* __rseq_abi, where they don't */
	bool early_elsewhere; /* a library defines it, and its place can't be told */
};

/* Where an address is. Empty texts and line 0 for what isn't known. */
struct inspect_place {
	char symbol[256];
	uint64_t offset;
	char module[256];
	char file[256];
	int line;
};

/* What the environment that a process was started with tells the C library, or this library. */
enum inspect_told { TOLD_UNKNOWN, TOLD_NOTHING, TOLD_OFF /* to register nobody */ };

#define CLAIMS_NO_CPU (-1)

/* What the files tell that a process has mapped, and what else the child reads that may take for ever. */
struct inspect_files {
	struct inspect_places places;
	enum inspect_told libc_told, self_told;
	size_t count; /* of threads */
	struct {
		int32_t claimed_cpu; /* that an area of an unregistered thread names, as if it were registered; CLAIMS_NO_CPU */
		struct inspect_place start, abort; /* of the section that its area names */
	} threads[]; /* in the order of the threads */
};

/* Why no thread of a process is registered. */
enum inspect_absence {
	ABSENCE_NONE,    /* one is, or couldn't be asked */
	ABSENCE_FILTER,  /* somebody tried, and a filter is in force */
	ABSENCE_UNDONE,  /* the C library registered threads, and that is gone */
	ABSENCE_TOLD,    /* the environment tells the C library not to */
	ABSENCE_REFUSED, /* the C library tried, and there is no filter */
	ABSENCE_NOBODY,  /* nobody is there who does */
	ABSENCE_UNKNOWN
};

struct inspect_look {
	pid_t pid;
	uint64_t started;      /* of the process, as in its status; 0 before the first look */
	uint64_t image;
	char name[64];
	bool announced;        /* the auxiliary vector has a feature size */
	uint32_t feature_size; /* bytes; the original size where nothing is announced */
	struct inspect_thread *threads;
	size_t count;
	struct inspect_files *files;
	enum inspect_absence absence; /* of a registration in all threads */
	pid_t refused;         /* a thread that couldn't be asked, and why: the look has failed then */
	enum inspect_outcome refusal;
};

/*
 * Looks at all threads of a process. What `look` has from the look before is used: threads that have not run since are
 * not stopped again. Returns EXIT_CLEAN, or complains, leaves no threads in `look`, and returns another exit code.
 */
int inspect_process(struct inspect_look *look);

/* Sets look->files. What couldn't be read isn't known, and why is said. False where there is no memory for it. */
bool inspect_read_files(struct inspect_look *look);
void inspect_forget_files(struct inspect_look *look);

/* In the child: symbols of a process, by a thread of it that lives. NULL when there are none to be had. */
struct inspect_symbols;
struct inspect_symbols *inspect_symbols_open(pid_t tid);
void inspect_symbols_close(struct inspect_symbols *symbols);
void inspect_symbols_places(struct inspect_symbols *symbols, struct inspect_places *places);
void inspect_symbols_locate(struct inspect_symbols *symbols, uint64_t address, struct inspect_place *place);

/* In the child: what the environment tells, and which areas claim a registration; places are known by then. */
void inspect_read_absence(pid_t tid, const struct inspect_look *look);

/* Why is that? By a look whose files are read. */
enum inspect_absence inspect_absence(const struct inspect_look *look);

/* May threads have been registered since they were asked? Then they are to be asked again. */
bool inspect_may_be_late(const struct inspect_look *look);

/* The CPU that the area of an unregistered thread names; CLAIMS_NO_CPU without one. */
int32_t inspect_claimed_cpu(const struct inspect_look *look, const struct inspect_thread *thread);

bool inspect_is_registered(const struct inspect_thread *thread);

/* Works out the owners, and why there is none. */
void inspect_conclude(struct inspect_look *look);

/* How many bytes of a thread's area hold valid fields: compare with RK_FIELD_END_*. 0 where it couldn't be read. */
uint32_t inspect_valid_bytes(const struct inspect_look *look, const struct inspect_thread *thread);

/* Was the thread inside the section that its area names? */
bool inspect_is_active(const struct inspect_answer *answer);

/* Findings: each is true of some threads. */
struct inspect_finding {
	const char *id, *severity, *message;
	int exit_status;
	bool (*applies)(const struct inspect_look *look, const struct inspect_thread *thread);
};

extern const struct inspect_finding inspect_findings[];
extern const size_t inspect_findings_count;

/* How many threads it is true of; *first is the first of them. */
size_t inspect_finding_threads(const struct inspect_look *look, const struct inspect_finding *finding, pid_t *first);

/* Something to act on outweighs something that can't be told. */
int inspect_worse(int status, int other);
int inspect_exit_status(const struct inspect_look *look);

/* Names, and what else text and JSON both tell. */
const char *inspect_owner_name(enum inspect_owner owner);
const char *inspect_mode_name(const struct inspect_answer *answer); /* NULL if unknown */
const char *inspect_section_state(const struct inspect_answer *answer);

/* Fields of the area that are numbers of the kernel; false if one isn't valid in this thread. */
enum { INSPECT_FIELDS = 4 };
extern const char *const inspect_field_names[INSPECT_FIELDS];
bool inspect_field(const struct inspect_look *look, const struct inspect_thread *thread, int number, int32_t *value);

/* Threads that are registered alike, or aren't. */
bool inspect_is_alike(const struct inspect_thread *thread, const struct inspect_thread *other);

/* One look, as text or as JSON. `all` has a line for each thread; `line` puts the JSON on one line. */
void inspect_print_text(const struct inspect_look *look, bool all);
void inspect_print_json(const struct inspect_look *look, bool line);

#endif /* RK_TOOL_INSPECT_H */
