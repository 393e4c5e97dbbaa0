/* SPDX-License-Identifier: MIT */
/*
 * inspect.h - the result of one look of `rseqkit inspect` at a process, and the functions that collect and print this result. A
 * look examines all threads of the process once. An owner is the component that registered a thread.
 *
 * The invariants: only inspect_ask() stops a thread of the process, and only for the few system calls that need a stopped
 * thread. All other work, such as reading symbols, is done afterwards, while no thread is stopped. The files that the process
 * has mapped can't harm the tool, because only a child of the tool opens them, see reader.c.
 */
#ifndef RK_TOOL_INSPECT_H
#define RK_TOOL_INSPECT_H

#include <rseqkit/detail/agreement.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "common/proc.h"
#include "common/source.h"

enum inspect_outcome {
	ASK_NOT_YET,
	ASK_ANSWERED,
	ASK_GONE,         /* the thread ended */
	ASK_REFUSED,      /* no permission, or another process traces the thread */
	ASK_NOT_STOPPED,  /* the thread didn't stop in time: it waits uninterruptibly, or an execve() of its process hangs */
	ASK_NO_REQUEST,   /* the kernel has no PTRACE_GET_RSEQ_CONFIGURATION */
	ASK_NO_PORT,      /* the tool can't read registers on this architecture, see registers.c */
	ASK_NO_CHILD      /* the child that asks couldn't be started */
};

/* `struct rseq_cs` of include/uapi/linux/rseq.h. */
struct inspect_descriptor {
	uint32_t version, flags;
	uint64_t start_ip, post_commit_offset, abort_ip;
};

/* The data that the tool has read from a stopped thread. */
struct inspect_answer {
	uint64_t address;        /* the address of the thread's area (struct rseq); 0 if the thread isn't registered */
	uint32_t size, signature; /* the size and the signature of the registration */
	uint64_t thread_pointer, ip;
	unsigned char area[sizeof(struct rk_area)];
	uint64_t rseq_cs;        /* the area's field rseq_cs */
	uint32_t flags;          /* the area's field flags */
	struct inspect_descriptor descriptor;
	bool has_area;           /* `area` could be read */
	bool has_descriptor;     /* `descriptor` could be read */
	double stopped;          /* the thread was stopped for at most this many seconds */
};

/* Reads memory of the process that has the living thread `tid`. Returns true only if it read all bytes. */
bool inspect_read(pid_t tid, uint64_t address, void *to, size_t size);

/* Has the thread ended, so that only its exit status is left? */
bool inspect_has_ended(const struct proc_status *status);

/* Does the thread exist, and does it still have the memory of its process? */
bool inspect_lives(pid_t pid, pid_t tid);

/*
 * Returns a living thread: the initial thread, or the oldest living thread if the initial thread has ended; 0 if no thread
 * lives. Memory, files and auxiliary vector of the process are read through this thread, because the kernel doesn't show
 * them for an ended thread.
 */
pid_t inspect_living_thread(pid_t pid);

/* Returns a number that changes when the process executes another program; 0 if the number can't be computed. */
uint64_t inspect_image(pid_t pid);

/* Which component registered a thread: the C library, rseqkit, an early adopter of __rseq_abi, librseq, the kernel, another. */
enum inspect_owner {
	OWNER_NONE, OWNER_LIBC, OWNER_SELF, OWNER_EARLY, OWNER_LIBRSEQ, OWNER_KERNEL, OWNER_FOREIGN, OWNER_UNKNOWN
};

struct inspect_thread {
	pid_t tid;
	struct proc_status status; /* the thread's state before the stop */
	enum inspect_outcome outcome; /* after a look, either ASK_ANSWERED or ASK_NOT_STOPPED */
	struct inspect_answer answer;
	enum inspect_owner owner;
	bool kept;                    /* the answer is from an earlier look, after which the thread has not run */
};

/*
 * Asks each thread whose outcome is ASK_NOT_YET, one after the other. Each thread is stopped while it is asked, and always
 * resumed. Returns the errno of the failure if ASK_NO_CHILD is the outcome of a thread, and 0 if that errno is unknown.
 */
int inspect_ask(struct inspect_thread *threads, size_t count);

/* Offsets from the thread pointer. */
struct inspect_offsets {
	int64_t list[16];
	size_t count;
};

/* Is the offset in the list? */
bool inspect_is_among(const struct inspect_offsets *offsets, int64_t offset);

/* Where the areas of known owners are. On the rendezvous page, all copies of librseqkit in the process have agreed on an area. */
struct inspect_places {
	bool complete;        /* every program and library that is mapped has symbols */
	uint32_t agreed;      /* the kind of the rendezvous page, RK_RENDEZVOUS_*; 0 if there is no such page */
	bool agreed_on_kernel; /* the copies leave registration to the kernel (KTLS) */
	int64_t agreed_offset; /* the offset of the area on which the copies have agreed */
	struct inspect_offsets libc;    /* the value of __rseq_offset */
	uint32_t libc_size;             /* the value of __rseq_size; 0 if the C library registers no threads */
	struct inspect_offsets self;    /* the values of rk_area_offset in all copies */
	struct inspect_offsets early;   /* offsets of each __rseq_abi that other modules can see */
	struct inspect_offsets librseq; /* the value of librseq's rseq_offset, if other modules can see it */
	struct inspect_offsets inside;  /* the value of librseq's rseq_offset in a static program */
	struct inspect_offsets hidden;  /* offsets of each __rseq_abi that other modules can't see */
	bool early_elsewhere; /* a library defines __rseq_abi at an unknown offset */
};

/* Symbol, module and source line of an address. Unknown texts are empty, and an unknown line is 0. */
struct inspect_place {
	char module[SOURCE_TEXT];
	struct source source;
};

/* Does the environment with which a process was started stop the C library, or librseqkit, from registering threads? */
enum inspect_told { TOLD_UNKNOWN, TOLD_NOTHING, TOLD_OFF /* the environment does */ };

#define CLAIMS_NO_CPU (-1)

/*
 * The results of the child that reads the files that a process has mapped. The child also does everything else that may never
 * end.
 */
struct inspect_files {
	struct inspect_places places;
	enum inspect_told libc_told, self_told;
	size_t count; /* number of threads */
	struct {
		int32_t claimed_cpu; /* the cpu_id of an unregistered thread's area, if it isn't negative; else CLAIMS_NO_CPU */
		struct inspect_place start, abort; /* start and abort handler of the section to which rseq_cs refers */
	} threads[]; /* in the order of the threads */
};

/* Why no thread of a process is registered. */
enum inspect_absence {
	ABSENCE_NONE,    /* at least one thread is registered, or couldn't be asked */
	ABSENCE_FILTER,  /* a component tried to register, and a seccomp filter is in force */
	ABSENCE_UNDONE,  /* the C library had registered threads, and they aren't registered any more */
	ABSENCE_TOLD,    /* the environment tells the C library not to register */
	ABSENCE_REFUSED, /* the C library tried to register, and no filter is in force */
	ABSENCE_NO_OWNER, /* no component registers threads */
	ABSENCE_UNKNOWN
};

struct inspect_look {
	pid_t pid;
	uint64_t started;      /* when the process started, as in struct proc_status; 0 before the first look */
	uint64_t image;        /* see inspect_image() */
	char name[64];
	bool announced;        /* the auxiliary vector has AT_RSEQ_FEATURE_SIZE */
	uint32_t feature_size; /* the announced size in bytes; the original size if the kernel announces none */
	struct inspect_thread *threads;
	size_t count;
	struct inspect_files *files;
	enum inspect_absence absence; /* why no thread is registered */
	pid_t refused;         /* this thread couldn't be asked, and so the look failed; 0 if there is no such thread */
	enum inspect_outcome refusal; /* why that thread couldn't be asked */
	int error;             /* see inspect_ask() */
};

/*
 * Looks at all threads of a process. On entry, `look` has the previous look, if there was one. Threads that have not run
 * since the previous look are not stopped again. Returns EXIT_CLEAN. After a failure, prints a message, leaves no threads in
 * `look`, and returns another exit code.
 */
int inspect_process(struct inspect_look *look);

/* Prints the most likely reason for which the kernel refused to trace a thread of the process. Returns EXIT_USAGE. */
int inspect_report_refusal(pid_t pid, pid_t tid);

/* Sets look->files. If reading fails, prints why, and leaves the results unknown. Returns false if memory is short. */
bool inspect_read_files(struct inspect_look *look);

/* Releases look->files. */
void inspect_forget_files(struct inspect_look *look);

/*
 * These functions are for the child that reads files (reader.c). inspect_symbols_open() opens the symbols of the process that has
 * the living thread `tid`, and returns NULL if they can't be read. inspect_symbols_close() releases them.
 * inspect_symbols_places() finds the offsets of known owners' areas. inspect_symbols_locate() finds the place of an address.
 */
struct inspect_symbols;
struct inspect_symbols *inspect_symbols_open(pid_t tid);
void inspect_symbols_close(struct inspect_symbols *symbols);
void inspect_symbols_places(struct inspect_symbols *symbols, struct inspect_places *places);
void inspect_symbols_locate(struct inspect_symbols *symbols, uint64_t address, struct inspect_place *place);

/* In this child: reads the environment, and fills in `claimed_cpu`. look->files->places must be set. */
void inspect_read_absence(pid_t tid, const struct inspect_look *look);

/* Returns why no thread is registered. The look's files must have been read. */
enum inspect_absence inspect_absence(const struct inspect_look *look);

/* Can threads have been registered only after they were asked? If so, the caller asks the unregistered threads again. */
bool inspect_may_be_late(const struct inspect_look *look);

/* Returns `claimed_cpu` of the thread. */
int32_t inspect_claimed_cpu(const struct inspect_look *look, const struct inspect_thread *thread);

bool inspect_is_registered(const struct inspect_thread *thread);

/* Finds the owner of each thread, and why no thread is registered. */
void inspect_conclude(struct inspect_look *look);

/* Returns how many bytes of a thread's area have valid fields, see RK_FIELD_END_*; 0 if the area couldn't be read. */
uint32_t inspect_valid_bytes(const struct inspect_look *look, const struct inspect_thread *thread);

/* When the thread was stopped, was it inside the section to which rseq_cs refers? */
bool inspect_is_active(const struct inspect_answer *answer);

/* A finding, which applies to some threads of a process. */
struct inspect_finding {
	const char *id, *severity, *message;
	int exit_status;
	bool (*applies)(const struct inspect_look *look, const struct inspect_thread *thread);
};

extern const struct inspect_finding inspect_findings[];
extern const size_t inspect_findings_count;

/* Returns the number of threads to which the finding applies. Stores the first of these threads in *first. */
size_t inspect_finding_threads(const struct inspect_look *look, const struct inspect_finding *finding, pid_t *first);

/* Returns the worse of two exit statuses. EXIT_FINDINGS is worse than EXIT_UNSURE. */
int inspect_worse(int status, int other);

/* Returns the exit status of a look. */
int inspect_exit_status(const struct inspect_look *look);

/* These functions return names, which text and JSON share. */
const char *inspect_owner_name(enum inspect_owner owner);
const char *inspect_mode_name(const struct inspect_answer *answer); /* NULL if unknown */
const char *inspect_section_state(const struct inspect_answer *answer);

/*
 * The fields of an area that are numbers of the kernel. inspect_field() stores the value of a field in *value. It returns false
 * if this thread's area doesn't have the field.
 */
enum { INSPECT_FIELDS = 4 };
extern const char *const inspect_field_names[INSPECT_FIELDS];
bool inspect_field(const struct inspect_look *look, const struct inspect_thread *thread, int number, int32_t *value);

/* Do two threads have registrations of the same owner, size and signature, or are both unregistered? */
bool inspect_is_alike(const struct inspect_thread *thread, const struct inspect_thread *other);

/* Prints one look as text. With `all`, each thread has a line of its own. */
void inspect_print_text(const struct inspect_look *look, bool all);

/* Prints one look as JSON. With `line`, all of the JSON is on one line. */
void inspect_print_json(const struct inspect_look *look, bool line);

#endif /* RK_TOOL_INSPECT_H */
