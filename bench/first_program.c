/* SPDX-License-Identifier: MIT */
/*
 * first_program.c - the program of the benches `first` and `second`: creates two objects of one structure, and uses each once.
 *
 * usage: first_program STRUCTURE     prints nanoseconds of a creation, an operation, a second creation, an operation on it
 *        first_program -STRUCTURE    prints KiB of private dirty memory: of the first object, and of the second
 *
 * Times and memory are measured in different processes, because reading /proc also makes the library's reads of /proc faster.
 * Invariant: before the first creation, the process has called no function of the library.
 *
 * Exit status: 0; 1 if something failed, with a message; 2 for an unknown structure.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <rseqkit.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OBJECT_SIZE 64
#define BITS 5 /* the significant bits of histograms */
#define HIGHEST 1000000
#define COUNTERS 8 /* the number of counters in a group */

/* Holds what the program creates. Each structure uses its own member. */
union made {
	struct rk_counter *counter;
	struct rk_counter_group *group;
	struct rk_histogram *histogram;
	struct rk_freelist *freelist;
	struct rk_cache *cache;
	struct rk_ring *ring;
	struct rk_rcu *rcu;
	struct rk_lock *lock;
	struct rk_rwlock *rwlock;
	struct rk_ref ref;
};

static int create_counter(union made *m)
{
	return rk_counter_create(&m->counter);
}

static int use_counter(union made *m)
{
	rk_counter_add(m->counter, 1);
	return 0;
}

static int create_group(union made *m)
{
	return rk_counter_group_create(&m->group, NULL, COUNTERS);
}

static int use_group(union made *m)
{
	rk_counter_group_add(m->group, 3, 1);
	return 0;
}

static int create_histogram(union made *m)
{
	return rk_histogram_create(&m->histogram, BITS, HIGHEST);
}

static int use_histogram(union made *m)
{
	rk_histogram_record(m->histogram, 1234);
	return 0;
}

static int create_freelist(union made *m)
{
	return rk_freelist_create(&m->freelist);
}

/* Pushes a node and pops it. */
static int use_freelist(union made *m)
{
	static struct rk_freelist_node node;

	rk_freelist_push(m->freelist, &node);
	return rk_freelist_pop(m->freelist) == &node ? 0 : -1;
}

static char objects[256][OBJECT_SIZE] __attribute__((__aligned__(OBJECT_SIZE)));

/* Takes an object of static memory, so that the time isn't that of malloc(). */
static void *construct(void *context)
{
	size_t *next = context;

	return *next < sizeof(objects) / sizeof(objects[0]) ? objects[(*next)++] : NULL;
}

static void destruct(void *context, void *object)
{
	(void)context;
	(void)object;
}

static int create_cache(union made *m)
{
	static size_t next;
	static const struct rk_cache_options options = {
		.per_cpu = 64, .batch = 16, .construct = construct, .destruct = destruct, .context = &next};

	return rk_cache_create(&m->cache, &options, sizeof(options));
}

/* Takes an object and gives it back. */
static int use_cache(union made *m)
{
	void *object = rk_cache_get(m->cache);

	if (object == NULL)
		return -1;
	rk_cache_put(m->cache, object);
	return 0;
}

static int create_ring(union made *m)
{
	static const struct rk_ring_options options = {.size = 65536};

	return rk_ring_create(&m->ring, &options, sizeof(options));
}

static int use_ring(union made *m)
{
	static const uint64_t record[2] = {1, 2};

	return rk_ring_write(m->ring, record, sizeof(record));
}

static int create_rcu(union made *m)
{
	return rk_rcu_create(&m->rcu, 0);
}

static int use_rcu(union made *m)
{
	struct rk_rcu_section *section;

	rk_rcu_read_lock(m->rcu, &section);
	rk_rcu_read_unlock(m->rcu, section);
	return 0;
}

static int create_lock(union made *m)
{
	return rk_lock_create(&m->lock, sizeof(uint64_t));
}

static int use_lock(union made *m)
{
	void *data;
	int r = rk_lock_here(m->lock, &data);

	return r == 0 ? rk_lock_release(m->lock, data) : r;
}

static int create_rwlock(union made *m)
{
	return rk_rwlock_create(&m->rwlock, 0);
}

static int use_rwlock(union made *m)
{
	struct rk_rwlock_section *section;
	int r = rk_rwlock_read_lock(m->rwlock, &section);

	if (r == 0)
		rk_rwlock_read_unlock(m->rwlock, section);
	return r;
}

static void release(struct rk_ref *ref)
{
	(void)ref;
}

static int create_ref(union made *m)
{
	return rk_ref_init(&m->ref, release);
}

static int use_ref(union made *m)
{
	rk_ref_get(&m->ref);
	rk_ref_put(&m->ref);
	return 0;
}

static const struct structure {
	const char *name;
	int (*create)(union made *m); /* both functions return 0 or a negative errno */
	int (*use)(union made *m);
} structures[] = {
	{"counter", create_counter, use_counter},
	{"group", create_group, use_group},
	{"histogram", create_histogram, use_histogram},
	{"freelist", create_freelist, use_freelist},
	{"cache", create_cache, use_cache},
	{"ring", create_ring, use_ring},
	{"rcu", create_rcu, use_rcu},
	{"lock", create_lock, use_lock},
	{"rwlock", create_rwlock, use_rwlock},
	{"ref", create_ref, use_ref},
};

static union made made[2];

static uint64_t now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Returns the private dirty memory of this process in KiB, or -1. */
static long private_dirty(void)
{
	static char text[4096]; /* static, because the stack could grow and so change the measured memory */
	static const char field[] = "Private_Dirty:";
	int fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	const char *at;

	if (fd >= 0)
		(void)close(fd);
	text[length > 0 ? length : 0] = '\0';
	at = strstr(text, field);
	return at != NULL ? strtol(at + strlen(field), NULL, 10) : -1;
}

static bool check(const char *name, const char *what, int r)
{
	if (r == 0)
		return true;
	fprintf(stderr, "rseqkit-bench-first: cannot %s a %s: %s\n", what, name, strerror(-r));
	return false;
}

static int flush(void)
{
	if (fflush(stdout) == 0)
		return 0;
	perror("rseqkit-bench-first: cannot write");
	return 1;
}

static int print_times(const struct structure *s)
{
	uint64_t times[7], clock_ns;
	int results[4];

	(void)now(); /* the first call of the clock is slower */
	times[5] = now();
	times[6] = now();
	clock_ns = times[6] - times[5];
	times[0] = now();
	for (int i = 0; i < 4; i++) {
		results[i] = i % 2 == 0 ? s->create(&made[i / 2]) : s->use(&made[i / 2]);
		times[i + 1] = now();
	}
	for (int i = 0; i < 4; i++) {
		uint64_t ns = times[i + 1] - times[i];

		if (!check(s->name, i % 2 == 0 ? "create" : "use", results[i]))
			return 1;
		printf("%llu ", (unsigned long long)(ns > clock_ns ? ns - clock_ns : 1));
	}
	return flush();
}

static int print_memory(const struct structure *s)
{
	long before, between, after;
	bool good = true;

	(void)private_dirty(); /* makes the pages dirty that the next calls need */
	before = private_dirty();
	good &= check(s->name, "create", s->create(&made[0])) && check(s->name, "use", s->use(&made[0]));
	between = private_dirty();
	good &= check(s->name, "create", s->create(&made[1])) && check(s->name, "use", s->use(&made[1]));
	after = private_dirty();
	if (good && before < 0)
		fprintf(stderr, "rseqkit-bench-first: cannot read Private_Dirty in /proc/self/smaps_rollup\n");
	if (!good || before < 0)
		return 1;
	printf("%ld %ld ", between - before, after - between);
	return flush();
}

int main(int argc, char **argv)
{
	const char *name = argc == 2 ? argv[1] : "";
	bool memory = name[0] == '-';

	for (size_t i = 0; i < sizeof(structures) / sizeof(structures[0]); i++)
		if (strcmp(structures[i].name, name + memory) == 0)
			return memory ? print_memory(&structures[i]) : print_times(&structures[i]);
	fprintf(stderr, "usage: rseqkit-bench-first [-]STRUCTURE\n");
	return 2;
}
