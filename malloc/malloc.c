/* SPDX-License-Identifier: MIT */
/*
 * malloc.c - malloc(), free() and the C library's other allocation functions, for librseqkit-malloc.so. Sizes are divided
 * into classes (classes.h). Each class has a cache (rseqkit/cache.h), which keeps free objects in an array for each CPU and in a
 * depot that all CPUs share. A cache gets objects from spans (spans.h), and a span is made of pages of 64 KiB (pages.h).
 *
 *	malloc(size) -> class -> its rk_cache: pop        empty: depot, then spans, then pages, then the system
 *	free(p) -> code of its page -> class -> push      full: the same way back
 *
 * A page of 64 KiB has a code, which says what the page contains (map.h). No thread has free objects of its own, so a thread
 * that ends has none to return. A free object's second word is a mark, made of the object's address and a secret number. A
 * second free finds the mark. The first word is used only while an object is put aside, because a lock couldn't be taken
 * (locks.h).
 */
#define _GNU_SOURCE
#include "heap.h"
#include "mark.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include "large.h"
#include "operators.h"
#include "system.h"

#define GROWS_ALONE ((size_t)2 << 20) /* an object that realloc() makes larger than this gets a mapping of its own */
#define EXPORT __attribute__((__visibility__("default")))

/* Restores errno, or sets it to ENOMEM if `object` is NULL. Returns `object`. */
static inline void *with_errno(void *object, int saved)
{
	errno = object != NULL ? saved : ENOMEM;
	return object;
}

/* Returns an object of the class. This is the slow path, for the case that this CPU's array has no object. */
static __attribute__((__noinline__)) void *take_slow(unsigned class)
{
	int saved = errno;
	void *object = heap_caches[class] == NULL ? NULL : rk_cache_get(heap_caches[class]);

	if (RKI_UNLIKELY(object == NULL))
		object = heap_take(class);
	else
		mark_used(object);
	return with_errno(object, saved);
}

static void *take_large(size_t size, size_t alignment, bool *zeroed)
{
	int saved = errno;

	heap_begin();
	return with_errno(large_take(size, alignment, zeroed), saved);
}

static inline void *take(unsigned class)
{
	struct rk_cache *cache = heap_caches[class];
	void *object = cache == NULL ? NULL : rk_cache_get_here(cache);

	if (RKI_UNLIKELY(object == NULL))
		return take_slow(class);
	mark_used(object);
	return object;
}

/*
 * The alignment is a power of two. Spans are aligned, so if a class's size is a multiple of the alignment, its objects are
 * aligned.
 */
static __attribute__((__noinline__)) void *take_aligned(size_t alignment, size_t size)
{
	unsigned class = class_of(size < alignment ? alignment : size);
	bool zeroed;

	if (class > SMALL_CLASSES && (system_wants(GUARDS) || size >= __atomic_load_n(&large_threshold, __ATOMIC_RELAXED)))
		class = 0;
	while (alignment > FINE && class != 0 && (size_classes[class].size & (alignment - 1)) != 0)
		class++;
	return class == 0 || alignment > SPAN_SIZE ? take_large(size, alignment, &zeroed) : take(class);
}

/* Allocates objects whose size is 0 or above FINE_MAX. Most of these sizes need only a look into a table. */
static __attribute__((__noinline__)) void *take_coarse(size_t alignment, size_t size)
{
	return RKI_LIKELY(size - 1 < SMALL_MAX) ? take(class_of(size)) : take_aligned(alignment, size);
}

/*
 * The code of malloc() and of operator new. It is inlined into both, because a call from one to the other would take a third
 * of the time of an allocation and a free. They differ in `other`, which allocates for size 0 and sizes above FINE_MAX, and
 * in `slow`, which allocates if the array is empty.
 */
static inline __attribute__((__always_inline__)) void *take_here(size_t size, void *(*other)(size_t alignment, size_t size),
								 void *(*slow)(unsigned class))
{
	size_t number = (size - 1) / FINE; /* size 0 gives the largest number */
	struct rk_cache *cache;
	void *object;

	__asm__("" : "+r"(number)); /* otherwise compilers compare `size` below, with a longer instruction */
	if (RKI_UNLIKELY(number >= FINE_MAX / FINE))
		return other(FINE, size);
	cache = heap_fine[number + 1];
	object = RKI_LIKELY(cache != NULL) ? rk_cache_get_here(cache) : NULL;
	if (RKI_UNLIKELY(object == NULL))
		return slow(fine_classes[number + 1]);
	mark_used(object);
	return object;
}

EXPORT void *malloc(size_t size)
{
	return take_here(size, take_coarse, take_slow);
}

/* This object's malloc(), even if the program's calls are bound to another one. */
extern __typeof__(malloc) own_malloc __attribute__((__alias__("malloc"), __visibility__("hidden")));

/*
 * Runs before every other constructor (-z initfirst), so the allocator's fork handler is registered first. At a fork the
 * handlers of other modules therefore run first, and can wait for locks. After them the allocator's handler takes the
 * allocator's locks.
 *
 * A program with a sanitizer's runtime inside the executable has a malloc() of its own. In such a program the allocator begins
 * nothing, because its system calls go through functions of the runtime, which isn't initialised yet.
 */
static void __attribute__((__constructor__)) start(void)
{
	system_look_up();
	if (dlsym(RTLD_DEFAULT, "malloc") == (void *)(uintptr_t)own_malloc)
		heap_begin();
}

static __attribute__((__noinline__)) void give_slow(void *object)
{
	int saved = errno;

	if (object != NULL)
		heap_give(object);
	errno = saved;
}

/* Frees an object: puts it into the cache of its page. The page's inverse must be loaded before the page's cache (map.h). */
static inline void give(const struct leaf *leaf, uintptr_t number, void *object)
{
#if RKI_ORDERS_BY_ITSELF /* such a machine keeps loads in order, and an atomic load would take one more instruction */
	uint32_t inverse = leaf->inverses[number];

	__atomic_signal_fence(__ATOMIC_ACQUIRE);
#else
	uint32_t inverse = __atomic_load_n(&leaf->inverses[number], __ATOMIC_ACQUIRE);
#endif
	if (RKI_UNLIKELY(!is_multiple(inverse, object))) {
		give_slow(object);
		return;
	}
	mark_free(object);
	rk_cache_put(leaf->caches[number], object);
}

static __attribute__((__noinline__)) void give_elsewhere(void *object)
{
	uintptr_t number;
	const struct leaf *leaf = map_leaf(object, &number);

	give(leaf, number, object);
}

EXPORT void free(void *object)
{
	uintptr_t number = ((uintptr_t)object >> SPAN_SHIFT) - map_first_page;

	if (RKI_UNLIKELY(number > 65535))
		give_elsewhere(object);
	else
		give(&map_first, number, object);
}

/*
 * The following names are aliases of free(): C23's free_sized() and free_aligned_sized(), glibc's __libc_free(), and C++'s
 * operators delete. They ignore the sizes and alignments that the program passes. The compiler makes the aliases, because in
 * link-time optimisation the assembler sees only a part of the functions. In C the aliases have other names, because the
 * functions of these symbols have other types.
 */
#if __has_attribute(__leaf__) /* as the libc declares free(); clang 11 lacks the attribute */
#define ALIAS_OF_FREE __attribute__((__alias__("free"), __nothrow__, __leaf__))
#else
#define ALIAS_OF_FREE __attribute__((__alias__("free"), __nothrow__))
#endif
#define FREE_AS(name, symbol) EXPORT void name(void *object) __asm__(symbol) ALIAS_OF_FREE;
FREE_AS(sized, "free_sized")
FREE_AS(aligned_sized, "free_aligned_sized")
FREE_AS(libc_free, "__libc_free")
#define DELETE_AS(name, rest) FREE_AS(delete_##name, "_ZdlPv" rest) FREE_AS(delete_array_##name, "_ZdaPv" rest)
DELETE_AS(plain, "")
DELETE_AS(sized, "m")
DELETE_AS(nothrow, "RKSt9nothrow_t")
DELETE_AS(aligned, "St11align_val_t")
DELETE_AS(sized_aligned, "mSt11align_val_t")
DELETE_AS(aligned_nothrow, "St11align_val_tRKSt9nothrow_t")

static size_t usable(void *object)
{
	unsigned code = map_code(object);

	if (code == CODE_LARGE)
		return large_size(object);
	if (!begins_object(code, object))
		system_die("no pointer from malloc", object);
	if (mark_is_there(object))
		system_die("freed already", object);
	return size_classes[code].size;
}

EXPORT void *calloc(size_t count, size_t size)
{
	bool zeroed = false;
	size_t bytes;
	unsigned class;
	void *object;

	if (__builtin_mul_overflow(count, size, &bytes))
		return with_errno(NULL, 0);
	class = bytes <= SMALL_MAX ? class_of(bytes) : 0;
	object = class != 0 ? take(class) : take_large(bytes, FINE, &zeroed); /* new pages read as zero */
	return object == NULL || zeroed ? object : system_fill(object, 0, bytes);
}

EXPORT void *realloc(void *object, size_t size)
{
	static __thread const void *moved_last; /* what this thread's last realloc() moved, to grow it */
	int saved = errno;
	bool is_small, grows, zeroed;
	size_t had;
	void *moved;

	if (object == NULL)
		return malloc(size);
	if (size == 0) {
		free(object);
		return NULL;
	}
	if (map_code(object) == CODE_LARGE) {
		moved = large_resize(object, size);
		errno = saved;
		if (moved != NULL)
			return moved;
		had = large_size(object);
	} else {
		had = usable(object);
		/* An object of a class that shrinks by at most a quarter stays where it is. */
		if (size <= had && (size >= had - had / 4 || had <= 64))
			return object;
	}
	/*
	 * An object that grows step by step gets a reserve if this step is at most an eighth of its size. It gets a run or a mapping
	 * early, because it can grow there without moving.
	 */
	grows = size > had && object == moved_last;
	is_small = size <= SMALL_MAX && (size <= GROWN_SMALL || !grows);
	if (is_small)
		moved = malloc(grows && size - had <= size / 8 ? with_reserve(size) : size);
	else
		moved = take_large(size, size > GROWS_ALONE ? LARGE_ALONE : FINE, &zeroed);
	if (moved == NULL && grows && is_small) { /* another class can have a free object */
		errno = saved;
		moved = malloc(size);
	}
	if (moved == NULL && size <= had) { /* no memory for the smaller object: keep the larger one */
		errno = saved;
		return object;
	}
	if (moved != NULL) {
		(void)system_copy(moved, object, had < size ? had : size);
		free(object);
		moved_last = size > had ? moved : NULL;
	}
	return moved;
}

EXPORT void *reallocarray(void *object, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		return with_errno(NULL, 0);
	return realloc(object, bytes);
}

static bool is_power_of_two(size_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

/*
 * aligned_alloc() and posix_memalign() reject alignments that aren't powers of two. memalign() rounds them up, as the C
 * library's does.
 */
EXPORT void *memalign(size_t alignment, size_t size)
{
	size_t power = FINE;

	while (power < alignment && power <= SIZE_MAX / 2)
		power *= 2;
	if (power >= alignment)
		return take_aligned(power, size);
	errno = EINVAL;
	return NULL;
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
	if (is_power_of_two(alignment))
		return take_aligned(alignment, size);
	errno = EINVAL;
	return NULL;
}

EXPORT int posix_memalign(void **object, size_t alignment, size_t size)
{
	int saved = errno;
	void *got;

	if (!is_power_of_two(alignment) || alignment % sizeof(void *) != 0)
		return EINVAL;
	got = take_aligned(alignment, size);
	errno = saved;
	if (got == NULL)
		return ENOMEM;
	*object = got;
	return 0;
}

EXPORT void *valloc(size_t size)
{
	return take_aligned(PAGE, size);
}

EXPORT void *pvalloc(size_t size)
{
	if (size > SIZE_MAX - PAGE)
		return with_errno(NULL, 0);
	return take_aligned(PAGE, size == 0 ? PAGE : (size + PAGE - 1) & ~(PAGE - 1));
}

EXPORT size_t malloc_usable_size(void *object)
{
	return object == NULL ? 0 : usable(object);
}

EXPORT int malloc_trim(size_t keep)
{
	return heap_trim(keep);
}

/*
 * Honours two parameters, with the C library's meaning. Returns 0 for all others, because this allocator has nothing that they
 * would change. Also returns 0 if the value is out of range, or if a handler calls this function inside the allocator.
 */
EXPORT int mallopt(int parameter, int value)
{
	switch (parameter) {
	case M_TRIM_THRESHOLD:
		return heap_limit(value < 0 ? SIZE_MAX : (size_t)value);
	case M_MMAP_THRESHOLD:
		if (value < 0 || (size_t)value <= SMALL_MAX || (size_t)value > CHUNK_SIZE)
			return 0;
		__atomic_store_n(&large_threshold, (size_t)value, __ATOMIC_RELAXED);
		return 1;
	default:
		return 0;
	}
}

/* glibc has these functions also under names with __libc_. Programs that wrap malloc() call them. */
#define LIBC_NAME(name, parameters)                                                                                    \
	EXPORT void *libc_##name parameters __asm__("__libc_" #name)                                                   \
		__attribute__((__alias__(#name)));
LIBC_NAME(malloc, (size_t size))
LIBC_NAME(calloc, (size_t count, size_t size))
LIBC_NAME(realloc, (void *object, size_t size))
LIBC_NAME(memalign, (size_t alignment, size_t size))
LIBC_NAME(valloc, (size_t size))
LIBC_NAME(pvalloc, (size_t size))

/*
 * The following functions are C++'s operators new. If there is no memory, they call the C++ library's operator (operators.h).
 * Their symbols are those of C++'s ABI for a size_t of 64 bits (Itanium C++ ABI, section 5.1). The operators ignore their
 * parameter std::nothrow.
 */
#define NEW_AS(name, parameters, rest)                                                                                 \
	EXPORT void *name parameters __asm__("_Znw" rest);                                                             \
	EXPORT void *name##_array parameters __asm__("_Zna" rest) __attribute__((__alias__("_Znw" rest)));
NEW_AS(new_plain, (size_t size), "m")
NEW_AS(new_aligned, (size_t size, size_t alignment), "mSt11align_val_t")
NEW_AS(new_or_null, (size_t size), "mRKSt9nothrow_t")
NEW_AS(new_aligned_or_null, (size_t size, size_t alignment), "mSt11align_val_tRKSt9nothrow_t")

static __attribute__((__noinline__)) void *new_other(size_t alignment, size_t size)
{
	void *object = take_aligned(alignment < FINE ? FINE : alignment, size);

	return RKI_LIKELY(object != NULL) ? object : operators_fail(alignment, size, false);
}

static __attribute__((__noinline__)) void *new_slow(unsigned class)
{
	void *object = take_slow(class);

	return RKI_LIKELY(object != NULL) ? object : operators_fail(FINE, size_classes[class].size, false);
}

void *new_plain(size_t size)
{
	return take_here(size, new_other, new_slow);
}

void *new_aligned(size_t size, size_t alignment)
{
	return new_other(alignment, size);
}

void *new_or_null(size_t size)
{
	return new_aligned_or_null(size, FINE);
}

void *new_aligned_or_null(size_t size, size_t alignment)
{
	void *object = take_aligned(alignment < FINE ? FINE : alignment, size);

	return RKI_LIKELY(object != NULL) ? object : operators_fail(alignment, size, true);
}
