/* SPDX-License-Identifier: MIT */
/*
 * cpus.c - the possible CPUs: all CPUs whose numbers the kernel can ever store in a thread's struct rseq.
 *
 * The possible CPUs aren't the CPUs that are online, and sysconf() doesn't report them: CPU numbers can have gaps, and CPUs
 * go online and offline. The kernel's list of possible CPUs, in /sys, is read once, by raw system calls, so that the first
 * use can be in a signal handler.
 *
 * The invariant: the set in use has every CPU that this process is allowed to run on, as far as that can be known. The set
 * never grows, because memory is mapped for its CPUs only. The set can shrink once: from all CPU numbers that the kernel has
 * room for to the CPUs in the kernel's list. A process can have several copies of this library, which use each other's objects,
 * so all copies use the set that the first copy offered (cpus_page.h). A copy uses another set only if the kernel lets a thread
 * run on a CPU that isn't in the common set.
 *
 * The kernel's list isn't always right: a container can show the list of another machine. The list is therefore not used if the
 * calling thread is allowed to run on a CPU that isn't listed. If there is no list, or if the list isn't used, every CPU number
 * that the kernel's own masks have room for is treated as possible.
 */
#define _GNU_SOURCE
#include "cpus.h"

#include <fcntl.h>
#include <string.h>
#include "cpus_page.h"
#include "kernel.h"

#define BITS (8 * (int)sizeof(unsigned long))

/* Values of `state`, which says which of the sets below is in use. All threads that write a set write the same contents. */
enum {
	UNREAD,
	MASKED_FOR_NOW, /* as MASKED, but only because there was no descriptor or memory to read the list */
	MASKED,
	LISTED,
	AGREED
};
static unsigned state;
static struct rk_cpus listed; /* the kernel's list */
static struct rk_cpus masked; /* all CPU numbers that the kernel has room for */
static struct rk_cpus agreed; /* another copy's set, which differs from ours */

static struct rk_cpus *set_of(unsigned which)
{
	return which == LISTED ? &listed : which == AGREED ? &agreed : &masked;
}

static void set_add(struct rk_cpus *cpus, int cpu)
{
	unsigned long bit = 1UL << (cpu % BITS);

	if (cpus->set[cpu / BITS] & bit)
		return;
	cpus->set[cpu / BITS] |= bit;
	cpus->count++;
	if (cpu > cpus->highest)
		cpus->highest = cpu;
}

static bool has_bit(const unsigned long *set, int cpu)
{
	return set[cpu / BITS] >> (cpu % BITS) & 1;
}

static void set_clear(struct rk_cpus *cpus)
{
	memset(cpus, 0, sizeof(*cpus));
	cpus->highest = -1;
}

/* A list of CPUs is parsed while it is read, because the list can be long, and a signal handler's stack can be small. */
struct parser {
	struct rk_cpus *cpus;
	int first;  /* first number of a range, or -1 */
	int number; /* number being read, or -1 before its first digit */
	bool ended; /* the line has ended */
	int error;
};

/* The caller has found the end of a number, which is a single CPU or ends a range. Adds the CPU, or all CPUs of the range. */
static void parse_range_end(struct parser *p)
{
	int first = p->first >= 0 ? p->first : p->number;

	if (p->number < 0 || p->number < first)
		p->error = -EINVAL;
	for (int cpu = first; p->error == 0 && cpu <= p->number; cpu++)
		set_add(p->cpus, cpu);
	p->first = -1;
	p->number = -1;
}

static void parse_character(struct parser *p, char c)
{
	if (p->ended) {
		p->error = -EINVAL;
	} else if (c >= '0' && c <= '9') {
		p->number = (p->number < 0 ? 0 : p->number * 10) + (c - '0');
		if (p->number >= RK_CPUS_MAX)
			p->error = -ERANGE;
	} else if (c == '-' && p->number >= 0 && p->first < 0) {
		p->first = p->number;
		p->number = -1;
	} else if (c == ',' || c == '\n') {
		parse_range_end(p);
		p->ended = c == '\n';
	} else {
		p->error = -EINVAL;
	}
}

static void parse_begin(struct parser *p, struct rk_cpus *cpus)
{
	*p = (struct parser){.cpus = cpus, .first = -1, .number = -1};
	set_clear(cpus);
}

static int parse_end(struct parser *p)
{
	if (p->error == 0 && !p->ended)
		parse_range_end(p);
	return p->error;
}

int rk_cpus_parse(const char *text, struct rk_cpus *cpus)
{
	struct parser p;

	parse_begin(&p, cpus);
	for (; *text != '\0' && p.error == 0; text++)
		parse_character(&p, *text);
	return parse_end(&p);
}

int rk_cpus_read(const char *path, struct rk_cpus *cpus)
{
	struct parser p;
	char text[128] = {0};
	long r, position = 0;
	long fd = RK_SYSCALL(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* in case the file is a FIFO */

	if (fd < 0)
		return (int)fd;
	parse_begin(&p, cpus);
	do {
		r = rk_kernel_read_at(fd, text, sizeof(text), position);
		position += r > 0 ? r : 0;
		for (long i = 0; i < r && p.error == 0; i++)
			parse_character(&p, text[i]);
		/* The kernel's files have one line, so a read that isn't full and ends the line is the last one. */
	} while (r > 0 && p.error == 0 && !(p.ended && r < (long)sizeof(text)));
	(void)RK_SYSCALL(SYS_close, (int)fd);
	return r < 0 ? (int)r : parse_end(&p);
}

struct kernel_mask {
	unsigned long words[RK_CPUS_MAX / BITS];
};

static int room; /* how many CPU numbers the kernel's own mask has room for; 0 if it isn't known */

/*
 * Reads on which CPUs the calling thread is allowed to run. Returns the size of the kernel's own mask in bytes, or a
 * negative errno.
 */
static long affinity(struct kernel_mask *mask)
{
	long bytes;

	memset(mask, 0, sizeof(*mask));
	bytes = RK_SYSCALL(SYS_sched_getaffinity, 0, sizeof(*mask), mask->words);
	if (bytes > 0 && bytes <= (long)sizeof(*mask))
		__atomic_store_n(&room, (int)bytes * 8, __ATOMIC_RELAXED);
	return bytes;
}

int rk_cpus_room(void)
{
	return __atomic_load_n(&room, __ATOMIC_RELAXED);
}

/*
 * Fills the set with every number that the kernel's mask has room for. A filter can refuse sched_getaffinity() in only some
 * threads, so all threads use the size that the first thread stored.
 */
__attribute__((__noinline__)) static void assume_mask(struct rk_cpus *cpus)
{
	static long answered;
	struct kernel_mask mask;
	long bytes = affinity(&mask), before = 0;

	set_clear(cpus);
	/* If sched_getaffinity() fails, every number below RK_CPUS_MAX is possible. */
	if (bytes <= 0 || bytes > (long)sizeof(mask))
		bytes = (long)sizeof(mask);
	if (!__atomic_compare_exchange_n(&answered, &before, bytes, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		bytes = before;
	for (int cpu = 0; cpu < bytes * 8; cpu++)
		set_add(cpus, cpu);
}

/*
 * Returns whether the kernel lets this thread run on a CPU that isn't in the set. If so, the set is wrong: a container can
 * show the list of another machine.
 */
__attribute__((__noinline__)) static bool is_contradicted(const unsigned long *set)
{
	struct kernel_mask mask;

	if (affinity(&mask) < 0)
		return false;
	for (size_t i = 0; i < sizeof(mask.words) / sizeof(mask.words[0]); i++)
		if (mask.words[i] & ~set[i])
			return true;
	return false;
}

/* Returns whether the error can be temporary, so that another attempt can succeed. */
static bool is_passing(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -EINTR;
}

/*
 * Stores a word only if its value changes, so a thread that is slower than the others doesn't write while the others read. The
 * loads have acquire order. A thread that sees this thread's later store to `state` therefore also sees the word, even if a
 * racing thread stored the word.
 */
#define PUBLISH(to, from)                                                                                              \
	do {                                                                                                           \
		__typeof__(to) there = __atomic_load_n(&(to), __ATOMIC_ACQUIRE);                                       \
		if (there != (from)) {                                                                                 \
			(void)__atomic_compare_exchange_n(&(to), &there, from, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED); \
			(void)__atomic_load_n(&(to), __ATOMIC_ACQUIRE);                                                \
		}                                                                                                      \
	} while (0)

/*
 * Stores a set where all threads read it, word by word. Racing threads and nested signal handlers store the same words.
 * ThreadSanitizer is off here, because it treats exchanges that fail as stores.
 */
__attribute__((__noinline__, __no_sanitize__("thread"))) static void publish_set(struct rk_cpus *set, const struct rk_cpus *cpus)
{
	for (size_t i = 0; i < sizeof(cpus->set) / sizeof(cpus->set[0]); i++)
		PUBLISH(set->set[i], cpus->set[i]);
	PUBLISH(set->count, cpus->count);
	PUBLISH(set->highest, cpus->highest);
}

/*
 * If other copies use another set, replaces *cpus by that set and returns true. `offered` says that *cpus is offered to other
 * copies. The set of the other copies isn't used if the kernel lets this thread run on a CPU that isn't in it, or if it has a
 * CPU above `highest`.
 */
static bool agree(struct rk_cpus *cpus, bool offered, int highest)
{
	const unsigned long *set = rk_cpus_agree(offered ? cpus : NULL);

	if (set == NULL || memcmp(set, cpus->set, sizeof(cpus->set)) == 0 || is_contradicted(set))
		return false;
	for (int cpu = highest + 1; cpu < RK_CPUS_MAX; cpu++)
		if (has_bit(set, cpu))
			return false;
	set_clear(cpus);
	for (int cpu = 0; cpu <= highest; cpu++)
		if (has_bit(set, cpu))
			set_add(cpus, cpu);
	return true;
}

/* Finds the set without other copies' help. Returns which set was found: LISTED, MASKED or MASKED_FOR_NOW. */
static unsigned see(struct rk_cpus *cpus, int highest)
{
	int r = rk_cpus_read("/sys/devices/system/cpu/possible", cpus);
	unsigned now = is_passing(r) ? MASKED_FOR_NOW : r < 0 || is_contradicted(cpus->set) ? MASKED : LISTED;

	if (now == LISTED && cpus->highest > highest)
		now = MASKED;
	if (now != LISTED)
		assume_mask(cpus);
	return now;
}

/*
 * Finds the set to use, and publishes it. If `sees` is true, this copy reads the list; otherwise it only looks for another
 * copy's set. A set with a higher CPU than the present set can't be used any more, because memory can be mapped for the CPUs in
 * the present set.
 */
__attribute__((__noinline__)) static void look_for_cpus(unsigned before, bool sees)
{
	int highest = before == UNREAD ? RK_CPUS_MAX - 1 : masked.highest;
	struct rk_cpus cpus;
	unsigned now = before;

	if (sees)
		now = see(&cpus, highest);
	else
		cpus = masked;
	if (agree(&cpus, now != MASKED_FOR_NOW, highest))
		now = AGREED;
	if (now == before)
		return;
	publish_set(set_of(now), &cpus);
	(void)__atomic_compare_exchange_n(&state, &before, now, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/*
 * If this copy had no descriptor or memory to read the list, it looks for another copy's set at each call. Other copies may
 * have made objects meanwhile, for the CPUs in their own set.
 */
const struct rk_cpus *rk_cpus_get(void)
{
	unsigned which = __atomic_load_n(&state, __ATOMIC_ACQUIRE);

	if (RKI_UNLIKELY(which == UNREAD || which == MASKED_FOR_NOW))
		look_for_cpus(which, which == UNREAD);
	return set_of(__atomic_load_n(&state, __ATOMIC_ACQUIRE));
}

const struct rk_cpus *rk_cpus_look_again(void)
{
	unsigned before = __atomic_load_n(&state, __ATOMIC_ACQUIRE);

	if (before == UNREAD || before == MASKED_FOR_NOW)
		look_for_cpus(before, true);
	return set_of(__atomic_load_n(&state, __ATOMIC_ACQUIRE));
}

int rk_cpus_count(void)
{
	return rk_cpus_get()->count;
}

int rk_cpus_next(int after)
{
	const struct rk_cpus *cpus = rk_cpus_get();

	if (after >= cpus->highest)
		return -1;
	for (int cpu = after < 0 ? 0 : after + 1; cpu <= cpus->highest; cpu++)
		if (rk_cpus_has(cpus, cpu))
			return cpu;
	return -1;
}
