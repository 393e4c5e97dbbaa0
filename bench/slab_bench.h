/* SPDX-License-Identifier: MIT */
/*
 * slab_bench.h - the bench `slab`: a stack of pointers for each CPU, with the header {current, begin, end} that Google's tcmalloc
 * has in its per-CPU slabs. The sections are this project's own.
 *
 * The bench shows what a cached pointer to the slab saves. The variants find the slab in one of three ways:
 *
 * - index: the section loads the CPU's number from the area, tests its sign, and computes the slab's address.
 * - pointer: a thread-local word has the slab's address, and another word has the number of the slab's CPU. The section compares
 *   this number with the area's, so the pointer is right in any process.
 * - owned: a thread-local word has the slab's address. The section tests only that the word isn't 0. For tcmalloc this test is
 *   enough, because its word overlaps the field cpu_id_start, so the kernel's store to that field invalidates the pointer. But
 *   then no other component may use the area. In this bench threads are bound to a CPU instead, so the pointer stays right.
 *
 * Each variant exists with fields of 16 bits, as in tcmalloc, and of 64 bits. The fields count words from the slab's beginning. A
 * CPU's slab is the CPU's slot of an item of rk_percpu, so all variants have the same layout as the other structures.
 *
 * Invariant: after a slice (one measured run, bench.h) each object is in exactly one slab or in the reserve
 * (bench_settle_slab_*()).
 */
#ifndef RK_BENCH_SLAB_H
#define RK_BENCH_SLAB_H

#include "cache_bench.h"
#include "classic.h"

/* clang 19 takes more than ten minutes to compile these loops. */
#if BENCH_HAVE_CLASSIC && !defined(__clang__)
#define BENCH_HAVE_SLAB 1

#define SLAB_WORDS 256 /* the number of words in a slab, its header included */

/* A thread's pointer to the slab of one CPU. */
struct slab_cached {
	void *slab;   /* NULL at first */
	uint32_t cpu; /* SLAB_NO_CPU at first, which is no thread's CPU */
};

#define SLAB_NO_CPU INT32_MAX

/* A contender's slabs, and the objects that aren't in a slab. */
struct bench_slab {
	void *slots; /* the slab of CPU 0 */
	size_t header; /* the number of words in a header */
	bool wide;     /* the fields of the header have 64 bits */
	struct bench_guarded *reserve;
};

/* An entry of the table of exit points: an exit of the section other than its end. */
#define SLAB_EXIT(label)                                                                                               \
	CLASSIC_SECTION("__rseq_exit_point_array")                                                                     \
	".quad .Lstart%=, " label "\n\t"                                                                               \
	".popsection\n\t"

#define SLAB_BEGIN(exits)                                                                                              \
	".Lop%=:\n\t"                                                                                                  \
	CLASSIC_SECTION("__rseq_cs")                                                                                   \
	".balign 32\n\t"                                                                                               \
	".Lcs%=:\n\t"                                                                                                  \
	".long 0, 0\n\t"                                                                                               \
	".quad .Lstart%=, .Lend%= - .Lstart%=, .Labort%=\n\t"                                                          \
	".popsection\n\t"                                                                                              \
	CLASSIC_SECTION("__rseq_cs_ptr_array")                                                                         \
	".quad .Lcs%=\n\t"                                                                                             \
	".popsection\n\t"                                                                                              \
	exits                                                                                                          \
	CLASSIC_STORE_DESCRIPTOR                                                                                       \
	".Lstart%=:\n\t"

/*
 * The end of a pop, directly after the commit. After an abort or at an exit, the register of the popped object gets an enum
 * slab_result instead. No object has such a low address.
 */
#define SLAB_END_POP                                                                                                   \
	".Lend%=:\n\t"                                                                                                 \
	".subsection 1\n\t"                                                                                            \
	".byte 0x0f, 0xb9, 0x3d\n\t"                                                                                   \
	".long " RKI_ASM_STR(RK_SIGNATURE) "\n"                                                                        \
	".Labort%=:\n\t"                                                                                               \
	"movl $3, %k[popped]\n\t"                                                                                      \
	"jmp .Lend%=\n"                                                                                                \
	".Lempty%=:\n\t"                                                                                               \
	"movl $2, %k[popped]\n\t"                                                                                      \
	"jmp .Lend%=\n"                                                                                                \
	".Lstale%=:\n\t"                                                                                               \
	"movl $1, %k[popped]\n\t"                                                                                      \
	"jmp .Lend%=\n\t"                                                                                              \
	".subsection 0\n\t"

/*
 * The three ways to find the slab. Each stores the slab's address in rax. All three also notice that a thread isn't registered:
 * the CPU's number in its area is negative, and its thread-local word is NULL. The exit `none` leads to the reserve, and `stale`
 * to bench_slab_find().
 */
#define SLAB_FIND_index(none, stale)                                                                                   \
	"movl %%fs:4(%[area]), %%eax\n\t"                                                                              \
	"testl %%eax, %%eax\n\t"                                                                                       \
	"js " none "\n\t"                                                                                              \
	"shlq $" RKI_ASM_STR(RK_STRIDE_SHIFT) ", %%rax\n\t"                                                            \
	"addq %[base], %%rax\n\t"
#define SLAB_FIND_pointer(none, stale)                                                                                 \
	"movl %%fs:4(%[area]), %%ecx\n\t"                                                                              \
	"cmpl %[cpu], %%ecx\n\t"                                                                                       \
	"jne " stale "\n\t"                                                                                            \
	"movq %[slab], %%rax\n\t"
#define SLAB_FIND_owned(none, stale)                                                                                   \
	"movq %[slab], %%rax\n\t"                                                                                      \
	"testq %%rax, %%rax\n\t"                                                                                       \
	"jz " stale "\n\t"

#define SLAB_INPUTS_index [area] "r"(rk_area_offset), [base] "r"(base)
#define SLAB_INPUTS_pointer [area] "r"(rk_area_offset), [slab] "m"(cached->slab), [cpu] "m"(cached->cpu)
#define SLAB_INPUTS_owned [area] "r"(rk_area_offset), [slab] "m"(cached->slab)

/* Loads `current` into rcx. Leaves the section if there is no object, or no room. */
#define SLAB_UNLESS_EMPTY_16(empty) "movzwl (%%rax), %%ecx\n\tcmpw 2(%%rax), %%cx\n\tjbe " empty "\n\t"
#define SLAB_UNLESS_EMPTY_64(empty) "movq (%%rax), %%rcx\n\tcmpq 8(%%rax), %%rcx\n\tjbe " empty "\n\t"
#define SLAB_UNLESS_FULL_16(full) "movzwl (%%rax), %%ecx\n\tcmpw 4(%%rax), %%cx\n\tjae " full "\n\t"
#define SLAB_UNLESS_FULL_64(full) "movq (%%rax), %%rcx\n\tcmpq 16(%%rax), %%rcx\n\tjae " full "\n\t"

/* Adds 1 to rcx, or subtracts 1, and stores rcx in `current`: the commit. */
#define SLAB_COMMIT_16(verb) verb "l $1, %%ecx\n\tmovw %%cx, (%%rax)\n"
#define SLAB_COMMIT_64(verb) verb "q $1, %%rcx\n\tmovq %%rcx, (%%rax)\n"

/* SLAB_STALE: the cached pointer must be set. SLAB_AT_END: there is no object, or no room. Only SLAB_DONE commits anything. */
enum slab_result { SLAB_DONE, SLAB_STALE, SLAB_AT_END, SLAB_AGAIN };

/*
 * Defines slab_try_pop_WAY_BITS() and slab_try_push_WAY_BITS(), which try once. slab_try_pop_WAY_BITS() returns the object, or an
 * enum slab_result in its place.
 */
#define SLAB_OPERATIONS(way, bits)                                                                                     \
	BENCH_INLINE uintptr_t slab_try_pop_##way##_##bits(void *base, struct slab_cached *cached)                     \
	{                                                                                                              \
		uintptr_t popped;                                                                                      \
                                                                                                                       \
		(void)base;                                                                                            \
		(void)cached;                                                                                          \
		__asm__ __volatile__(SLAB_BEGIN(SLAB_EXIT(".Lempty%=") SLAB_EXIT(".Lstale%="))                         \
				     SLAB_FIND_##way(".Lempty%=", ".Lstale%=")                                       \
				     SLAB_UNLESS_EMPTY_##bits(".Lempty%=")                                             \
				     "movq -8(%%rax,%%rcx,8), %[popped]\n\t"                                           \
				     SLAB_COMMIT_##bits("sub")                                                         \
				     SLAB_END_POP                                                                      \
				     : [popped] "=&r"(popped)                                                          \
				     : SLAB_INPUTS_##way                                                               \
				     : "memory", "cc", "rax", "rcx");                                                  \
		return popped;                                                                                         \
	}                                                                                                              \
                                                                                                                       \
	BENCH_INLINE enum slab_result slab_try_push_##way##_##bits(void *base, struct slab_cached *cached,             \
								   void *object)                                       \
	{                                                                                                              \
		(void)base;                                                                                            \
		(void)cached;                                                                                          \
		__asm__ __volatile__ goto(SLAB_BEGIN(CLASSIC_EXIT(again) CLASSIC_EXIT(full) CLASSIC_EXIT(stale))       \
					  SLAB_FIND_##way("%l[full]", "%l[stale]")                                   \
					  SLAB_UNLESS_FULL_##bits("%l[full]")                                          \
					  CLASSIC_PRIVATE("movq %[object], (%%rax,%%rcx,8)\n\t")                       \
					  SLAB_COMMIT_##bits("add")                                                    \
					  CLASSIC_END                                                                  \
					  :                                                                            \
					  : [object] "r"(object), SLAB_INPUTS_##way                                    \
					  : "memory", "cc", "rax", "rcx"                                               \
					  : again, full, stale);                                                       \
		return SLAB_DONE;                                                                                      \
	stale:                                                                                                         \
		return SLAB_STALE;                                                                                     \
	full:                                                                                                          \
		return SLAB_AT_END;                                                                                    \
	again:                                                                                                         \
		return SLAB_AGAIN;                                                                                     \
	}

/*
 * Sets the thread's pointer to the slab of the CPU that it runs on. If the variant is `owned`, first binds the thread to that
 * CPU. Returns false if the thread can't be bound.
 */
bool bench_slab_find(struct bench_slab *slab, struct slab_cached *cached, bool bind);

/*
 * Defines the operation: a pop, a byte written to the object, and a push. The inlined code tries each section once.
 * Out-of-line functions try again, and take an object from the reserve or give it to the reserve. The operation returns 0 if the
 * pop and the push were done.
 */
#define SLAB_CONTENDER(way, bits, bind)                                                                                \
	extern struct bench_slab bench_slab_##way##_##bits;                                                            \
	extern __thread struct slab_cached bench_slab_cached_##way##_##bits                                            \
		__attribute__((__tls_model__("local-exec")));                                                          \
	bool bench_settle_slab_##way##_##bits(void);                                                                   \
                                                                                                                       \
	SLAB_OPERATIONS(way, bits)                                                                                     \
                                                                                                                       \
	/* Returns NULL if there is no object. */                                                                  \
	static __attribute__((__noinline__)) void *slab_pop_again_##way##_##bits(uintptr_t popped)                     \
	{                                                                                                              \
		struct bench_slab *slab = &bench_slab_##way##_##bits;                                                  \
		struct slab_cached *cached = &bench_slab_cached_##way##_##bits;                                        \
		void *object;                                                                                          \
                                                                                                                       \
		for (; popped == SLAB_STALE || popped == SLAB_AGAIN;                                                   \
		     popped = slab_try_pop_##way##_##bits(slab->slots, cached))                                        \
			if (popped == SLAB_STALE && !bench_slab_find(slab, cached, bind))                              \
				return NULL;                                                                           \
		if (popped != SLAB_AT_END)                                                                             \
			return (void *)popped;                                                                         \
		return cache_mutex_take(slab->reserve, &object, 1) == 0 ? object : NULL;                               \
	}                                                                                                              \
                                                                                                                       \
	static __attribute__((__noinline__)) int slab_push_again_##way##_##bits(void *object, enum slab_result result) \
	{                                                                                                              \
		struct bench_slab *slab = &bench_slab_##way##_##bits;                                                  \
		struct slab_cached *cached = &bench_slab_cached_##way##_##bits;                                        \
                                                                                                                       \
		for (; result == SLAB_STALE || result == SLAB_AGAIN;                                                   \
		     result = slab_try_push_##way##_##bits(slab->slots, cached, object))                               \
			if (result == SLAB_STALE && !bench_slab_find(slab, cached, bind))                              \
				return 1;                                                                              \
		if (result != SLAB_DONE)                                                                               \
			cache_mutex_give(slab->reserve, &object, 1);                                                   \
		return 0;                                                                                              \
	}                                                                                                              \
                                                                                                                       \
	BENCH_INLINE int slab_##way##_##bits(void *base)                                                               \
	{                                                                                                              \
		struct slab_cached *cached = &bench_slab_cached_##way##_##bits;                                        \
		uintptr_t popped = slab_try_pop_##way##_##bits(base, cached);                                          \
		void *object = (void *)popped;                                                                         \
		enum slab_result result;                                                                               \
                                                                                                                       \
		if (RKI_UNLIKELY(popped <= SLAB_AGAIN) && !(object = slab_pop_again_##way##_##bits(popped)))           \
			return 1;                                                                                      \
		*(volatile unsigned char *)object = 1;                                                                 \
		result = slab_try_push_##way##_##bits(base, cached, object);                                           \
		return RKI_LIKELY(result == SLAB_DONE) ? 0 : slab_push_again_##way##_##bits(object, result);           \
	}

SLAB_CONTENDER(index, 16, false)
SLAB_CONTENDER(index, 64, false)
SLAB_CONTENDER(pointer, 16, false)
SLAB_CONTENDER(pointer, 64, false)
SLAB_CONTENDER(owned, 16, true)
SLAB_CONTENDER(owned, 64, true)

#define IF_SLAB(...) __VA_ARGS__
#else
#define BENCH_HAVE_SLAB 0
#define IF_SLAB(...)
#endif

/* Creates the slabs, all empty. Returns 0 or a negative errno. */
int bench_slab_create(void);

#define SLAB_LOOP(X, way, bits)                                                                                        \
	X("slab", #way "-" #bits, BENCH_RSEQ, slab_##way##_##bits, NULL, bench_settle_slab_##way##_##bits,             \
	  void *base = bench_slab_##way##_##bits.slots;, failed |= slab_##way##_##bits(base);)

#define SLABS(X)                                                                                                       \
	X("slab", "rseqkit", BENCH_ANY, slab_rseqkit, NULL, bench_settle_cache_rseqkit,                                \
	  struct rk_cache *cache = bench_cache;, failed |= cache_rseqkit(cache);)                                      \
	IF_SLAB(SLAB_LOOP(X, index, 16) SLAB_LOOP(X, index, 64))                                                       \
	IF_SLAB(SLAB_LOOP(X, pointer, 16) SLAB_LOOP(X, pointer, 64))                                                   \
	IF_SLAB(SLAB_LOOP(X, owned, 16) SLAB_LOOP(X, owned, 64))

#endif /* RK_BENCH_SLAB_H */
