/* SPDX-License-Identifier: MIT */
/*
 * embed.h - one header that a library copies into its own tree to share the rseq area of each thread with everybody
 * else in the process. Nothing to link, no other header of rseqkit needed; C99 and C++11, gcc and clang, Linux.
 *
 * A thread has one registration. This header finds the area that the others use, and makes none of its own, so it
 * can't be in anybody's way. librseqkit looks in the same places in the same order, so both come to the same area,
 * whichever is first:
 *
 *   1. the C library registers threads (glibc 2.35 and later): its area
 *   2. copies of librseqkit have agreed on an area (RK_RENDEZVOUS_ADDRESS in rseqkit/detail/agreement.h): that one
 *   3. __rseq_abi is defined in the process: that, with the count __rseq_refcount if there is one. This is the public
 *      TLS protocol; whoever takes the count from 0 to 1 registers, whoever takes it from 1 to 0 unregisters. This
 *      header never defines these symbols; librseqkit-early.a does, for programs that ask for it
 *   4. librseq is loaded: its area, in threads that it registered; it ends the process if we register one
 *   5. the C library has an area but leaves it alone (glibc.pthread.rseq=0): that one
 *      (where RSEQKIT_AREA=own asks librseqkit for areas of its own, see rseqkit(7), 2 says so, if it was first)
 *   6. otherwise there is none for us, and every register says -ENOTSUP
 *
 * The invariant: a thread is registered at an offset from the thread pointer at which every thread of the process has
 * memory that reads cpu_id < 0 until that very thread is registered there.
 *
 * Include it in source files, not in public headers, and in none that defines __rseq_abi. Each source file that
 * includes it finds the area for itself.
 *
 * Where the C library isn't glibc it may reuse a thread's memory while the thread still runs its last instructions.
 * There a thread is registered only under a count, and has to be unregistered before it ends; and code compiled for
 * shared libraries doesn't see the symbols of the public TLS protocol.
 *
 * Functions say from where they may be called, in the words of rseqkit/api.h.
 * Sources: the kernel's include/uapi/linux/rseq.h and kernel/rseq.c; the C library's sys/rseq.h.
 */
#ifndef RSEQKIT_EMBED_H
#define RSEQKIT_EMBED_H

#include <elf.h>
#include <errno.h>
#include <features.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#if defined(__GLIBC__) && defined(__GLIBC_PREREQ) && defined(__has_include)
#if __GLIBC_PREREQ(2, 35) || (__GLIBC_PREREQ(2, 34) && __has_include(<sys/rseq.h>))
#define RKE_LIBC_HAS_SYMBOLS 1
#include <sys/rseq.h>
#endif
#endif

/* The word before every abort handler, equal to the one registered. 0: not known for this architecture. */
#if defined(__x86_64__) || defined(__i386__)
#define RKE_SIGNATURE 0x53053053U
#elif defined(__AARCH64EB__)
#define RKE_SIGNATURE 0x00bc28d4U /* 0xd428bc00 as an instruction, whose bytes are always little-endian */
#elif defined(__aarch64__)
#define RKE_SIGNATURE 0xd428bc00U
#elif defined(RSEQ_SIG)
#define RKE_SIGNATURE ((uint32_t)RSEQ_SIG)
#else
#define RKE_SIGNATURE 0U
#endif

#define RKE_AREA_LENGTH 32     /* bytes; the length that every kernel with rseq accepts */
#define RKE_RSEQ_UNREGISTER 1  /* RSEQ_FLAG_UNREGISTER */
#define RKE_AT_FEATURE_SIZE 27 /* AT_RSEQ_FEATURE_SIZE of include/uapi/linux/auxvec.h */

#if defined(__mips__)
#define RKE_SIG_BLOCK 1
#define RKE_SIG_SETMASK 3
#define RKE_SIGSET_SIZE 16
#define RKE_SYNCHRONOUS_SIGNALS 0xe98UL /* SIGILL, SIGTRAP, SIGFPE, SIGBUS, SIGSEGV, SIGSYS */
#else
#define RKE_SIG_BLOCK 0 /* include/uapi/asm-generic/signal-defs.h */
#define RKE_SIG_SETMASK 2
#define RKE_SIGSET_SIZE 8
#define RKE_SYNCHRONOUS_SIGNALS 0x400004d8UL
#endif

/*
 * How the symbols of the public TLS protocol are referenced. Code for shared libraries asks for a TLS descriptor: the
 * dynamic linker makes it a constant offset if the symbol is in static TLS, and refuses nothing if it isn't. An offset
 * loaded directly (initial-exec) would keep the library from being loaded then. GNU ld for arm64 crashes when it links
 * statically what has descriptors of undefined symbols, so there only shared objects have them: RKE_TLS_DESCRIPTORS is
 * for those. The dynamic linker of musl dies of a weak reference to TLS that isn't there; in executables it sees none.
 */
#if defined(__GLIBC__) && defined(__PIC__) && !defined(__PIE__) && defined(__x86_64__) && !defined(__ILP32__) &&       \
	!defined(RKE_TLS_DESCRIPTORS)
#define RKE_TLS_DESCRIPTORS 1
#endif
#if !defined(RKE_TLS_DESCRIPTORS) && (defined(__GLIBC__) || !defined(__PIC__) || defined(__PIE__))
#define RKE_TLS_OFFSETS 1
#endif

#define RKE_FUNCTION static inline __attribute__((__unused__))

/* struct rseq of the kernel. All but rseq_cs is the kernel's to write, and a store may kill: const, yet it changes. */
struct rke_area {
	const volatile uint32_t cpu_id_start; /* a possible CPU number, or what an adopter keeps here */
	const volatile uint32_t cpu_id;       /* the current CPU; negative as int32_t when unregistered */
	uint64_t rseq_cs;                     /* the active section's descriptor */
	const volatile uint32_t flags;
	const volatile uint32_t node_id; /* valid from feature size 24 on */
	const volatile uint32_t mm_cid;  /* valid from feature size 28 on */
	uint32_t reserved;
} __attribute__((__aligned__(32)));

/* What copies of librseqkit have agreed on: the beginning of struct rk_rendezvous in rseqkit/detail/agreement.h. */
struct rke_meeting {
	char magic[8];
	uint32_t version;
	uint32_t size;
	uint32_t kind;  /* whose area: the thread block of one of them, or __rseq_abi */
	uint32_t state; /* not looked at here */
	int64_t offset;
	uint32_t length;
	uint32_t signature;
};

/* cpu_id inside rk_vfork_begin() and rk_vfork_end() of librseqkit; in an early adopter's area the second one. */
#define RKE_CPU_ID_BRACKET (-3)
#define RKE_CPU_ID_REGISTRATION_FAILED (-2)

#define RKE_MEETING_ADDRESS 0x1e0000UL
#define RKE_MEETING_BLOCK 1
#define RKE_MEETING_EARLY 2

/* Who made, and alone may undo, the calling thread's registration. Numbers as in enum rk_owner. */
enum rke_owner {
	RKE_OWNER_NONE = 0,   /* nobody */
	RKE_OWNER_LIBC = 1,   /* the C library */
	RKE_OWNER_SELF = 2,   /* this header or librseqkit, in the libc's unused area or in librseqkit's */
	RKE_OWNER_EARLY = 3,  /* whoever was first by the public TLS protocol, in __rseq_abi */
	RKE_OWNER_FOREIGN = 4, /* somebody with a private area or another signature; not usable by others */
	RKE_OWNER_LIBRSEQ = 5  /* librseq, for the threads that ask it to */
};

/* Where the area is. */
enum rke_place {
	RKE_UNDECIDED = 0,
	RKE_LIBC = 1,    /* the libc's, registered by it */
	RKE_EARLY = 2,   /* __rseq_abi */
	RKE_SPARE = 3,   /* the libc's, left alone by it */
	RKE_RSEQKIT = 4, /* librseqkit's thread block */
	RKE_NOWHERE = 5,
	RKE_LIBRSEQ = 6  /* librseq's, registered by it alone */
};

/* What holds for the process. */
struct rke_process {
	intptr_t where;      /* offset * 8 + enum rke_place, so that both change at once */
	int error;           /* a foreign owner or signature was seen: no thread is registered any more */
	int signature_known; /* a registration there was seen to have our signature */
};

/* struct dl_phdr_info of <link.h>, which strict C99 hides. */
struct rke_module {
	ElfW(Addr) address;
	const char *name;
	const ElfW(Phdr) *segments;
	ElfW(Half) count;
	unsigned long long added, removed;
	size_t tls_number;
	char *tls; /* the calling thread's */
};

/* The code below has casts as C writes them. g++ doesn't warn of these inside extern "C". For clang the pragma turns it off. */
#ifdef __cplusplus
extern "C" {
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wold-style-cast"
#endif
#endif

/*
 * Other names for the symbols, so that nobody's declarations of them clash with these. The libc's functions aren't
 * declared in strict C99.
 */
extern long rke_libc_syscall(long number, ...) __asm__("syscall");
extern int rke_libc_getcpu(void) __asm__("sched_getcpu");
#ifndef __GLIBC__
extern int rke_libc_gettid(void) __asm__("gettid") __attribute__((__weak__));
#endif
extern int rke_libc_iterate(int (*look)(struct rke_module *, size_t, void *), void *result) __asm__("dl_iterate_phdr");
#ifdef RKE_TLS_OFFSETS
extern __thread struct rke_area rke_symbol_area __asm__("__rseq_abi")
	__attribute__((__weak__, __tls_model__("initial-exec")));
extern __thread uint32_t rke_symbol_count __asm__("__rseq_refcount")
	__attribute__((__weak__, __tls_model__("initial-exec")));
#endif

/*
 * Data of others, by name; NULL where there is none. Through the global offset table, which the dynamic linker fills in: a weak
 * reference in C is null in programs that aren't position independent, and with link-time optimisation, although the symbol is
 * there. A program that has such a reference to the same symbol spoils this one, too. The reference has a name of its own, see
 * RKE_WEAK.
 */
#if defined(__x86_64__)
#define RKE_ADDRESS_OF(symbol, address)                                                                                \
	__asm__(".weakref .Lrke_reference_%=, " #symbol "\n\t"                                                         \
		"{movq|mov %0, QWORD PTR} .Lrke_reference_%=@GOTPCREL{(%%rip), %0|[rip]}"                              \
		: "=r"(address))
#elif defined(__aarch64__)
#define RKE_ADDRESS_OF(symbol, address)                                                                                \
	__asm__(".weakref .Lrke_reference_%=, " #symbol "\n\tadrp %0, :got:.Lrke_reference_%=\n\t"                     \
		"ldr %0, [%0, #:got_lo12:.Lrke_reference_%=]"                                                          \
		: "=r"(address))
#else
extern ptrdiff_t rke_at_rseq_offset __asm__("rseq_offset") __attribute__((__weak__));
extern unsigned int rke_at_rseq_size __asm__("rseq_size") __attribute__((__weak__));
extern const ptrdiff_t rke_at___rseq_offset __asm__("__rseq_offset") __attribute__((__weak__));
extern const unsigned int rke_at___rseq_size __asm__("__rseq_size") __attribute__((__weak__));
#define RKE_ADDRESS_OF(symbol, address) __asm__("" : "=r"(address) : "0"(&rke_at_##symbol))
#endif

/* A system call. Returns its result or a negative errno; errno stays. Context: any. */
RKE_FUNCTION long rke_syscall(long number, long a, long b, long c, long d)
{
	int saved = errno;
	long r = rke_libc_syscall(number, a, b, c, d);

	if (r < 0)
		r = -(long)errno;
	errno = saved;
	return r;
}

RKE_FUNCTION int rke_rseq(volatile void *area, uint32_t length, int flags, uint32_t signature)
{
	return (int)rke_syscall(SYS_rseq, (intptr_t)area, (long)length, flags, (long)signature);
}

/* An entry of the auxiliary vector, 0 if there is none; the libc's getauxval() says that in errno too. */
RKE_FUNCTION unsigned long rke_auxiliary(unsigned long type)
{
	int saved = errno;
	unsigned long value = getauxval(type);

	errno = saved;
	return value;
}

/*
 * Is anything registered in the calling thread, at whatever address? 1, 0 or a negative errno. The kernel looks at
 * that before it looks at the address, which is never user memory. A 32-bit process on a 64-bit kernel has none such:
 * there it is NULL, which old kernels take, and which leaves the thread as it is.
 */
RKE_FUNCTION int rke_kernel_has_registration(void)
{
	int r = rke_rseq((volatile void *)(intptr_t)(sizeof(void *) == 8 ? -4096 : 0), RKE_AREA_LENGTH, 0, RKE_SIGNATURE);

	/* No kernel takes such an address: a filter can have a call succeed that isn't made. */
	return r == -EINVAL ? 1 : r == -EFAULT ? 0 : r == 0 && sizeof(void *) == 8 ? -EPERM : r;
}

/*
 * Is the calling thread registered here, at this length? Unregistering with a wrong signature never succeeds. A filter
 * may say EPERM to everything, and then nothing is known.
 */
RKE_FUNCTION int rke_kernel_registered_at(volatile struct rke_area *area, uint32_t length)
{
	return rke_rseq(area, length, RKE_RSEQ_UNREGISTER, ~RKE_SIGNATURE) == -EPERM &&
	       rke_kernel_has_registration() == 1;
}

/* May memory be read? The kernel reads a new signal mask before it looks at what to do with it: no effect, no fault. */
RKE_FUNCTION int rke_kernel_can_read(uintptr_t address)
{
	return rke_syscall(SYS_rt_sigprocmask, -1, (long)address, 0, RKE_SIGSET_SIZE) == -EINVAL;
}

/*
 * Does the calling thread run on another one's TLS, as a vfork child does? glibc gives each thread of its own a robust
 * list, which the kernel passes on to nobody. musl keeps the thread's number in TLS, and its gettid() returns that; where
 * a libc has none such it can't be told. 1, 0 or a negative errno.
 */
RKE_FUNCTION int rke_kernel_is_vfork_child(void)
{
#ifdef __GLIBC__
	void *head = NULL;
	size_t length = 0;
	int r = (int)rke_syscall(SYS_get_robust_list, 0, (intptr_t)&head, (intptr_t)&length, 0);

	return r < 0 ? r : head == NULL;
#else
	int (*get)(void) = rke_libc_gettid, kept = 0, differs = 0;

	__asm__("" : "+r"(get)); /* which may be NULL */
	/* Both are others if a signal handler forked in between, and this is its child. */
	do {
		kept = get != NULL ? get() : 0;
		differs = get != NULL && rke_syscall(SYS_gettid, 0, 0, 0, 0) != kept;
	} while (get != NULL && kept != get());
	return differs;
#endif
}

/* What offsets are relative to. Read each time: a fiber may go on in another thread. */
RKE_FUNCTION char *rke_thread_pointer(void)
{
#if defined(__x86_64__)
	char *pointer;

	__asm__ __volatile__("{mov %%fs:0, %0|mov %0, QWORD PTR fs:[0]}" : "=r"(pointer));
	return pointer;
#elif defined(__i386__)
	char *pointer;

	__asm__ __volatile__("{mov %%gs:0, %0|mov %0, DWORD PTR gs:[0]}" : "=r"(pointer));
	return pointer;
#elif defined(__aarch64__)
	char *pointer;

	__asm__ __volatile__("mrs %x0, tpidr_el0" : "=r"(pointer));
	return pointer;
#else
	return (char *)__builtin_thread_pointer();
#endif
}

/* The calling thread's area at an offset of the process. */
RKE_FUNCTION volatile struct rke_area *rke_area_at(ptrdiff_t offset)
{
	return (volatile struct rke_area *)(void *)(rke_thread_pointer() + offset);
}

RKE_FUNCTION int rke_is_registered(volatile struct rke_area *area)
{
	return (int32_t)area->cpu_id >= 0;
}

/* Hidden from the compiler, which takes the address of an object for not null. */
RKE_FUNCTION ptrdiff_t rke_offset_of(volatile void *object)
{
	__asm__("" : "+r"(object));
	return (char *)(uintptr_t)object - rke_thread_pointer();
}

/*
 * Is this what a reference to a TLS symbol that isn't there becomes? The dynamic linker makes it the thread pointer;
 * so does lld in executables. There GNU ld takes the undefined symbol's value for 0 and computes the offset of
 * address 0 from the end of the executable's TLS segment.
 */
RKE_FUNCTION int rke_is_undefined(ptrdiff_t offset)
{
	const ElfW(Phdr) *header = (const ElfW(Phdr) *)rke_auxiliary(AT_PHDR);
	unsigned long i, count = rke_auxiliary(AT_PHNUM);

	for (i = 0; header != NULL && i < count; i++) {
		if (header[i].p_type == PT_TLS) {
			uintptr_t mask = header[i].p_align > 0 ? header[i].p_align - 1 : 0;
			uintptr_t size = (header[i].p_memsz + mask) & ~mask;

			if (offset == -(ptrdiff_t)(header[i].p_vaddr + size))
				return 1;
		}
	}
	return offset == 0;
}

#ifdef RKE_TLS_DESCRIPTORS
/*
 * What a reference to a TLS symbol became. In a shared library `word` is the descriptor's address: two words, of which
 * the second is the offset if the symbol is in static TLS, 0 if there is no such symbol, and else an address of the
 * dynamic linker's own. Offsets are negative on x86-64 and small on arm64, addresses are neither. Nothing is called: that
 * may allocate. In an executable the linker made it the offset itself. 0 for a symbol that can't be used.
 */
RKE_FUNCTION ptrdiff_t rke_offset_by_descriptor(intptr_t word, int is_offset)
{
	intptr_t offset;

	if (is_offset)
		return rke_is_undefined(word) ? 0 : word;
	offset = ((const intptr_t *)word)[1];
#ifdef __x86_64__
	return offset < 0 ? offset : 0;
#else
	return offset < 0x10000 ? offset : 0;
#endif
}

/*
 * The reference has a name of its own. Made weak by its own name, a symbol would be weak as well where the same unit defines
 * it, and clang's assembler refuses to. With link-time optimisation a unit is all there is. That assembler doesn't see by
 * such a reference that the symbol is in TLS; and GNU as, told so, would take the reference for one that isn't weak.
 */
#define RKE_REFERENCE ".Lrke_reference_%="
#define RKE_WEAK(symbol)                                                                                               \
	".weakref " RKE_REFERENCE ", " symbol "\n\t"                                                                   \
	".ifndef .gasversion.\n\t"                                                                                     \
	".type " symbol ", @tls_object\n\t"                                                                            \
	".endif\n\t"
#ifdef __x86_64__
#define RKE_OFFSET_OF(symbol, offset)                                                                                  \
	do {                                                                                                           \
		intptr_t word_;                                                                                        \
		__asm__(RKE_WEAK(symbol) "{leaq|lea rax,} " RKE_REFERENCE "@tlsdesc{(%%rip), %%rax|[rip]}"             \
			: "=a"(word_));                                                                                \
		(offset) = rke_offset_by_descriptor(word_, word_ <= 0);                                                \
	} while (0)
#else
/* The linker turns the load of the descriptor's function into something else, and then x1 stays 0. */
#define RKE_OFFSET_OF(symbol, offset)                                                                                  \
	do {                                                                                                           \
		register intptr_t word_ __asm__("x0");                                                                 \
		register intptr_t function_ __asm__("x1") = 0;                                                         \
		__asm__(RKE_WEAK(symbol)                                                                               \
			"adrp x0, :tlsdesc:" RKE_REFERENCE "\n\t"                                                      \
			"ldr x1, [x0, #:tlsdesc_lo12:" RKE_REFERENCE "]\n\t"                                           \
			"add x0, x0, #:tlsdesc_lo12:" RKE_REFERENCE                                                    \
			: "=&r"(word_), "+r"(function_));                                                              \
		(offset) = rke_offset_by_descriptor(word_, function_ == 0);                                            \
	} while (0)
#endif
#endif

/*
 * The offset of an undefined name. Other linkers make it 0. In a statically linked program gold makes it the beginning of the
 * program's TLS, where a variable of the program may be.
 */
RKE_FUNCTION ptrdiff_t rke_offset_of_nothing(void)
{
	ptrdiff_t offset = 0;

#if defined(RKE_TLS_DESCRIPTORS)
	RKE_OFFSET_OF("__rseq_nothing", offset);
#endif
	return offset;
}

/* The distance of __rseq_refcount from the thread pointer; 0 if this module can't see one in static TLS. */
RKE_FUNCTION ptrdiff_t rke_offset_of_count(void)
{
	ptrdiff_t offset = 0;

#if defined(RKE_TLS_DESCRIPTORS)
	RKE_OFFSET_OF("__rseq_refcount", offset);
	if (offset == rke_offset_of_nothing())
		offset = 0;
#elif defined(RKE_TLS_OFFSETS)
	offset = rke_offset_of(&rke_symbol_count);
	if (rke_is_undefined(offset))
		offset = 0;
#endif
	return offset;
}

/* The same of __rseq_abi. It may lie at the beginning of TLS, but then there is a count, or gold is believed. */
RKE_FUNCTION ptrdiff_t rke_offset_of_area(void)
{
	ptrdiff_t offset = 0;

#if defined(RKE_TLS_DESCRIPTORS)
	RKE_OFFSET_OF("__rseq_abi", offset);
	if (offset == rke_offset_of_nothing() && rke_offset_of_count() == 0)
		offset = 0;
#elif defined(RKE_TLS_OFFSETS)
	offset = rke_offset_of(&rke_symbol_area);
	if (rke_is_undefined(offset))
		offset = 0;
#endif
	return offset;
}

struct rke_beginning {
	ptrdiff_t offset; /* of an area from the thread pointer */
	int is_unregistered, maybe;
};

/* What cpu_id is where an area begins in the file. What isn't there is zeros. */
RKE_FUNCTION int32_t rke_beginning_at(const struct rke_module *module, const ElfW(Phdr) *tls, uintptr_t at)
{
	int32_t cpu_id = 0;

	at += offsetof(struct rke_area, cpu_id);
	if (at + sizeof(cpu_id) <= tls->p_filesz)
		memcpy(&cpu_id, (const char *)(module->address + tls->p_vaddr) + at, sizeof(cpu_id));
	return cpu_id;
}

/*
 * If the area is in this module's TLS: what it begins as. Where a late module's TLS is the dynamic linker doesn't tell: it may
 * be the one, if an area begins anywhere in it.
 */
RKE_FUNCTION int rke_look_at_beginning(struct rke_module *module, size_t size, void *result)
{
	struct rke_beginning *beginning = (struct rke_beginning *)result;
	uintptr_t at = (uintptr_t)rke_thread_pointer() + (uintptr_t)beginning->offset - (uintptr_t)module->tls;
	const ElfW(Phdr) *tls = NULL;
	int i;

	(void)size;
	for (i = 0; i < module->count; i++)
		if (module->segments[i].p_type == PT_TLS)
			tls = &module->segments[i];
	if (tls == NULL)
		return 0;
	if (module->tls != NULL) {
		beginning->is_unregistered = at < tls->p_memsz && rke_beginning_at(module, tls, at) < 0;
		return at < tls->p_memsz;
	}
	for (at = -tls->p_vaddr % RKE_AREA_LENGTH; at < tls->p_filesz; at += RKE_AREA_LENGTH)
		beginning->maybe |= rke_beginning_at(module, tls, at) < 0;
	return 0;
}

/* Does the area read -1 in a thread that nobody has registered? One of zeros would say that such a thread is on CPU 0. */
RKE_FUNCTION int rke_begins_unregistered(ptrdiff_t offset)
{
	struct rke_beginning beginning;

	memset(&beginning, 0, sizeof(beginning));
	beginning.offset = offset;
	return rke_libc_iterate(rke_look_at_beginning, &beginning) != 0 ? beginning.is_unregistered : beginning.maybe;
}

/*
 * Is __rseq_abi defined where this module can see it, and usable? Initial-exec, so it is at one offset in every
 * thread. By the protocol it reads -1 at first, in every thread; it is registered only if the kernel says so.
 */
RKE_FUNCTION int rke_early_area(ptrdiff_t *offset)
{
	volatile struct rke_area *area;

	*offset = rke_offset_of_area();
	if (*offset == 0)
		return 0;
	area = rke_area_at(*offset);
	if ((uintptr_t)area % RKE_AREA_LENGTH != 0 || !rke_kernel_can_read((uintptr_t)area) || !rke_begins_unregistered(*offset))
		return 0;
	return !rke_is_registered(area) || rke_kernel_registered_at(area, RKE_AREA_LENGTH);
}

/* The calling thread's __rseq_refcount, or NULL where there is none. */
RKE_FUNCTION volatile uint32_t *rke_early_users(void)
{
	ptrdiff_t offset = rke_offset_of_count();

	return offset == 0 ? NULL : (volatile uint32_t *)(void *)(rke_thread_pointer() + offset);
}

/* Is librseq loaded, where this module can see it? Before its own constructor, -1, where its area is isn't known: 0. */
RKE_FUNCTION int rke_librseq_area(ptrdiff_t *offset)
{
	const volatile ptrdiff_t *where;
	const volatile unsigned int *size;

	RKE_ADDRESS_OF(rseq_offset, where);
	RKE_ADDRESS_OF(rseq_size, size);
	*offset = 0;
	if (where == NULL || size == NULL)
		return 0;
	if (*size != (unsigned int)-1)
		*offset = *where;
	return 1;
}

/*
 * Does the libc have an area, and does it register it? __rseq_size is used for zero or not: its meaning changed.
 * RKE_NO_LIBC_AREA, for tests, makes it a libc without one.
 */
RKE_FUNCTION int rke_libc_area(ptrdiff_t *offset, int *registers)
{
	const ptrdiff_t *where;
	const unsigned int *size;

	*offset = 0;
	*registers = 0;
#ifdef RKE_NO_LIBC_AREA
	where = NULL;
	size = NULL;
#elif defined(RKE_LIBC_HAS_SYMBOLS)
	where = &__rseq_offset;
	size = &__rseq_size;
#else
	RKE_ADDRESS_OF(__rseq_offset, where);
	RKE_ADDRESS_OF(__rseq_size, size);
#endif
	if (where != NULL && size != NULL) {
		*offset = *where;
		*registers = *size != 0;
	}
	return *offset != 0;
}

/* An area that the libc leaves alone reads -2 or -1, or is registered by now, as far as a filter lets us ask. */
RKE_FUNCTION int rke_is_spare(volatile struct rke_area *area)
{
	int32_t cpu = (int32_t)area->cpu_id;

	return cpu == -1 || cpu == RKE_CPU_ID_REGISTRATION_FAILED || cpu == RKE_CPU_ID_BRACKET ||
	       (cpu >= 0 && (rke_kernel_registered_at(area, RKE_AREA_LENGTH) || rke_kernel_has_registration() < 0));
}

/* What copies of librseqkit have agreed on. The page is complete before it is visible, and never changes. */
RKE_FUNCTION int rke_look_for_meeting(struct rke_meeting *meeting)
{
	uintptr_t address = RKE_MEETING_ADDRESS;

	__asm__("" : "+r"(address)); /* compilers warn of constants as addresses */
	if (!rke_kernel_can_read(address))
		return 0;
	memcpy(meeting, (const void *)address, sizeof(*meeting));
	return memcmp(meeting->magic, "rseqkit", 8) == 0 && meeting->version >= 1 &&
	       meeting->size >= sizeof(*meeting) && meeting->signature == RKE_SIGNATURE &&
	       (meeting->kind == RKE_MEETING_BLOCK || meeting->kind == RKE_MEETING_EARLY);
}

RKE_FUNCTION intptr_t rke_decide(void)
{
	struct rke_meeting meeting;
	ptrdiff_t libc, early, librseq;
	int registers, has_area = rke_libc_area(&libc, &registers), meets;

	if (RKE_SIGNATURE == 0)
		return RKE_NOWHERE;
	/* Where the libc has no such names, librseqkit-preload.so offers the area under them that was agreed on. */
	meets = rke_look_for_meeting(&meeting);
	if (has_area && registers && !(meets && meeting.offset == libc))
		return libc * 8 + RKE_LIBC;
	if (meets)
		return (ptrdiff_t)(int32_t)meeting.offset * 8 + (meeting.kind == RKE_MEETING_EARLY ? RKE_EARLY : RKE_RSEQKIT);
	if (rke_early_area(&early))
		return early * 8 + RKE_EARLY;
	if (rke_librseq_area(&librseq))
		return librseq != 0 ? librseq * 8 + RKE_LIBRSEQ : (intptr_t)RKE_NOWHERE;
	return has_area && rke_is_spare(rke_area_at(libc)) ? libc * 8 + RKE_SPARE : (intptr_t)RKE_NOWHERE;
}

/* The process's word, of which each source file has one. */
RKE_FUNCTION struct rke_process *rke_facts(void)
{
	static struct rke_process process;

	return &process;
}

/* Where the area is. Decided once, but that nowhere may be looked at again. Lock-free: one word, the first one wins. */
RKE_FUNCTION enum rke_place rke_find(ptrdiff_t *offset, int look_again)
{
	intptr_t *word = &rke_facts()->where;
	intptr_t where = __atomic_load_n(word, __ATOMIC_RELAXED), found;

	if (where == RKE_UNDECIDED || (look_again && where == RKE_NOWHERE)) {
		found = rke_decide();
		if (__atomic_compare_exchange_n(word, &where, found, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			where = found;
	}
	*offset = (where - (where & 7)) / 8;
	return (enum rke_place)(where & 7);
}

/* The count of the area at this place, or NULL: then nobody ever unregisters it. */
RKE_FUNCTION volatile uint32_t *rke_users(enum rke_place place, ptrdiff_t offset)
{
	/* A copy of librseqkit may have seen another __rseq_abi than this module does. */
	return place == RKE_EARLY && offset == rke_offset_of_area() ? rke_early_users() : NULL;
}

/*
 * Asks the kernel to register the calling thread. EBUSY means that it is, at this place with our signature: someone
 * was faster. What else is registered is a fact of the process: its owner expects every thread.
 */
RKE_FUNCTION int rke_attach(volatile struct rke_area *area, uint32_t length)
{
	struct rke_process *process = rke_facts();
	int r = rke_rseq(area, length, 0, RKE_SIGNATURE);

	if ((r == 0 || r == -EBUSY) && (int32_t)area->cpu_id < 0)
		return -EPERM; /* as above */
	if (r == 0 || r == -EBUSY) {
		__atomic_store_n(&process->signature_known, 1, __ATOMIC_RELAXED);
		return 0;
	}
	if ((r == -EINVAL || r == -EPERM) && rke_kernel_has_registration() == 1) {
		r = r == -EINVAL ? -EBUSY : -EACCES;
		__atomic_store_n(&process->error, r, __ATOMIC_RELAXED);
	}
	return r;
}

/*
 * Is the thread between rk_vfork_begin() and rk_vfork_end() of a librseqkit? In an adopter's area the same value says
 * that the adopter's own attempt failed, and then the kernel tells us why, too.
 */
RKE_FUNCTION int rke_is_bracketed(enum rke_place place, volatile struct rke_area *area)
{
	int32_t cpu = (int32_t)area->cpu_id;

	return cpu == RKE_CPU_ID_BRACKET || (place == RKE_EARLY && cpu == RKE_CPU_ID_REGISTRATION_FAILED &&
					     rke_kernel_has_registration() == 0);
}

/* The length to register with. The libc's own length is known to it alone: either of two. */
RKE_FUNCTION uint32_t rke_length(enum rke_place place, volatile struct rke_area *area)
{
	struct rke_meeting meeting;
	uint32_t feature_size = (uint32_t)rke_auxiliary(RKE_AT_FEATURE_SIZE);

	if (place == RKE_RSEQKIT && rke_look_for_meeting(&meeting))
		return meeting.length;
	if (place == RKE_LIBC && feature_size > RKE_AREA_LENGTH && rke_kernel_registered_at(area, feature_size))
		return feature_size;
	return RKE_AREA_LENGTH;
}

/*
 * Blocks signals, for what handlers of this thread mustn't split; but for those that an instruction causes, which end the
 * process where they are blocked: SIGSYS is how some filters answer. Raw, because the libc's leaves two of its own
 * unblocked, and because it isn't declared in strict C99. Returns 0 or a negative errno.
 */
RKE_FUNCTION int rke_block_signals(unsigned char saved[RKE_SIGSET_SIZE])
{
	unsigned long blocked[RKE_SIGSET_SIZE / sizeof(long)];

	memset(blocked, 0xff, sizeof(blocked));
	blocked[0] &= ~RKE_SYNCHRONOUS_SIGNALS;
	return (int)rke_syscall(SYS_rt_sigprocmask, RKE_SIG_BLOCK, (intptr_t)blocked, (intptr_t)saved,
				RKE_SIGSET_SIZE);
}

RKE_FUNCTION void rke_restore_signals(const unsigned char saved[RKE_SIGSET_SIZE])
{
	(void)rke_syscall(SYS_rt_sigprocmask, RKE_SIG_SETMASK, (intptr_t)saved, 0, RKE_SIGSET_SIZE);
}

/*
 * Makes the calling thread registered and, where there is a count, the caller one user more of it. To be called once
 * by each thread that wants rseq, and each time after an unregister; the answer is worth keeping where it is an error.
 *
 * Returns 0, or a negative errno, and then nothing has changed:
 *   -ENOTSUP    there is no area to share in this process, or none that could be unregistered in time (see above), or
 *               librseq hasn't registered this thread; looked for again each time
 *   -ENOSYS     no such system call: old kernel, emulator, seccomp
 *   -EPERM      the system call is refused: seccomp
 *   -EBUSY      this or another thread was registered on somebody's private area; stays so
 *   -EACCES     the area was registered with another signature, so an abort would be fatal; stays so
 *   -EAGAIN     a vfork child, which runs on its parent's area, or between rk_vfork_begin() and rk_vfork_end()
 *   -ESRCH      the libc registers threads, and this one isn't
 *   -EINVAL     the kernel doesn't accept the area
 *   -EOVERFLOW  2^32 - 1 users
 *   or what rt_sigprocmask or get_robust_list say, if a filter refuses them
 * Context: any thread; signal handler; after fork (the child goes on with what its parent had); a vfork child is
 * refused, unless there is no count and the parent is registered: then it answers for the parent.
 * Cost: a few ns in a thread that is registered, where there is no count; else two to five system calls, about 1 us.
 */
RKE_FUNCTION int rke_thread_register(void)
{
	struct rke_process *process = rke_facts();
	unsigned char saved[RKE_SIGSET_SIZE];
	ptrdiff_t offset;
	enum rke_place place = rke_find(&offset, 1);
	volatile struct rke_area *area = rke_area_at(offset);
	volatile uint32_t *users = rke_users(place, offset);
	int r = __atomic_load_n(&process->error, __ATOMIC_RELAXED);

	if (place == RKE_NOWHERE || r < 0)
		return place == RKE_NOWHERE ? -ENOTSUP : r;
	if (users == NULL && rke_is_registered(area) && __atomic_load_n(&process->signature_known, __ATOMIC_RELAXED))
		return 0;
	r = rke_kernel_is_vfork_child();
	if (r != 0)
		return r < 0 ? r : -EAGAIN;
	if (rke_is_bracketed(place, area))
		return -EAGAIN;
	if (place == RKE_LIBC && !rke_is_registered(area))
		return -ESRCH;
	if (place == RKE_LIBRSEQ)
		return rke_is_registered(area) ? 0 : -ENOTSUP;
#ifndef __GLIBC__
	if (users == NULL && !rke_is_registered(area))
		return -ENOTSUP;
#endif
	if (users == NULL)
		return rke_attach(area, rke_length(place, area));
	r = rke_block_signals(saved);
	if (r < 0)
		return r;
	r = -EOVERFLOW;
	if (*users != UINT32_MAX) {
		/* The count first: ThreadSanitizer runs handlers at atomic accesses, blocked or not. */
		*users = *users + 1;
		r = rke_attach(area, RKE_AREA_LENGTH);
		if (r < 0)
			*users = *users - 1;
	}
	rke_restore_signals(saved);
	return r;
}

/*
 * Takes back one successful rke_thread_register() of the calling thread. The last user of a count unregisters the
 * thread. Where there is no count the thread stays registered until it ends: others may be using it.
 *
 * Returns 0, or a negative errno, and then nothing has changed: -EINVAL where the count is 0; -EAGAIN in a vfork
 * child; or what rt_sigprocmask, get_robust_list or rseq say, if a filter refuses them.
 * Context: as rke_thread_register(). Cost: a few ns without a count; else three or four system calls.
 */
RKE_FUNCTION int rke_thread_unregister(void)
{
	unsigned char saved[RKE_SIGSET_SIZE];
	ptrdiff_t offset;
	enum rke_place place = rke_find(&offset, 0);
	volatile struct rke_area *area = rke_area_at(offset);
	volatile uint32_t *users = rke_users(place, offset);
	int r;

	if (users == NULL)
		return 0;
	r = rke_kernel_is_vfork_child();
	if (r != 0)
		return r < 0 ? r : -EAGAIN;
	r = rke_block_signals(saved);
	if (r < 0)
		return r;
	if (*users == 0)
		r = -EINVAL;
	else if (*users == 1 && rke_is_registered(area))
		r = rke_rseq(area, RKE_AREA_LENGTH, RKE_RSEQ_UNREGISTER, RKE_SIGNATURE);
	if (r == 0)
		*users = *users - 1;
	rke_restore_signals(saved);
	return r;
}

/*
 * The calling thread's area, or NULL if the thread isn't registered or its area isn't usable. Fields are read through
 * the volatile lvalue; only rseq_cs may be written to. Registers nothing.
 *
 * Context: any thread; signal handler; after fork; in a vfork child it is the parent's. Cost: a few ns; system calls
 * on the process's first use, and none later.
 */
RKE_FUNCTION volatile struct rke_area *rke_thread_area(void)
{
	ptrdiff_t offset;
	enum rke_place place = rke_find(&offset, 0);

	if (place == RKE_NOWHERE || __atomic_load_n(&rke_facts()->error, __ATOMIC_RELAXED) == -EACCES)
		return NULL;
	return rke_is_registered(rke_area_at(offset)) ? rke_area_at(offset) : NULL;
}

/*
 * The CPU the calling thread runs on; it may be another by the time the caller looks at it. From the area or, in a
 * thread that isn't registered, from the libc's sched_getcpu(); 0 should that fail. Registers nothing.
 *
 * Context: as rke_thread_area(). Cost: a nanosecond; about 80 ns without rseq where the libc has no vDSO to ask.
 */
RKE_FUNCTION int rke_cpu(void)
{
	volatile struct rke_area *area = rke_thread_area();
	int cpu = area != NULL ? (int)area->cpu_id : -1, saved = errno;

	if (cpu < 0) {
		cpu = rke_libc_getcpu();
		errno = saved;
	}
	return cpu < 0 ? 0 : cpu;
}

/* Who owns the calling thread's registration, as far as known. Context and cost: as rke_thread_area(). */
RKE_FUNCTION enum rke_owner rke_thread_owner(void)
{
	ptrdiff_t offset;
	enum rke_place place = rke_find(&offset, 0);

	if (rke_thread_area() == NULL)
		return __atomic_load_n(&rke_facts()->error, __ATOMIC_RELAXED) < 0 ? RKE_OWNER_FOREIGN : RKE_OWNER_NONE;
	return place == RKE_LIBC    ? RKE_OWNER_LIBC :
	       place == RKE_EARLY   ? RKE_OWNER_EARLY :
	       place == RKE_LIBRSEQ ? RKE_OWNER_LIBRSEQ :
				      RKE_OWNER_SELF;
}

#ifdef __cplusplus
#ifdef __clang__
#pragma clang diagnostic pop
#endif
}
#endif

#endif /* RSEQKIT_EMBED_H */
