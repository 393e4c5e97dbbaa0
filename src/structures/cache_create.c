/* SPDX-License-Identifier: MIT */
/*
 * cache_create.c - creates and destroys caches. A cache is an item of a pool of per-CPU memory (rseqkit/percpu.h). It has arrays
 * of objects in the item, and a depot with further objects, in memory of its own (cache.h). The invariants are in cache.c.
 */
#define _GNU_SOURCE
#include "cache.h"
#include "cache_place.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include "os/answer.h"
#include "os/cpus.h"
#include "os/kernel.h"
#include "percpu/percpu.h"
#include "sync/pool.h"

#define PER_CPU 256

/* Caches with similar numbers of objects per CPU share a pool: up to 16 objects, up to 32, and so on. */
#define SMALLEST 4
#define POOLS 10
static struct rk_percpu *cache_pools[POOLS];

_Static_assert((1 << (SMALLEST + POOLS - 1)) == RK_CACHE_PER_CPU_MAX, "the last pool is for the largest arrays");
_Static_assert(sizeof(struct arrays) <= BANKS_AT, "the banks follow it");
_Static_assert(offsetof(struct rk_cache_shared, count) % 8 == 0 && offsetof(struct depot, hand.intent) % 8 == 0 &&
		       offsetof(struct depot, hand.owed) % 8 == 0,
	       "atomic words of 64 bits are aligned");

static size_t bank_size_for(size_t per_cpu)
{
	return (sizeof(struct rk_array) + sizeof(void *) * per_cpu + 63) / 64 * 64;
}

static size_t bank_size_of(int which)
{
	return bank_size_for((size_t)1 << (SMALLEST + which));
}

static size_t item_size_for(size_t bank_size)
{
	size_t size = BANKS_AT + 2 * bank_size;

	return size < sizeof(struct rk_cache_shared) ? sizeof(struct rk_cache_shared) : size;
}

static int get_cache_pool(int which, struct rk_percpu **out)
{
	struct rk_percpu_options options = {.item_size = item_size_for(bank_size_of(which)), .alignment = 64};

	return rk_pool_get_fenced(&cache_pools[which], &options, out);
}

/*
 * Completes the options of a cache that limits how many objects exist. By default the arrays take half of the objects, so the
 * depot has objects for CPUs whose arrays are empty. The limit on the cache's content is so high that no put destroys an object.
 */
static void follow_objects_max(struct rk_cache_options *options, uint64_t cpus)
{
	uint64_t half = options->objects_max / (2 * cpus), limit;

	if (options->per_cpu == 0)
		options->per_cpu = half == 0 ? 1 : (uint32_t)least(half, PER_CPU);
	if (options->per_cpu > options->objects_max)
		options->per_cpu = (uint32_t)options->objects_max;
	if (options->batch > options->per_cpu)
		options->batch = options->per_cpu;
	limit = options->objects_max + cpus * options->per_cpu;
	if (options->limit == 0)
		options->limit = limit > RK_CACHE_LIMIT_MAX ? RK_CACHE_LIMIT_MAX : limit;
}

/* Fills in the defaults. Returns NULL, or a text that says which option is wrong. */
static const char *complete(struct rk_cache_options *options)
{
	uint64_t cpus = (uint64_t)rk_cpus_count();

	if (options->destruct == NULL && options->destruct_batch == NULL)
		return "there is no destruct, which is required without a destruct_batch";
	if (options->per_cpu > RK_CACHE_PER_CPU_MAX)
		return "per_cpu is above RK_CACHE_PER_CPU_MAX";
	if (options->limit > RK_CACHE_LIMIT_MAX)
		return "limit is above RK_CACHE_LIMIT_MAX";
	if (options->objects_max > RK_CACHE_LIMIT_MAX)
		return "objects_max is above RK_CACHE_LIMIT_MAX";
	if (options->batch > RK_CACHE_BATCH_MAX || (options->per_cpu != 0 && options->batch > options->per_cpu))
		return "batch is above per_cpu or RK_CACHE_BATCH_MAX";
	if (options->objects_max != 0)
		follow_objects_max(options, cpus);
	if (options->per_cpu == 0)
		options->per_cpu = PER_CPU;
	if (options->batch == 0)
		options->batch = options->per_cpu < 4 ? 1 : (uint32_t)least(options->per_cpu / 4, RK_CACHE_BATCH_MAX);
	if (options->limit == 0)
		options->limit = 2 * cpus * options->per_cpu;
	if (options->budget != NULL && (options->weight == 0 || options->weight > (uint64_t)INT64_MAX / options->limit))
		return "there is a budget, and weight is 0 or too large for limit";
	return NULL;
}

const char *rk_cache_options_fault(const struct rk_cache_options *given, size_t size)
{
	struct rk_cache_options options;
	int r = rk_question(&options, sizeof(options), given, size);

	return r < 0 ? rk_error_text(r) : complete(&options);
}

/* Copies the caller's options, and fills in the defaults. */
static int read_options(struct rk_cache_options *options, const struct rk_cache_options *given, size_t size)
{
	int r = rk_question(options, sizeof(*options), given, size);

	return r == 0 && complete(options) != NULL ? -EINVAL : r;
}

static void fill_in(struct rk_cache_shared *shared, const struct rk_cache_options *options, size_t bank_size)
{
	shared->per_cpu = options->per_cpu;
	shared->batch = options->batch;
	shared->bank_size = bank_size;
	shared->construct = options->construct;
	shared->destruct = options->destruct;
	shared->destruct_batch = options->destruct_batch;
	shared->context = options->context;
	shared->objects_max = options->objects_max;
}

int rk_cache_create(struct rk_cache **cache, const struct rk_cache_options *given, size_t size)
{
	struct rk_cache_options options;
	struct rk_cache_shared *shared;
	struct rk_percpu *from;
	void *item;
	int which = 0, r;

	if (cache == NULL)
		return -EINVAL;
	*cache = NULL;
	r = read_options(&options, given, size);
	if (r < 0)
		return r;
	while ((uint32_t)1 << (SMALLEST + which) < options.per_cpu)
		which++;
	r = get_cache_pool(which, &from);
	if (r == 0)
		r = rk_percpu_alloc_for(from, &item, __builtin_return_address(0));
	if (r < 0)
		return r;
	shared = shared_of((struct rk_cache *)item);
	r = rk_depot_create(&shared->depot, options.limit, options.budget, options.weight);
	if (r < 0) {
		(void)rk_percpu_free_for(from, item, __builtin_return_address(0));
		return r;
	}
	fill_in(shared, &options, bank_size_of(which));
	*cache = (struct rk_cache *)item;
	return 0;
}

/* Calculates the sizes of a cache's item and of its depot's memory, in bytes. Both sizes are multiples of 64. */
static int measure(const struct rk_cache_options *given, size_t *item, size_t *depot)
{
	struct rk_cache_options options;
	int r = read_options(&options, given, sizeof(options));

	*item = r < 0 ? 0 : (item_size_for(bank_size_for(options.per_cpu)) + 63) / 64 * 64;
	*depot = r < 0 ? 0 : (rk_depot_bytes(options.limit) + 63) / 64 * 64;
	return r;
}

int rk_cache_reserve(struct rk_cache_place *places, const struct rk_cache_options *options, unsigned count, size_t most)
{
	size_t items = 0, depots = 0, item, depot;
	void *first;
	char *memory;
	int r = 0;

	for (unsigned i = 0; i < count && r == 0; i++) {
		r = measure(&options[i], &item, &depot);
		items += item;
		depots += depot;
	}
	if (r == 0)
		r = depots >= most ? -ENOMEM : rk_percpu_reserve(items, most - depots, &first);
	if (r < 0)
		return r;
	memory = rk_map(depots); /* rk_map_lazily() would also prepare for an earlier mlockall(), by two system calls more */
	if (memory == NULL)
		return -ENOMEM; /* the item stays reserved */
	(void)RK_SYSCALL(SYS_madvise, memory, depots, MADV_NOHUGEPAGE); /* depots that no cache uses take no memory */
	for (unsigned i = 0; i < count; i++) {
		places[i] = (struct rk_cache_place){first, memory};
		(void)measure(&options[i], &item, &depot);
		first = (char *)first + item;
		memory += depot;
	}
	return 0;
}

struct rk_cache *rk_cache_create_at(const struct rk_cache_place *place, const struct rk_cache_options *given)
{
	struct rk_cache_shared *shared = shared_of((struct rk_cache *)place->item);
	struct rk_cache_options options;

	if (read_options(&options, given, sizeof(options)) < 0)
		return NULL;
	rk_depot_create_at(&shared->depot, place->depot, options.limit, options.budget, options.weight);
	fill_in(shared, &options, bank_size_for(options.per_cpu));
	return (struct rk_cache *)place->item;
}

/* Returns the pool of a cache, and stores the cache's place in *place. Returns NULL if `cache` doesn't point to a cache. */
static struct rk_percpu *pool_of_cache(const struct rk_cache *cache, struct place *place)
{
	for (int i = 0; i < POOLS; i++) {
		struct rk_percpu *from = __atomic_load_n(&cache_pools[i], __ATOMIC_ACQUIRE);

		if (rk_pool_has(from, cache, place))
			return from;
	}
	return NULL;
}

/*
 * Destructs the objects in all arrays, and returns how many. Meanwhile a destructor can call functions of the cache that fill
 * arrays again.
 */
static size_t destruct_all(struct rk_cache *cache, int highest)
{
	void *batch[PIECE];
	size_t done = 0, length, now;

	for (int i = 0; i < 2 * (highest + 1); i++) {
		struct rk_array *array = array_of(cache, i / 2, i % 2);

		while ((length = (size_t)RK_ARRAY_LENGTH(array_state(array))) > 0) {
			now = least(length, PIECE);
			memcpy(batch, elements_of(array) + length - now, now * sizeof(batch[0]));
			array->state = stepped(array->state, RK_ARRAY_POPPED(now));
			rk_cache_destruct(cache, batch, now);
			done += now;
		}
	}
	return done;
}

int rk_cache_destroy(struct rk_cache *cache)
{
	struct place place;
	struct rk_percpu *from = cache == NULL ? NULL : pool_of_cache(cache, &place);

	if (from == NULL)
		return cache == NULL ? 0 : -EINVAL;
	while (destruct_all(cache, place.range->highest) + rk_cache_trim(cache, 0) > 0)
		;
	if (shared_of(cache)->depot.memory != NULL)
		rk_depot_destroy(&shared_of(cache)->depot);
	return rk_percpu_free_for(from, cache, __builtin_return_address(0));
}
