/* SPDX-License-Identifier: MIT */
/* slab_bench.c - the slabs of the bench `slab`, and their checks (slab_bench.h). */
#define _GNU_SOURCE
#include "slab_bench.h"

#include <sched.h>

#if BENCH_HAVE_SLAB
struct header_16 {
	uint16_t current, begin, end;
};

struct header_64 {
	uint64_t current, begin, end;
};

/*
 * A contender's reserve has the objects that aren't in a slab. It takes 1 MiB, but its bytes are 0, so it takes no room in the
 * program's file.
 */
#define SLAB(way, bits, words, is_wide)                                                                                \
	static struct bench_guarded reserve_##way##_##bits = {.mutex = PTHREAD_MUTEX_INITIALIZER};                     \
	struct bench_slab bench_slab_##way##_##bits = {.header = (words), .wide = (is_wide), .reserve = &reserve_##way##_##bits}
#define SLAB_16(way) SLAB(way, 16, sizeof(uint64_t) / sizeof(void *), false)
#define SLAB_64(way) SLAB(way, 64, sizeof(struct header_64) / sizeof(void *), true)

_Static_assert(sizeof(struct header_16) <= sizeof(uint64_t), "SLAB_16 relies on it");

SLAB_16(index);
SLAB_16(pointer);
SLAB_16(owned);
SLAB_64(index);
SLAB_64(pointer);
SLAB_64(owned);

#define CACHED(name) __thread struct slab_cached bench_slab_cached_##name = {NULL, SLAB_NO_CPU}

CACHED(index_16); /* the contenders `index` use neither this pointer nor that of index_64 */
CACHED(index_64);
CACHED(pointer_16);
CACHED(pointer_64);
CACHED(owned_16);
CACHED(owned_64);

bool bench_slab_find(struct bench_slab *slab, struct slab_cached *cached, bool bind)
{
	int cpu = rk_cpu();
	cpu_set_t here;

	if (bind) {
		CPU_ZERO(&here);
		CPU_SET(cpu, &here);
		if (sched_setaffinity(0, sizeof(here), &here) != 0)
			return false;
	}
	cached->cpu = (uint32_t)cpu;
	cached->slab = rk_percpu_slot(slab->slots, cpu);
	return true;
}

/* Empties a CPU's slab. Returns the `current` that its header had: the number of words before the slab's first free word. */
static size_t take_current(const struct bench_slab *slab, int cpu)
{
	void *header = rk_percpu_slot(slab->slots, cpu);
	struct header_16 *narrow = header;
	struct header_64 *wide = header;
	size_t current = slab->wide ? wide->current : narrow->current;

	if (slab->wide)
		*wide = (struct header_64){slab->header, slab->header, SLAB_WORDS};
	else
		*narrow = (struct header_16){(uint16_t)slab->header, (uint16_t)slab->header, SLAB_WORDS};
	return current;
}

static int create(struct bench_slab *slab)
{
	static const struct rk_percpu_options options = {.item_size = SLAB_WORDS * sizeof(void *), .alignment = 64};
	static struct rk_percpu *pool;
	int r = pool == NULL ? rk_percpu_create(&pool, &options, sizeof(options)) : 0;

	if (r == 0)
		r = rk_percpu_alloc(pool, &slab->slots);
	for (int cpu = r == 0 ? rk_cpus_next(-1) : -1; cpu >= 0; cpu = rk_cpus_next(cpu))
		(void)take_current(slab, cpu);
	return r;
}

int bench_slab_create(void)
{
	struct bench_slab *const slabs[] = {&bench_slab_index_16, &bench_slab_index_64, &bench_slab_pointer_16,
					    &bench_slab_pointer_64, &bench_slab_owned_16, &bench_slab_owned_64};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(slabs) / sizeof(slabs[0]); i++)
		r = create(slabs[i]);
	return r;
}

/* Moves the objects of all slabs to the reserve. Checks that the reserve then has every object, and has each only once. */
static bool settle(struct bench_slab *slab)
{
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		size_t current = take_current(slab, cpu);
		void **words = rk_percpu_slot(slab->slots, cpu);

		if (current < slab->header || current > SLAB_WORDS ||
		    current - slab->header > BENCH_OBJECTS_MAX - slab->reserve->count)
			return false;
		cache_mutex_give(slab->reserve, words + slab->header, current - slab->header);
	}
	return bench_cache_has_all(slab->reserve);
}

#define SETTLE(name)                                                                                                   \
	bool bench_settle_slab_##name(void)                                                                            \
	{                                                                                                              \
		return settle(&bench_slab_##name);                                                                     \
	}

SETTLE(index_16)
SETTLE(index_64)
SETTLE(pointer_16)
SETTLE(pointer_64)
SETTLE(owned_16)
SETTLE(owned_64)
#else
int bench_slab_create(void)
{
	return 0;
}
#endif
