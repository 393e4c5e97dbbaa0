/* SPDX-License-Identifier: MIT */
/*
 * rseqkit-anywhere.c - counters, groups, histograms, peaks, levels and rates by C11 atomics (rseqkit-anywhere.h).
 *
 * An object has shards. A thread takes a number once, and uses the shard of this number in each object. Several threads can
 * have one shard, so all changes of a shard are atomic instructions. No add waits, and no add fails.
 *
 * A registry knows the addresses of all objects, so a destroy of anything else returns -EINVAL without touching it. The
 * registry is a hash table of chunks. Its slots change by compare-and-swap, so a fork at any moment leaves it whole.
 *
 * Groups. A group has each word twice in every shard: in two planes. `plane` is the number of the plane that adds go to. To
 * read the group, a reader makes a turn. Turn number c, beginning with 1, consists of these steps:
 *
 *	turns = 2c - 1 | read plane c % 2 | plane = c % 2 | turns = 2c | read the other plane
 *
 * The store to `plane` in turn c begins phase c. Until turn 1 there is phase 0. An add belongs to the phase in which it loads
 * `plane`, so adds of phase p go to plane p % 2. An add does this:
 *
 *	load turns | load plane | add to the word | load turns again; if it is 3 or more above the last even number: late += 1
 *
 * A turn is good if `late` is the same before its first store and after its last load. The values of a good turn are a
 * consistent cut: if they contain an add, they contain all adds that happened before it. All these accesses are sequentially
 * consistent, so they have one order, and "before" means this order from here on. One reader at a time makes turns.
 *
 * Let add A happen before add B, and let the values of turn c contain B. B loaded `plane` before turn c stored it: otherwise B
 * is of phase c, and went to plane c % 2 after the turn had read it. (Phase c + 1 begins only in the next turn.) A is complete
 * before B begins, so A is complete before turn c stores `plane`. Therefore A's phase q is at most c - 1. There are two cases:
 *
 *   q % 2 isn't c % 2    The turn reads A's plane after it stores `plane`. A is complete by then, so the values contain A.
 *   q % 2 is c % 2       Then q is at most c - 2, and the turn reads A's plane before it stores `plane`. If A's add to the word
 *                        comes first, the values contain A. Otherwise A's add comes after the store turns = 2c - 1, and A's
 *                        second load returns 2c - 1 or more. A's first load came before phase c - 1 began, before the store
 *                        turns = 2c - 2. It returned at most 2c - 3, whose last even number is 2c - 4. The difference is 3, so A
 *                        adds to `late` before A ends. This is before turn c ends, and after it began, so the turn isn't good.
 *
 * An add that happened before the read is complete before turn c begins, and by the same cases the values contain it. If a turn
 * isn't good, the reader makes another one, at most TURNS_MAX. A reset stores the values as the new baseline, which reads
 * subtract.
 */
#include "rseqkit-anywhere.h"

#include <float.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#ifndef RK_ANYWHERE_SHARDS
#define RK_ANYWHERE_SHARDS 16 /* a power of two */
#endif
#ifndef RK_ANYWHERE_PATIENCE
#define RK_ANYWHERE_PATIENCE 50000000 /* how often a reader looks whether another reader has finished */
#endif
#ifndef RK_ANYWHERE_PAUSE
#define RK_ANYWHERE_PAUSE(place) ((void)0) /* a test stops a thread between two accesses */
#endif

#define SHARDS ((size_t)RK_ANYWHERE_SHARDS)
#define LINE 128            /* bytes; some processors fetch two lines of 64 bytes at once, others have lines of 128 */
#define TURNS_MAX 16        /* the most turns of one read */
#define TRIES_MAX 16        /* the most attempts to change a part of a level */
#define BITS_MAX 13         /* with 13 bits each value up to 16378 has a bucket of its own; more bits add nothing */
#define BATCH_MAX (INT64_MAX / 8)

_Static_assert((RK_ANYWHERE_SHARDS & (RK_ANYWHERE_SHARDS - 1)) == 0 && RK_ANYWHERE_SHARDS > 0, "a power of two");
_Static_assert(sizeof(struct rk_counter_static) == 16, "C++ sees the same layout");
_Static_assert(sizeof(_Atomic(int64_t)) == sizeof(int64_t) && sizeof(_Atomic(void *)) == sizeof(void *), "as in C++");

#define STRING_(text) #text
#define STRING(text) STRING_(text)

const char *rk_version(void)
{
	return STRING(RK_VERSION_MAJOR) "." STRING(RK_VERSION_MINOR) "." STRING(RK_VERSION_PATCH);
}

const char *rk_error_text(int error)
{
	switch (error < 0 ? -error : error) {
	case 0:
		return "it was done";
	case EAGAIN:
		return "try again later: a limit is reached, or an interrupted thread stands in the way";
	case EBUSY:
		return "it is in use by a thread";
	case EINVAL:
		return "a parameter is NULL, out of range, or not an object of this kind";
	case ENODATA:
		return "no value was recorded";
	case ENOMEM:
		return "there is too little memory";
	default:
		return "unknown";
	}
}

/* The registry. */

enum kind { COUNTER = 1, GROUP, HISTOGRAM, PEAK, LEVEL };

#define CHAINS 256
#define CHUNK_SLOTS 7 /* a chunk fills 64 bytes on 64-bit machines */

/* A slot has the address of an object plus its kind, or 0. Addresses are multiples of LINE. */
struct chunk {
	_Atomic(struct chunk *) next;
	_Atomic(uintptr_t) slots[CHUNK_SLOTS];
};

static struct chunk chains[CHAINS];

static struct chunk *chain_of(const void *object)
{
	return &chains[((uintptr_t)object / LINE * 2654435769u >> 16) % CHAINS];
}

/* Returns the chunk after this one. If there is none, makes one, or returns NULL if there is no memory. */
static struct chunk *next_chunk(struct chunk *chunk)
{
	struct chunk *next = atomic_load(&chunk->next), *made;

	if (next != NULL)
		return next;
	made = (struct chunk *)calloc(1, sizeof(*made));
	if (made == NULL || atomic_compare_exchange_strong(&chunk->next, &next, made))
		return made;
	free(made); /* another thread was faster */
	return next;
}

static bool register_object(const void *object, enum kind kind)
{
	for (struct chunk *chunk = chain_of(object); chunk != NULL; chunk = next_chunk(chunk)) {
		for (size_t i = 0; i < CHUNK_SLOTS; i++) {
			uintptr_t old = 0;

			if (atomic_load(&chunk->slots[i]) == 0 &&
			    atomic_compare_exchange_strong(&chunk->slots[i], &old, (uintptr_t)object + (uintptr_t)kind))
				return true;
		}
	}
	return false;
}

/* Returns false if there is no such object. */
static bool unregister_object(const void *object, enum kind kind)
{
	if ((uintptr_t)object % LINE != 0)
		return false;
	for (struct chunk *chunk = chain_of(object); chunk != NULL; chunk = atomic_load(&chunk->next)) {
		for (size_t i = 0; i < CHUNK_SLOTS; i++) {
			uintptr_t old = (uintptr_t)object + (uintptr_t)kind;

			if (atomic_compare_exchange_strong(&chunk->slots[i], &old, 0))
				return true;
		}
	}
	return false;
}

/* Memory of objects. The first member of each object is the address to free. */

static size_t whole_lines(size_t size)
{
	return (size + LINE - 1) / LINE * LINE;
}

/* Returns zeroed memory that begins at a cache line, or NULL. Groups register themselves later, as one of two kinds. */
static void *create_object(size_t size)
{
	char *memory = (char *)calloc(1, size + LINE - 1);
	void **object;

	if (memory == NULL)
		return NULL;
	object = (void **)(void *)(memory + (LINE - (uintptr_t)memory % LINE) % LINE);
	*object = memory;
	return object;
}

static void *create_registered(size_t size, enum kind kind)
{
	void *object = create_object(size);

	if (object != NULL && !register_object(object, kind)) {
		free(*(void **)object);
		return NULL;
	}
	return object;
}

static int destroy_object(void *object, enum kind kind)
{
	if (object == NULL)
		return 0;
	if (!unregister_object(object, kind))
		return -EINVAL;
	free(*(void **)object);
	return 0;
}

/* Returns the number of the calling thread's shard. */
static size_t my_shard(void)
{
	static _Thread_local unsigned mine; /* the number plus 1; 0: the thread has none yet */
	static atomic_uint threads;

	if (mine == 0)
		mine = 1 + atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % (unsigned)SHARDS;
	return mine - 1;
}

/* Counters. Sums wrap, and wrapping is defined in unsigned arithmetic. */

struct counter_shard {
	_Alignas(LINE) _Atomic(uint64_t) value;
};

struct rk_counter {
	void *memory;
	_Atomic(uint64_t) baseline; /* the sum at the last reset */
	struct counter_shard shards[RK_ANYWHERE_SHARDS];
};

int rk_counter_create(struct rk_counter **counter)
{
	if (counter == NULL)
		return -EINVAL;
	*counter = (struct rk_counter *)create_registered(sizeof(**counter), COUNTER);
	return *counter != NULL ? 0 : -ENOMEM;
}

int rk_counter_destroy(struct rk_counter *counter)
{
	return destroy_object(counter, COUNTER);
}

void rk_counter_add(struct rk_counter *counter, int64_t value)
{
	atomic_fetch_add_explicit(&counter->shards[my_shard()].value, (uint64_t)value, memory_order_relaxed);
}

static uint64_t total(const struct rk_counter *counter)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < SHARDS; i++)
		sum += atomic_load_explicit(&counter->shards[i].value, memory_order_relaxed);
	return sum;
}

int64_t rk_counter_sum(const struct rk_counter *counter)
{
	/* The baseline is loaded before the shards, so the shards include every add that the baseline includes. */
	uint64_t baseline = atomic_load_explicit(&counter->baseline, memory_order_acquire);

	return (int64_t)(total(counter) - baseline);
}

int64_t rk_counter_reset(struct rk_counter *counter)
{
	uint64_t old = atomic_load_explicit(&counter->baseline, memory_order_acquire), sum;

	/* If another reset stores the baseline first, the adds until then are in its result, so this reset sums again. */
	do {
		sum = total(counter);
		RK_ANYWHERE_PAUSE(RESET);
	} while (!atomic_compare_exchange_strong_explicit(&counter->baseline, &old, sum, memory_order_acq_rel,
							memory_order_acquire));
	return (int64_t)(sum - old);
}

/*
 * Static counters. The invariant: each add is in `early` or in the counter, or a thread is moving it to the counter. A thread
 * that adds to `early` loads the counter's address afterwards. The thread that creates the counter stores the address, and then
 * moves the adds that are in `early`. At least one of these two threads moves the add. Static groups and peaks do the same.
 */

static void move_count(struct rk_counter_static *of, struct rk_counter *counter)
{
	int64_t early = atomic_exchange(&of->early, 0);

	if (early != 0)
		rk_counter_add(counter, early);
}

struct rk_counter *rk_counter_static_get(struct rk_counter_static *of)
{
	struct rk_counter *there = atomic_load_explicit(&of->counter, memory_order_acquire), *made;

	if (there != NULL || rk_counter_create(&made) < 0)
		return there;
	if (!atomic_compare_exchange_strong(&of->counter, &there, made)) {
		(void)rk_counter_destroy(made); /* another thread was faster */
		return there;
	}
	move_count(of, made);
	return made;
}

int64_t rk_counter_static_sum(const struct rk_counter_static *of)
{
	const struct rk_counter *counter = atomic_load_explicit(&of->counter, memory_order_acquire);

	return atomic_load_explicit(&of->early, memory_order_relaxed) + (counter == NULL ? 0 : rk_counter_sum(counter));
}

int rk_counter_static_destroy(struct rk_counter_static *of)
{
	struct rk_counter *counter;

	if (of == NULL)
		return -EINVAL;
	counter = atomic_exchange(&of->counter, NULL);
	atomic_store(&of->early, 0);
	return rk_counter_destroy(counter);
}

void rk_counter_static_add(struct rk_counter_static *of, int64_t value)
{
	struct rk_counter *counter = rk_counter_static_get(of);

	if (counter != NULL) {
		rk_counter_add(counter, value);
		return;
	}
	RK_ANYWHERE_PAUSE(EARLY);
	atomic_fetch_add(&of->early, value);
	counter = atomic_load(&of->counter);
	if (counter != NULL)
		move_count(of, counter);
}

/* Groups. */

struct rk_counter_group {
	void *memory;
	const char *const *names;
	size_t count, stride;         /* the number of counters; words of a shard */
	_Atomic(uint64_t) *words;     /* for each shard, plane 0 and plane 1 */
	_Atomic(uint64_t) *baselines; /* two: one of them is in use */
	uint64_t above, width;        /* of histograms: the lowest value above all buckets, UINT64_MAX: none; 1 << bits */
	int bits;                     /* of histograms */
	_Alignas(LINE) _Atomic(uint64_t) turns;
	_Atomic(unsigned) plane;
	_Alignas(LINE) _Atomic(uint64_t) late;
	_Atomic(unsigned) claim;      /* 1: a thread reads the group */
	_Atomic(unsigned) baseline;   /* which one is in use */
};

static int create_group(struct rk_counter_group **group, size_t count, enum kind kind)
{
	size_t plane = count * sizeof(uint64_t), head = whole_lines(sizeof(**group)), stride = whole_lines(2 * plane);
	char *memory;

	*group = NULL;
	if (count == 0 || count > RK_COUNTER_GROUP_MAX)
		return -EINVAL;
	memory = (char *)create_registered(head + stride * (SHARDS + 1), kind);
	if (memory == NULL)
		return -ENOMEM;
	*group = (struct rk_counter_group *)(void *)memory;
	(*group)->count = count;
	(*group)->stride = stride / sizeof(uint64_t);
	(*group)->baselines = (_Atomic(uint64_t) *)(void *)(memory + head);
	(*group)->words = (_Atomic(uint64_t) *)(void *)(memory + head + stride);
	return 0;
}

int rk_counter_group_create(struct rk_counter_group **group, const char *const *names, size_t count)
{
	int r;

	if (group == NULL)
		return -EINVAL;
	r = create_group(group, count, GROUP);
	if (r == 0)
		(*group)->names = names;
	return r;
}

int rk_counter_group_destroy(struct rk_counter_group *group)
{
	return destroy_object(group, GROUP);
}

size_t rk_counter_group_count(const struct rk_counter_group *group)
{
	return group->count;
}

const char *rk_counter_group_name(const struct rk_counter_group *group, size_t which)
{
	return group->names != NULL && which < group->count ? group->names[which] : NULL;
}

void rk_counter_group_add(struct rk_counter_group *group, size_t which, int64_t value)
{
	_Atomic(uint64_t) *words = group->words + my_shard() * group->stride + which;
	uint64_t before = atomic_load(&group->turns) & ~(uint64_t)1;
	unsigned plane;

	RK_ANYWHERE_PAUSE(ADD_TURNS);
	plane = atomic_load(&group->plane);
	RK_ANYWHERE_PAUSE(ADD_PLANE);
	atomic_fetch_add(&words[plane * group->count], (uint64_t)value);
	RK_ANYWHERE_PAUSE(ADD_WORD);
	if (atomic_load(&group->turns) >= before + 3) {
		RK_ANYWHERE_PAUSE(ADD_LATE);
		atomic_fetch_add(&group->late, 1);
	}
}

/* Adds the words of a plane to the values. */
static void gather(const struct rk_counter_group *group, unsigned plane, int64_t *values, size_t count)
{
	for (size_t shard = 0; shard < SHARDS; shard++) {
		const _Atomic(uint64_t) *words = group->words + shard * group->stride + plane * group->count;

		for (size_t i = 0; i < count; i++) {
			values[i] = (int64_t)((uint64_t)values[i] + atomic_load(&words[i]));
			RK_ANYWHERE_PAUSE(TURN);
		}
	}
}

/* Makes a turn. The caller has the claim. Returns whether the turn is good. */
static bool turn(struct rk_counter_group *group, int64_t *values, size_t count)
{
	uint64_t late = atomic_load(&group->late), turns = atomic_load(&group->turns);
	unsigned running = atomic_load(&group->plane), resting = 1 - running;

	RK_ANYWHERE_PAUSE(TURN);
	atomic_store(&group->turns, turns + 1);
	RK_ANYWHERE_PAUSE(TURN);
	memset(values, 0, count * sizeof(*values));
	gather(group, resting, values, count);
	atomic_store(&group->plane, resting);
	RK_ANYWHERE_PAUSE(TURN);
	atomic_store(&group->turns, turns + 2);
	RK_ANYWHERE_PAUSE(TURN);
	gather(group, running, values, count);
	return atomic_load(&group->late) == late;
}

/* Subtracts the baseline from the values. If `reset` is true, the values before this subtraction become the new baseline. */
static void settle(struct rk_counter_group *group, int64_t *values, size_t count, bool reset)
{
	unsigned which = atomic_load(&group->baseline);
	_Atomic(uint64_t) *old = group->baselines + which * group->count, *next = group->baselines + !which * group->count;

	for (size_t i = 0; i < group->count && reset; i++)
		atomic_store_explicit(&next[i], i < count ? (uint64_t)values[i] : atomic_load(&old[i]), memory_order_release);
	for (size_t i = 0; i < count; i++)
		values[i] = (int64_t)((uint64_t)values[i] - atomic_load(&old[i]));
	if (reset)
		atomic_store(&group->baseline, !which);
}

static void read_relaxed(const struct rk_counter_group *group, int64_t *values, size_t count)
{
	/* The baseline is loaded before the words, because a reset can increase the baseline meanwhile. */
	const _Atomic(uint64_t) *baseline = group->baselines + atomic_load(&group->baseline) * group->count;

	for (size_t i = 0; i < count; i++)
		values[i] = (int64_t)(0 - atomic_load_explicit(&baseline[i], memory_order_acquire));
	gather(group, 0, values, count);
	gather(group, 1, values, count);
}

static bool take_claim(struct rk_counter_group *group)
{
	for (long i = 0; i < RK_ANYWHERE_PATIENCE; i++)
		if (atomic_load(&group->claim) == 0 && atomic_exchange(&group->claim, 1) == 0)
			return true;
	return false;
}

static int read_group(struct rk_counter_group *group, int64_t *values, size_t count, bool reset)
{
	bool is_good = false;

	if (!take_claim(group)) {
		read_relaxed(group, values, count);
		return -EBUSY;
	}
	for (int i = 0; i < TURNS_MAX && !is_good; i++)
		is_good = turn(group, values, count);
	if (is_good)
		settle(group, values, count, reset);
	atomic_store(&group->claim, 0);
	if (is_good)
		return 0;
	read_relaxed(group, values, count);
	return -EAGAIN;
}

static bool is_readable(const struct rk_counter_group *group, const int64_t *values, size_t count)
{
	return group != NULL && values != NULL && count <= group->count;
}

int rk_counter_group_read(struct rk_counter_group *group, int64_t *values, size_t count)
{
	return is_readable(group, values, count) ? read_group(group, values, count, false) : -EINVAL;
}

int rk_counter_group_reset(struct rk_counter_group *group, int64_t *values, size_t count)
{
	return is_readable(group, values, count) ? read_group(group, values, count, true) : -EINVAL;
}

int rk_counter_group_read_relaxed(const struct rk_counter_group *group, int64_t *values, size_t count)
{
	if (!is_readable(group, values, count))
		return -EINVAL;
	read_relaxed(group, values, count);
	return 0;
}

static void move_counts(struct rk_counter_group_static *of, struct rk_counter_group *group)
{
	for (size_t i = 0; i < of->count; i++) {
		int64_t early = atomic_exchange(&of->early[i], 0);

		if (early != 0)
			rk_counter_group_add(group, i, early);
	}
}

struct rk_counter_group *rk_counter_group_static_get(struct rk_counter_group_static *of)
{
	struct rk_counter_group *there = atomic_load_explicit(&of->group, memory_order_acquire), *made;

	if (there != NULL || rk_counter_group_create(&made, of->names, of->count) < 0)
		return there;
	if (!atomic_compare_exchange_strong(&of->group, &there, made)) {
		(void)rk_counter_group_destroy(made); /* another thread was faster */
		return there;
	}
	move_counts(of, made);
	return made;
}

int rk_counter_group_static_destroy(struct rk_counter_group_static *of)
{
	struct rk_counter_group *group;

	if (of == NULL)
		return -EINVAL;
	group = atomic_exchange(&of->group, NULL);
	for (size_t i = 0; i < of->count; i++)
		atomic_store(&of->early[i], 0);
	return rk_counter_group_destroy(group);
}

void rk_counter_group_static_add(struct rk_counter_group_static *of, size_t which, int64_t value)
{
	struct rk_counter_group *group = rk_counter_group_static_get(of);

	if (group != NULL) {
		rk_counter_group_add(group, which, value);
		return;
	}
	RK_ANYWHERE_PAUSE(EARLY);
	atomic_fetch_add(&of->early[which], value);
	group = atomic_load(&of->group);
	if (group != NULL)
		move_counts(of, group);
}

/*
 * Histograms. Buckets are numbered without gaps in the order of their values. After the counters of the buckets comes a counter
 * of the values above all buckets.
 */

static const struct rk_counter_group *group_of(const struct rk_histogram *histogram)
{
	return (const struct rk_counter_group *)(const void *)histogram;
}

/* Returns the number of the highest bit of a word that isn't 0. */
static int highest_bit(uint64_t word)
{
	int bit = 0;

	for (int step = 32; step > 0; step /= 2) {
		if (word >> step != 0) {
			word >>= step;
			bit += step;
		}
	}
	return bit;
}

/* Returns the number of the bucket that has the value. */
static uint64_t bucket_of(uint64_t value, int bits)
{
	int shift = highest_bit(value | (uint64_t)1 << bits) - bits;

	return ((uint64_t)shift << bits) + (value >> shift);
}

/* Returns the highest value of a bucket. */
static uint64_t highest_of(size_t bucket, int bits)
{
	int shift = bucket >> bits == 0 ? 0 : (int)(bucket >> bits) - 1;

	return ((uint64_t)(bucket - ((size_t)shift << bits)) << shift) + (((uint64_t)1 << shift) - 1);
}

const char *rk_histogram_fault(int bits, uint64_t highest)
{
	if (bits < 1 || bits > BITS_MAX)
		return "bits isn't from 1 to 13";
	if (bucket_of(highest, bits) >= RK_HISTOGRAM_BUCKETS_MAX)
		return "there would be more than RK_HISTOGRAM_BUCKETS_MAX buckets; lower bits or highest";
	return NULL;
}

int rk_histogram_create(struct rk_histogram **histogram, int bits, uint64_t highest)
{
	struct rk_counter_group *group;
	uint64_t end;
	size_t last;
	int r;

	if (histogram == NULL)
		return -EINVAL;
	*histogram = NULL;
	if (rk_histogram_fault(bits, highest) != NULL)
		return -EINVAL;
	last = (size_t)bucket_of(highest, bits);
	end = highest_of(last, bits);
	r = create_group(&group, last + 1 + (end < UINT64_MAX), HISTOGRAM);
	if (r < 0)
		return r;
	group->bits = bits;
	group->width = (uint64_t)1 << bits;
	group->above = end < UINT64_MAX ? end + 1 : UINT64_MAX;
	*histogram = (struct rk_histogram *)(void *)group;
	return 0;
}

int rk_histogram_destroy(struct rk_histogram *histogram)
{
	return destroy_object(histogram, HISTOGRAM);
}

size_t rk_histogram_buckets(const struct rk_histogram *histogram)
{
	return group_of(histogram)->count - (group_of(histogram)->above < UINT64_MAX);
}

void rk_histogram_record_many(struct rk_histogram *histogram, uint64_t value, uint64_t times)
{
	struct rk_counter_group *group = (struct rk_counter_group *)(void *)histogram;
	uint64_t held = value < group->above ? value : group->above;

	rk_counter_group_add(group, (size_t)bucket_of(held, group->bits), (int64_t)times);
}

void rk_histogram_record(struct rk_histogram *histogram, uint64_t value)
{
	rk_histogram_record_many(histogram, value, 1);
}

int rk_histogram_snapshot_create(struct rk_histogram_snapshot **snapshot, const struct rk_histogram *histogram)
{
	size_t buckets;

	if (snapshot == NULL)
		return -EINVAL;
	*snapshot = NULL;
	if (histogram == NULL)
		return -EINVAL;
	buckets = rk_histogram_buckets(histogram);
	/* There is one count more than buckets: read_group() also stores the count of the values above all buckets. */
	*snapshot = (struct rk_histogram_snapshot *)calloc(1, sizeof(**snapshot) + (buckets + 1) * sizeof(uint64_t));
	if (*snapshot == NULL)
		return -ENOMEM;
	(*snapshot)->counts = (uint64_t *)(void *)(*snapshot + 1);
	(*snapshot)->buckets = buckets;
	(*snapshot)->bits = group_of(histogram)->bits;
	return 0;
}

int rk_histogram_snapshot_destroy(struct rk_histogram_snapshot *snapshot)
{
	free(snapshot);
	return 0;
}

static bool fits(const struct rk_histogram *histogram, const struct rk_histogram_snapshot *s)
{
	return histogram != NULL && s != NULL && s->buckets == rk_histogram_buckets(histogram) &&
	       s->bits == group_of(histogram)->bits;
}

static void sum_up(struct rk_histogram_snapshot *s, bool has_above)
{
	s->above = has_above ? s->counts[s->buckets] : 0;
	s->count = s->above;
	for (size_t i = 0; i < s->buckets; i++)
		s->count += s->counts[i];
}

static int read_buckets(struct rk_histogram *histogram, struct rk_histogram_snapshot *s, bool reset)
{
	struct rk_counter_group *group = (struct rk_counter_group *)(void *)histogram;
	int r;

	if (!fits(histogram, s))
		return -EINVAL;
	r = read_group(group, (int64_t *)s->counts, group->count, reset);
	sum_up(s, group->count > s->buckets);
	return r;
}

int rk_histogram_read(struct rk_histogram *histogram, struct rk_histogram_snapshot *snapshot)
{
	return read_buckets(histogram, snapshot, false);
}

int rk_histogram_reset(struct rk_histogram *histogram, struct rk_histogram_snapshot *snapshot)
{
	return read_buckets(histogram, snapshot, true);
}

int rk_histogram_read_relaxed(const struct rk_histogram *histogram, struct rk_histogram_snapshot *snapshot)
{
	if (!fits(histogram, snapshot))
		return -EINVAL;
	read_relaxed(group_of(histogram), (int64_t *)snapshot->counts, group_of(histogram)->count);
	sum_up(snapshot, group_of(histogram)->count > snapshot->buckets);
	return 0;
}

uint64_t rk_histogram_bucket_lowest(const struct rk_histogram_snapshot *snapshot, size_t bucket)
{
	return bucket == 0 ? 0 : highest_of(bucket - 1, snapshot->bits) + 1;
}

uint64_t rk_histogram_bucket_highest(const struct rk_histogram_snapshot *snapshot, size_t bucket)
{
	return highest_of(bucket, snapshot->bits);
}

/* Returns the bucket of the value with this rank. Ranks count from 1. Above all buckets it is the number of buckets. */
static size_t bucket_of_rank(const struct rk_histogram_snapshot *s, uint64_t rank)
{
	uint64_t seen = 0;
	size_t bucket;

	for (bucket = 0; bucket < s->buckets; bucket++) {
		seen += s->counts[bucket];
		if (seen >= rank)
			break;
	}
	return bucket;
}

/* Returns the highest value of a bucket. For the values above all buckets, returns the lowest such value. */
static uint64_t highest_in(const struct rk_histogram_snapshot *s, size_t bucket)
{
	return bucket < s->buckets ? highest_of(bucket, s->bits) : rk_histogram_bucket_lowest(s, bucket);
}

uint64_t rk_histogram_min(const struct rk_histogram_snapshot *snapshot)
{
	return snapshot->count == 0 ? 0 : rk_histogram_bucket_lowest(snapshot, bucket_of_rank(snapshot, 1));
}

uint64_t rk_histogram_max(const struct rk_histogram_snapshot *snapshot)
{
	return snapshot->count == 0 ? 0 : highest_in(snapshot, bucket_of_rank(snapshot, snapshot->count));
}

double rk_histogram_mean(const struct rk_histogram_snapshot *snapshot)
{
	double sum = 0;

	if (snapshot->count == 0)
		return 0;
	for (size_t i = 0; i < snapshot->buckets; i++)
		if (snapshot->counts[i] != 0)
			sum += (double)snapshot->counts[i] * ((double)rk_histogram_bucket_lowest(snapshot, i) / 2 +
							      (double)rk_histogram_bucket_highest(snapshot, i) / 2);
	if (snapshot->above != 0)
		sum += (double)snapshot->above * (double)rk_histogram_bucket_lowest(snapshot, snapshot->buckets);
	return sum / (double)snapshot->count;
}

/* Returns `percent` percent of `count`, rounded up, as the library does: percentages of whole 1/1024 exactly, others nearly. */
static uint64_t rank_of(uint64_t count, double percent)
{
	uint64_t parts = (uint64_t)(percent * 1024), whole = 100 * 1024, rank;
	double wanted;

	if ((double)parts == percent * 1024)
		return count / whole * parts + (count % whole * parts + whole - 1) / whole;
	wanted = (double)count * (percent / 100) * (1 - 4 * DBL_EPSILON);
	rank = wanted < (double)count ? (uint64_t)wanted : count;
	return rank + ((double)rank < wanted);
}

uint64_t rk_histogram_percentile(const struct rk_histogram_snapshot *snapshot, double percent)
{
	uint64_t rank = 0;

	if (snapshot->count == 0)
		return 0;
	if (percent >= 100)
		return rk_histogram_max(snapshot);
	if (percent > 0)
		rank = rank_of(snapshot->count, percent);
	rank += rank == 0;
	return highest_in(snapshot, bucket_of_rank(snapshot, rank));
}

int rk_histogram_merge(struct rk_histogram_snapshot *into, const struct rk_histogram_snapshot *from)
{
	if (into == NULL || from == NULL || into->bits != from->bits || into->buckets != from->buckets)
		return -EINVAL;
	for (size_t i = 0; i < into->buckets; i++)
		into->counts[i] += from->counts[i];
	into->above += from->above;
	into->count += from->count;
	return 0;
}

/*
 * Peaks. A shard has two keys: unsigned numbers that only grow until a reset. 0 means no value. The key of the maximum orders
 * values as they are, and the key of the minimum in reverse. A record that stores nothing has found a key that isn't lower. A
 * reset takes each key by an exchange, so this key or a higher one is in the result of that reset.
 */

enum { MAXIMUM, MINIMUM };

struct peak_shard {
	_Alignas(LINE) _Atomic(uint64_t) keys[2];
};

struct rk_peak {
	void *memory;
	struct peak_shard shards[RK_ANYWHERE_SHARDS];
};

int rk_peak_create(struct rk_peak **peak)
{
	if (peak == NULL)
		return -EINVAL;
	*peak = (struct rk_peak *)create_registered(sizeof(**peak), PEAK);
	return *peak != NULL ? 0 : -ENOMEM;
}

int rk_peak_destroy(struct rk_peak *peak)
{
	return destroy_object(peak, PEAK);
}

/* Returns the key of a value for the maximum. A minimum's key is the key of ~value. */
static uint64_t key_of(int64_t value)
{
	return ((uint64_t)value ^ (uint64_t)1 << 63) + (value == INT64_MIN);
}

static void raise_key(_Atomic(uint64_t) *at, uint64_t key)
{
	uint64_t old = atomic_load(at);

	RK_ANYWHERE_PAUSE(RAISE);
	while (old < key && !atomic_compare_exchange_weak(at, &old, key))
		;
}

void rk_peak_record_max(struct rk_peak *peak, int64_t value)
{
	raise_key(&peak->shards[my_shard()].keys[MAXIMUM], key_of(value));
}

void rk_peak_record_min(struct rk_peak *peak, int64_t value)
{
	raise_key(&peak->shards[my_shard()].keys[MINIMUM], key_of(~value));
}

/* `changed` is the peak if this is a reset, otherwise NULL. */
static int get_peak(const struct rk_peak *peak, struct rk_peak *changed, int which, int64_t *value)
{
	uint64_t highest = 0;

	if (peak == NULL || value == NULL)
		return -EINVAL;
	for (size_t i = 0; i < SHARDS; i++) {
		uint64_t key = atomic_load(&peak->shards[i].keys[which]);

		RK_ANYWHERE_PAUSE(PEAK_RESET);
		if (changed != NULL && key != 0)
			key = atomic_exchange(&changed->shards[i].keys[which], 0);
		if (key > highest)
			highest = key;
	}
	if (highest == 0)
		return -ENODATA;
	*value = (int64_t)(highest ^ (uint64_t)1 << 63);
	if (which == MINIMUM)
		*value = ~*value;
	return 0;
}

int rk_peak_max(const struct rk_peak *peak, int64_t *value)
{
	return get_peak(peak, NULL, MAXIMUM, value);
}

int rk_peak_min(const struct rk_peak *peak, int64_t *value)
{
	return get_peak(peak, NULL, MINIMUM, value);
}

int rk_peak_max_reset(struct rk_peak *peak, int64_t *value)
{
	return get_peak(peak, peak, MAXIMUM, value);
}

int rk_peak_min_reset(struct rk_peak *peak, int64_t *value)
{
	return get_peak(peak, peak, MINIMUM, value);
}

static void move_keys(struct rk_peak_static *of, struct rk_peak *peak)
{
	for (int which = MAXIMUM; which <= MINIMUM; which++)
		raise_key(&peak->shards[my_shard()].keys[which], atomic_exchange(&of->early[which], 0));
}

struct rk_peak *rk_peak_static_get(struct rk_peak_static *of)
{
	struct rk_peak *there = atomic_load_explicit(&of->peak, memory_order_acquire), *made;

	if (there != NULL || rk_peak_create(&made) < 0)
		return there;
	if (!atomic_compare_exchange_strong(&of->peak, &there, made)) {
		(void)rk_peak_destroy(made); /* another thread was faster */
		return there;
	}
	move_keys(of, made);
	return made;
}

int rk_peak_static_destroy(struct rk_peak_static *of)
{
	struct rk_peak *peak;

	if (of == NULL)
		return -EINVAL;
	peak = atomic_exchange(&of->peak, NULL);
	for (int which = MAXIMUM; which <= MINIMUM; which++)
		atomic_store(&of->early[which], 0);
	return rk_peak_destroy(peak);
}

static void record_static(struct rk_peak_static *of, int which, uint64_t key)
{
	struct rk_peak *peak = rk_peak_static_get(of);

	if (peak != NULL) {
		raise_key(&peak->shards[my_shard()].keys[which], key);
		return;
	}
	RK_ANYWHERE_PAUSE(EARLY);
	raise_key(&of->early[which], key);
	peak = atomic_load(&of->peak);
	if (peak != NULL)
		move_keys(of, peak);
}

void rk_peak_static_record_max(struct rk_peak_static *of, int64_t value)
{
	record_static(of, MAXIMUM, key_of(value));
}

void rk_peak_static_record_min(struct rk_peak_static *of, int64_t value)
{
	record_static(of, MINIMUM, key_of(~value));
}

/*
 * Levels. A level is the sum of a shared word and of each shard's part. A part stays within `batch` on both sides of 0, so all
 * parts together are at most half of the error that the program accepts. A thread that moves a part to the shared word first
 * adds to the shared word, and then clears the part. In between, the part counts twice. In the other order it would be missing,
 * and it could be missing at the peak. If another thread has changed the part meanwhile, the thread takes it out of the shared
 * word again.
 */

struct level_shard {
	_Alignas(LINE) _Atomic(int64_t) part;
};

struct rk_level {
	void *memory;
	int64_t batch;
	_Alignas(LINE) _Atomic(int64_t) shared;
	_Atomic(int64_t) peak;
	struct level_shard shards[RK_ANYWHERE_SHARDS];
};

int rk_level_create(struct rk_level **level, uint64_t error)
{
	uint64_t batch = error / 2 / SHARDS;

	if (level == NULL)
		return -EINVAL;
	*level = (struct rk_level *)create_registered(sizeof(**level), LEVEL);
	if (*level == NULL)
		return -ENOMEM;
	(*level)->batch = batch < BATCH_MAX ? (int64_t)batch : BATCH_MAX;
	return 0;
}

int rk_level_destroy(struct rk_level *level)
{
	return destroy_object(level, LEVEL);
}

static void raise_peak(struct rk_level *level, int64_t value)
{
	int64_t old = atomic_load(&level->peak);

	while (old < value && !atomic_compare_exchange_weak(&level->peak, &old, value))
		;
}

static void add_shared(struct rk_level *level, int64_t change)
{
	uint64_t old = (uint64_t)atomic_fetch_add(&level->shared, change);

	if (change > 0)
		raise_peak(level, (int64_t)(old + (uint64_t)change));
}

/* Returns false if the add has to go to the shared word. */
static bool add_to_part(struct rk_level *level, int64_t change)
{
	_Atomic(int64_t) *part = &level->shards[my_shard()].part;
	int64_t old = atomic_load(part);

	for (int tries = 0; tries < TRIES_MAX; tries++) {
		int64_t sum = old + change;

		RK_ANYWHERE_PAUSE(PART);
		if (sum >= -level->batch && sum <= level->batch) {
			if (atomic_compare_exchange_strong(part, &old, sum))
				return true;
		} else {
			add_shared(level, sum);
			RK_ANYWHERE_PAUSE(PART_SHARED);
			if (atomic_compare_exchange_strong(part, &old, 0))
				return true;
			add_shared(level, -sum);
		}
	}
	return false;
}

void rk_level_add(struct rk_level *level, int64_t change)
{
	if (level->batch == 0 || change < -level->batch || change > level->batch || !add_to_part(level, change))
		add_shared(level, change);
}

int64_t rk_level_get(const struct rk_level *level)
{
	uint64_t sum = (uint64_t)atomic_load(&level->shared);

	for (size_t i = 0; i < SHARDS; i++)
		sum += (uint64_t)atomic_load(&level->shards[i].part);
	return (int64_t)sum;
}

int64_t rk_level_peak(struct rk_level *level)
{
	raise_peak(level, rk_level_get(level));
	return atomic_load(&level->peak);
}

int64_t rk_level_peak_reset(struct rk_level *level)
{
	int64_t now = rk_level_get(level), peak = atomic_exchange(&level->peak, now);

	/* An add before the exchange compared its level with the old peak. Its effect is in the level that this read finds. */
	raise_peak(level, rk_level_get(level));
	return peak > now ? peak : now;
}

/* Rates. In each list of readings, times increase, and two neighbours are at least the list's distance apart. */

#define FINE (RK_RATE_SECOND / 8)
#define COARSE RK_RATE_SECOND
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void keep_reading(struct rk_rate_reading *list, size_t size, uint64_t *count, int64_t distance,
			 const struct rk_rate_reading *reading)
{
	if (*count == 0 || reading->time - list[(*count - 1) % size].time >= distance)
		list[(*count)++ % size] = *reading;
}

void rk_rate_note(struct rk_rate *rate, int64_t now, int64_t sum)
{
	const struct rk_rate_reading reading = {now, sum};

	if (rate->coarse_count > 0 && now < rate->last.time)
		return;
	rate->last = reading;
	keep_reading(rate->fine, COUNT(rate->fine), &rate->fine_count, FINE, &reading);
	keep_reading(rate->coarse, COUNT(rate->coarse), &rate->coarse_count, COARSE, &reading);
}

/* Narrows [*before, *after], the readings around the time `at`, by the readings of a list. */
static void narrow(const struct rk_rate_reading *list, size_t size, uint64_t count, int64_t at,
		   const struct rk_rate_reading **before, const struct rk_rate_reading **after)
{
	for (uint64_t i = count > size ? count - size : 0; i < count; i++) {
		const struct rk_rate_reading *one = &list[i % size];

		if (one->time <= at && (*before == NULL || one->time > (*before)->time))
			*before = one;
		if (one->time > at && one->time < (*after)->time)
			*after = one;
	}
}

int64_t rk_rate_events(const struct rk_rate *rate, int64_t window, int64_t *covered)
{
	const struct rk_rate_reading *before = NULL, *after = &rate->last, *last = &rate->last;
	int64_t at = last->time - window, from, sum;

	if (rate->coarse_count == 0 || window <= 0) {
		if (covered != NULL)
			*covered = 0;
		return 0;
	}
	narrow(rate->fine, COUNT(rate->fine), rate->fine_count, at, &before, &after);
	narrow(rate->coarse, COUNT(rate->coarse), rate->coarse_count, at, &before, &after);
	from = before != NULL ? at : after->time;
	sum = before != NULL ? before->sum : after->sum;
	if (before != NULL) /* the part of the events between the two readings that is before the window */
		sum += (int64_t)((double)(int64_t)((uint64_t)after->sum - (uint64_t)before->sum) *
				 ((double)(at - before->time) / (double)(after->time - before->time)));
	if (covered != NULL)
		*covered = last->time - from;
	return (int64_t)((uint64_t)last->sum - (uint64_t)sum);
}
