/* SPDX-License-Identifier: MIT */
/*
 * embed.h - one header that a library copies into its own tree, to share each thread's rseq area with the rest of the process.
 * The header needs no linking and no other header of rseqkit. It is for C99 and C++11, gcc and clang, on Linux.
 *
 * A thread can register only once. This header finds the area that other components use, and makes no area of its own, so the
 * header never keeps another component from using rseq. The library librseqkit looks in the same places, in the same order. The
 * header and the library therefore find the same area, whichever of them looks first. There is one exception: symbols that are
 * hidden in this module are seen by this header only. Then one of the two can be without rseq:
 *
 *   1. if the C library registers threads (glibc 2.35 and later): the C library's area
 *   2. if copies of librseqkit have agreed on an area, on the rendezvous page (RK_RENDEZVOUS_ADDRESS in
 *      rseqkit/detail/agreement.h): that area. If they leave registration to another component, this header registers no
 *      thread either, and uses the following areas in threads that are registered already
 *   3. if __rseq_abi is defined in the process: that area, with the count __rseq_refcount if there is one. By the public TLS
 *      protocol, the component that changes the count from 0 to 1 registers the thread. The component that changes it from 1 to
 *      0 unregisters the thread. This header never defines these symbols. The archive librseqkit-early.a defines them, for
 *      programs that want to follow the protocol
 *   4. if librseq is loaded: its area, in threads that librseq registered. This header registers no thread in this case,
 *      because otherwise librseq would end the process
 *   5. if the C library has an area, but doesn't register threads (glibc.pthread.rseq=0): that area, in threads that another
 *      component registered there, such as librseqkit. This header registers no thread in this case. A component that registers
 *      threads itself can be hidden, and would end the process. librseqkit searches for such components, this header doesn't
 *   6. otherwise there is no area to share, and every register call returns -ENOTSUP
 *
 * The invariant: threads are registered only at one offset from the thread pointer, the same in all threads. Every thread has
 * memory at that offset. Until a thread is registered at that offset, the cpu_id in its memory is negative.
 *
 * Include this header in source files, but not in public headers, and not in a file that defines __rseq_abi. Each source file
 * that includes this header finds the area for itself.
 *
 * A C library other than glibc can reuse a thread's memory while the thread still runs its last instructions. With such a C
 * library, this header registers a thread only if there is a count, and you must unregister the thread before it ends. With
 * such a C library, code that is compiled for shared libraries also doesn't see the symbols of the public TLS protocol.
 *
 * The comment of each function names contexts, for example "signal handler". The header rseqkit/api.h defines these names.
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

/* NULL, without a warning of compilers that want the keyword of C++. */
#ifdef __cplusplus
#define RKE_NULL nullptr
#else
#define RKE_NULL NULL
#endif

/* The word before every abort handler, which equals the registered signature. 0: not known for this architecture. */
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
 * These macros choose how code refers to __rseq_abi and __rseq_refcount, the symbols of the public TLS protocol. Code for
 * shared libraries uses a TLS descriptor. If the symbol is in static TLS, the dynamic linker makes the descriptor a constant
 * offset. If the symbol isn't in static TLS, the dynamic linker still loads the shared library. If the code loaded the offset
 * directly (initial-exec), the dynamic linker would refuse the shared library.
 *
 * GNU ld for arm64 crashes if it statically links code that has descriptors of undefined symbols, so on arm64, define
 * RKE_TLS_DESCRIPTORS for shared objects only. The dynamic linker of musl crashes on a weak reference to a TLS symbol that
 * isn't defined. In executables that GNU ld links, musl's dynamic linker sees no such reference. lld keeps the references in
 * executables, too. With musl and lld, compile the file that includes this header with -fPIC, or link by another linker.
 */
#if defined(__GLIBC__) && defined(__PIC__) && !defined(__PIE__) && defined(__x86_64__) && __SIZEOF_POINTER__ == 8 && \
	!defined(RKE_TLS_DESCRIPTORS)
#define RKE_TLS_DESCRIPTORS 1
#endif
#if !defined(RKE_TLS_DESCRIPTORS) && (defined(__GLIBC__) || !defined(__PIC__) || defined(__PIE__))
#define RKE_TLS_OFFSETS 1
#endif

#define RKE_FUNCTION static inline __attribute__((__unused__))

/*
 * struct rseq of the kernel. All fields except rseq_cs belong to the kernel: a store to such a field can kill the process.
 * These fields are therefore const. They are also volatile, because the kernel changes them.
 */
struct rke_area {
	const volatile uint32_t cpu_id_start; /* a possible CPU number, or data of the component that defines __rseq_abi */
	const volatile uint32_t cpu_id;       /* the current CPU; negative as int32_t when unregistered */
	uint64_t rseq_cs;                     /* the active section's descriptor */
	const volatile uint32_t flags;
	const volatile uint32_t node_id; /* valid from feature size 24 on */
	const volatile uint32_t mm_cid;  /* valid from feature size 28 on */
	uint32_t reserved;
} __attribute__((__aligned__(32)));

/*
 * The rendezvous page, on which copies of librseqkit in a process agree on an area. The members are the first ones of struct
 * rk_rendezvous in rseqkit/detail/agreement.h.
 */
struct rke_meeting {
	char magic[8];
	uint32_t version;
	uint32_t size;
	uint32_t kind;  /* RKE_MEETING_BLOCK: the area is in a copy's thread block; RKE_MEETING_EARLY: it is __rseq_abi */
	uint32_t state; /* this header doesn't use it */
	int64_t offset;
	uint32_t length;
	uint32_t signature;
	uint32_t unused[3];
	uint32_t passive; /* 1: librseqkit leaves registration to another component */
};

/*
 * The cpu_id of a thread in a bracket, between rk_vfork_begin() and rk_vfork_end() of librseqkit. In __rseq_abi,
 * RKE_CPU_ID_REGISTRATION_FAILED marks a bracket instead.
 */
#define RKE_CPU_ID_BRACKET (-3)
#define RKE_CPU_ID_REGISTRATION_FAILED (-2)

#define RKE_MEETING_ADDRESS 0x1e0000UL
#define RKE_MEETING_BLOCK 1
#define RKE_MEETING_EARLY 2

/*
 * The component that registered the calling thread. Only this component is allowed to undo the registration. The numbers are
 * those of enum rk_owner in rseqkit/thread.h.
 */
enum rke_owner {
	RKE_OWNER_NONE = 0,   /* no component */
	RKE_OWNER_LIBC = 1,   /* the C library */
	RKE_OWNER_SELF = 2,   /* librseqkit, in the libc's unused area or its own; or this header in librseqkit's area */
	RKE_OWNER_EARLY = 3,  /* the first user by the public TLS protocol, in __rseq_abi */
	RKE_OWNER_FOREIGN = 4, /* a component with a private area or another signature; other components can't use the area */
	RKE_OWNER_LIBRSEQ = 5  /* librseq, in threads that asked librseq to register them */
};

/* Where the area is. */
enum rke_place {
	RKE_UNDECIDED = 0,
	RKE_LIBC = 1,    /* the libc's area, which the libc registers */
	RKE_EARLY = 2,   /* __rseq_abi */
	RKE_SPARE = 3,   /* the libc's area, which the libc doesn't register, but another component */
	RKE_RSEQKIT = 4, /* librseqkit's thread block */
	RKE_NOWHERE = 5,
	RKE_LIBRSEQ = 6  /* librseq's area, which only librseq registers */
};

/* Facts of the process, as this source file found them. */
struct rke_process {
	intptr_t where;      /* offset * 8 + enum rke_place, so that both change at once */
	int error;           /* negative: a foreign owner or signature was found, and no further thread is registered */
	int signature_known; /* 1: a thread is known to be registered in this area with our signature */
	ptrdiff_t count;     /* offset of __rseq_refcount; RKE_NO_COUNT: there is none; 0: not known yet */
};

#define RKE_NO_COUNT 1

/* struct dl_phdr_info of <link.h>, which strict C99 hides. */
struct rke_module {
	ElfW(Addr) address;
	const char *name;
	const ElfW(Phdr) *segments;
	ElfW(Half) count;
	unsigned long long added, removed;
	size_t tls_number;
	char *tls; /* the module's TLS of the calling thread */
};

/* The code below has casts as in C. g++ doesn't warn about them inside extern "C". For clang the pragma turns the warning off. */
#ifdef __cplusplus
extern "C" {
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wold-style-cast"
#endif
#endif

/*
 * These are declarations of symbols under other names, so that they don't clash with other declarations of the same symbols.
 * The libc's functions are declared here because strict C99 doesn't declare them.
 */
extern long rke_libc_syscall(long number, ...) __asm__("syscall");
extern int rke_libc_getcpu(void) __asm__("sched_getcpu");
#ifndef __GLIBC__
extern int rke_libc_gettid(void) __asm__("gettid") __attribute__((__weak__));
#endif
#ifndef RKE_ITERATE /* librseqkit has a function of its own here */
extern int rke_libc_iterate(int (*look)(struct rke_module *, size_t, void *), void *result) __asm__("dl_iterate_phdr");
#define RKE_ITERATE rke_libc_iterate
#endif
#ifdef RKE_TLS_OFFSETS
extern __thread struct rke_area rke_symbol_area __asm__("__rseq_abi")
	__attribute__((__weak__, __tls_model__("initial-exec")));
extern __thread uint32_t rke_symbol_count __asm__("__rseq_refcount")
	__attribute__((__weak__, __tls_model__("initial-exec")));
#endif

/*
 * RKE_ADDRESS_OF stores in `address` the address of another module's data with the name `symbol`, or NULL if there is no such
 * symbol. The address comes from the global offset table, which the dynamic linker fills in. The macro doesn't use a weak
 * reference in C. In programs that aren't position independent, and with link-time optimisation, a weak reference in C would
 * be null although the symbol is defined. If the program itself contains a weak reference in C to the symbol, the macro's
 * reference is null, too. The macro's reference has its own name, for the reason that the comment of RKE_WEAK gives.
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
#if defined(RKE_LIBC_HAS_SYMBOLS) && !defined(__PIC__)
#define RKE_LIBC_REFERENCE /* a weak reference would be null in a program that isn't position independent */
#else
#define RKE_LIBC_REFERENCE __attribute__((__weak__))
#endif
extern const ptrdiff_t rke_at___rseq_offset __asm__("__rseq_offset") RKE_LIBC_REFERENCE;
extern const unsigned int rke_at___rseq_size __asm__("__rseq_size") RKE_LIBC_REFERENCE;
#define RKE_ADDRESS_OF(symbol, address) __asm__("" : "=r"(address) : "0"(&rke_at_##symbol))
#endif

/* Makes a system call. Returns the result or a negative errno, and doesn't change errno. Context: any. */
RKE_FUNCTION long rke_syscall(long number, long a, long b, long c, long d)
{
	int saved = errno;
	long r = rke_libc_syscall(number, a, b, c, d);

	if (r < 0)
		r = -(long)errno;
	errno = saved;
	return r;
}

/*
 * The code of this function has the complement of the system call's number, so librseqkit doesn't take the caller for a
 * component that registers threads by rules of its own.
 */
RKE_FUNCTION int rke_rseq(volatile void *area, uint32_t length, int flags, uint32_t signature)
{
	long complement = ~(long)SYS_rseq;

	__asm__("" : "+r"(complement));
	return (int)rke_syscall(~complement, (intptr_t)area, (long)length, flags, (long)signature);
}

/*
 * Returns an entry of the auxiliary vector, or 0 if there is none. If there is no such entry, getauxval() changes errno, so
 * this function restores errno.
 */
RKE_FUNCTION unsigned long rke_auxiliary(unsigned long type)
{
	int saved = errno;
	unsigned long value = getauxval(type);

	errno = saved;
	return value;
}

/*
 * Returns whether the calling thread is registered, at any address: 1, 0, or a negative errno if the kernel doesn't say. The
 * function tries to register an address that is never user memory. The kernel first checks whether the thread is registered,
 * and then checks the address. In a 32-bit process on a 64-bit kernel there is no such address. In 32-bit processes the
 * function passes NULL, which old kernels accept without any effect on the thread.
 */
RKE_FUNCTION int rke_kernel_has_registration(void)
{
	int r = rke_rseq((volatile void *)(intptr_t)(sizeof(void *) == 8 ? -4096 : 0), RKE_AREA_LENGTH, 0, RKE_SIGNATURE);

	/* No kernel accepts such an address. If the result is 0, a filter answered without making the call. */
	return r == -EINVAL ? 1 : r == -EFAULT ? 0 : r == 0 && sizeof(void *) == 8 ? -EPERM : r;
}

/*
 * Returns whether the calling thread is registered at this address, with this length. The function tries to unregister with a
 * wrong signature, which never succeeds. If a filter answers EPERM to every call, the function returns 0.
 */
RKE_FUNCTION int rke_kernel_registered_at(volatile struct rke_area *area, uint32_t length)
{
	return rke_rseq(area, length, RKE_RSEQ_UNREGISTER, ~RKE_SIGNATURE) == -EPERM &&
	       rke_kernel_has_registration() == 1;
}

/*
 * Returns whether this memory can be read. The second call passes the address as a new signal mask, with an invalid operation.
 * The kernel reads the mask before it checks the operation, so the call has no effect. The first call shows that no filter
 * answers EINVAL.
 */
RKE_FUNCTION int rke_kernel_can_read(uintptr_t address)
{
	return rke_syscall(SYS_rt_sigprocmask, 0, 0, 0, RKE_SIGSET_SIZE) == 0 &&
	       rke_syscall(SYS_rt_sigprocmask, -1, (long)address, 0, RKE_SIGSET_SIZE) == -EINVAL;
}

/*
 * Returns whether the calling thread runs on another thread's TLS, as a vfork child does: 1, 0, or a negative errno if the
 * kernel doesn't say. glibc sets a robust list for each thread, and in the kernel a vfork child has no robust list. musl keeps
 * the thread's number in TLS, and musl's gettid() returns the number from TLS, so in a vfork child, musl's gettid() returns the
 * parent's number. With any other libc, the function returns 0 if gettid() doesn't exist or makes the system call.
 */
RKE_FUNCTION int rke_kernel_is_vfork_child(void)
{
#ifdef __GLIBC__
	void *head = RKE_NULL;
	size_t length = 0;
	int r = (int)rke_syscall(SYS_get_robust_list, 0, (intptr_t)&head, (intptr_t)&length, 0);

	return r < 0 ? r : head == RKE_NULL;
#else
	int (*get)(void) = rke_libc_gettid, kept = 0, differs = 0;

	__asm__("" : "+r"(get)); /* the compiler must expect NULL */
	/*
	 * If a signal handler forks between the two calls of get(), the child continues here with the parent's number in `kept`.
	 * In this child the second call returns another number, and the loop compares again.
	 */
	do {
		kept = get != RKE_NULL ? get() : 0;
		differs = get != RKE_NULL && rke_syscall(SYS_gettid, 0, 0, 0, 0) != kept;
	} while (get != RKE_NULL && kept != get());
	return differs;
#endif
}

/*
 * Returns the thread pointer, which offsets are relative to. Each call reads it again, because a fiber may continue in another
 * thread.
 */
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
#elif defined(__powerpc__)
	char *pointer;

#if __SIZEOF_POINTER__ == 8
	__asm__ __volatile__("mr %0, 13" : "=r"(pointer));
#else
	__asm__ __volatile__("mr %0, 2" : "=r"(pointer));
#endif
	return pointer;
#else
	return (char *)__builtin_thread_pointer();
#endif
}

/* Returns the calling thread's area, if the area's distance from the thread pointer is `offset`. */
RKE_FUNCTION volatile struct rke_area *rke_area_at(ptrdiff_t offset)
{
	return (volatile struct rke_area *)(void *)(rke_thread_pointer() + offset);
}

RKE_FUNCTION int rke_is_registered(volatile struct rke_area *area)
{
	return (int32_t)area->cpu_id >= 0;
}

/*
 * Returns the distance of an object from the thread pointer. The compiler assumes that an object's address isn't NULL, so an
 * asm statement hides the address from the compiler.
 */
RKE_FUNCTION ptrdiff_t rke_offset_of(volatile void *object)
{
	__asm__("" : "+r"(object));
	return (char *)(uintptr_t)object - rke_thread_pointer();
}

/*
 * Returns the offset that address 0 would have, if it were in an executable's TLS. The TLS ends at the thread pointer, or begins
 * at a place after or before it (glibc's TLS_TCB_SIZE and TLS_TP_OFFSET). Source: glibc's sysdeps/ARCHITECTURE/dl-tls.h.
 */
RKE_FUNCTION ptrdiff_t rke_offset_of_zero(const ElfW(Phdr) *tls)
{
	uintptr_t mask = tls->p_align > 0 ? tls->p_align - 1 : 0;
#if defined(__x86_64__) || defined(__i386__) || defined(__s390x__)
	uintptr_t first = -((tls->p_memsz + mask) & ~mask);
#elif defined(__aarch64__) || defined(__arm__)
	uintptr_t first = (2 * sizeof(void *) + mask) & ~mask;
#elif defined(__powerpc__) || defined(__mips__)
	uintptr_t first = -(uintptr_t)0x7000;
#else
	uintptr_t first = 0;
#endif

	(void)mask;
	return (ptrdiff_t)(first - tls->p_vaddr);
}

/*
 * Returns whether this is the offset that a reference to an undefined TLS symbol gets. The dynamic linker makes such a
 * reference the thread pointer, which is offset 0. In executables, lld does the same. In executables, GNU ld treats the
 * symbol's value as 0, on MIPS as -1, and computes the offset of that address. An instruction of x86-64 has only the low 32
 * bits of the offset. If the executable is above 2 GiB, these bits are another number.
 *
 * On machines where TLS begins at the thread pointer, a symbol that is defined can be at offset 0, too. This function can't
 * tell the difference, so such a symbol isn't used.
 */
RKE_FUNCTION int rke_is_undefined(ptrdiff_t offset)
{
	unsigned long i, count = rke_auxiliary(AT_PHNUM), headers = rke_auxiliary(AT_PHDR);
	const ElfW(Phdr) *header = (const ElfW(Phdr) *)headers;

	for (i = 0; header != RKE_NULL && i < count; i++) {
		if (header[i].p_type == PT_TLS) {
			ptrdiff_t of_zero = rke_offset_of_zero(&header[i]);

			if (offset == of_zero || offset == of_zero - 1 || offset == (int32_t)of_zero)
				return 1;
		}
	}
	return offset == 0;
}

#ifdef RKE_TLS_DESCRIPTORS
/*
 * Returns the offset of a TLS symbol, or 0 if the symbol can't be used. The parameter `word` is the result of the reference to
 * the symbol. In an executable the linker has replaced the reference, and `word` is the offset itself. In a shared library
 * `word` is the address of the descriptor, which has two words. If the symbol is in static TLS, the second word is the offset.
 * If there is no such symbol, the second word is 0. Otherwise the second word is an address that belongs to the dynamic linker.
 * Offsets are negative on x86-64 and small on arm64. Addresses are never negative or small. The function doesn't call the
 * descriptor's function, because that function can allocate memory.
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
 * The reference has its own name. If the assembly made the symbol itself weak, the symbol would also be weak in a unit that
 * defines the symbol, and clang's assembler refuses such a definition. With link-time optimisation the whole program is one
 * unit. Because the reference has its own name, clang's assembler doesn't see before LLVM 21 that the symbol is in TLS. For
 * this assembler, a `.type` directive declares the symbol as TLS. With the directive, GNU as and newer assemblers of clang
 * would make the reference strong.
 */
#define RKE_REFERENCE ".Lrke_reference_%="
#if defined(__clang__) && __clang_major__ < 21
#define RKE_TYPE(symbol) ".ifndef .gasversion.\n\t.type " symbol ", @tls_object\n\t.endif\n\t"
#else
#define RKE_TYPE(symbol)
#endif
#define RKE_WEAK(symbol) ".weakref " RKE_REFERENCE ", " symbol "\n\t" RKE_TYPE(symbol)
#ifdef __x86_64__
/*
 * The bytes 0x66, 0x90 do nothing. In an executable, lld before release 14 replaces the descriptor by the offset. It expects a
 * call of the descriptor's function after this instruction. It writes these two bytes over whatever is there, and drops the next
 * relocation. R_X86_64_NONE is there for it to drop.
 */
#define RKE_OFFSET_OF(symbol, offset)                                                                                  \
	do {                                                                                                           \
		intptr_t word_;                                                                                        \
		__asm__(RKE_WEAK(symbol) "{leaq|lea rax,} " RKE_REFERENCE "@tlsdesc{(%%rip), %%rax|[rip]}\n"           \
					 ".Lrke_after_%=:\t.reloc .Lrke_after_%=, R_X86_64_NONE\n\t"                  \
					 ".byte 0x66, 0x90"                                                            \
			: "=a"(word_));                                                                                \
		(offset) = rke_offset_by_descriptor(word_, word_ <= 0 || rke_is_undefined(word_));                     \
	} while (0)
#else
/* If the linker replaces the load of the descriptor's function, x1 stays 0. */
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
 * Returns the offset that an undefined name gets. With most linkers this offset is 0. In a statically linked program, gold
 * makes it the offset of the beginning of the program's TLS, where a variable of the program can be stored.
 */
RKE_FUNCTION ptrdiff_t rke_offset_of_nothing(void)
{
	ptrdiff_t offset = 0;

#if defined(RKE_TLS_DESCRIPTORS)
	RKE_OFFSET_OF("__rseq_nothing", offset);
#endif
	return offset;
}

/* Returns the offset of __rseq_refcount from the thread pointer, or 0 if this module can't see that symbol in static TLS. */
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

/*
 * Returns the offset of __rseq_abi from the thread pointer, or 0 if this module can't see that symbol in static TLS. With gold,
 * an undefined name gets the offset of the beginning of TLS, so __rseq_abi at that offset is accepted only if __rseq_refcount
 * is also defined.
 */
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
	ptrdiff_t offset; /* of an area, from the thread pointer */
	int is_unregistered, maybe;
};

/*
 * Returns the cpu_id of an area that begins at the position `at` of the module's initial TLS. Bytes that aren't in the file are
 * zeros.
 */
RKE_FUNCTION int32_t rke_beginning_at(const struct rke_module *module, const ElfW(Phdr) *tls, uintptr_t at)
{
	int32_t cpu_id = 0;

	at += offsetof(struct rke_area, cpu_id);
	if (at + sizeof(cpu_id) <= tls->p_filesz)
		memcpy(&cpu_id, (const char *)(module->address + tls->p_vaddr) + at, sizeof(cpu_id));
	return cpu_id;
}

/*
 * If the area is in this module's TLS, checks whether the area's initial cpu_id is negative. For a module that dlopen() loaded,
 * the dynamic linker doesn't always report the address of the module's TLS. In such a module, the function searches the initial
 * content of the whole TLS for an area with a negative cpu_id. If the function finds one, it sets `maybe`, because this area
 * can be the area at `offset`.
 */
RKE_FUNCTION int rke_look_at_beginning(struct rke_module *module, size_t size, void *result)
{
	struct rke_beginning *beginning = (struct rke_beginning *)result;
	const char *pointer = rke_thread_pointer();
	uintptr_t at = (uintptr_t)pointer + (uintptr_t)beginning->offset - (uintptr_t)module->tls;
	const ElfW(Phdr) *tls = RKE_NULL;
	int i;

	(void)size;
	for (i = 0; i < module->count; i++)
		if (module->segments[i].p_type == PT_TLS)
			tls = &module->segments[i];
	if (tls == RKE_NULL)
		return 0;
	if (module->tls != RKE_NULL) {
		beginning->is_unregistered = at < tls->p_memsz && rke_beginning_at(module, tls, at) < 0;
		return at < tls->p_memsz;
	}
	for (at = -tls->p_vaddr % RKE_AREA_LENGTH; at < tls->p_filesz; at += RKE_AREA_LENGTH)
		beginning->maybe |= rke_beginning_at(module, tls, at) < 0;
	return 0;
}

/*
 * Returns whether cpu_id of the area at this offset is negative in a thread that isn't registered. An area of zeros would say
 * that such a thread is on CPU 0.
 */
RKE_FUNCTION int rke_begins_unregistered(ptrdiff_t offset)
{
	struct rke_beginning beginning;

	memset(&beginning, 0, sizeof(beginning));
	beginning.offset = offset;
	return RKE_ITERATE(rke_look_at_beginning, &beginning) != 0 ? beginning.is_unregistered : beginning.maybe;
}

/*
 * Returns whether this module can see a definition of __rseq_abi, and that area is usable. The symbol is in static TLS, so it
 * is at the same offset in every thread. By the protocol, the area's cpu_id is -1 in every thread until the thread is
 * registered. If cpu_id says that the calling thread is registered, the kernel must confirm it.
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

/* Returns the facts of the process. Each source file has facts of its own. */
RKE_FUNCTION struct rke_process *rke_facts(void)
{
	static struct rke_process process;

	return &process;
}

/*
 * Returns the calling thread's __rseq_refcount, or NULL if there is no such symbol. mold 3.0 doesn't relocate instructions that
 * refer to an undefined TLS symbol, so the offset can be any number. The function checks once whether memory is at that offset.
 */
RKE_FUNCTION volatile uint32_t *rke_early_users(void)
{
	ptrdiff_t *known = &rke_facts()->count, offset = __atomic_load_n(known, __ATOMIC_RELAXED);

	if (offset == 0) {
		offset = rke_offset_of_count();
		if (offset == 0 || offset % 4 != 0 || !rke_kernel_can_read((uintptr_t)(rke_thread_pointer() + offset)))
			offset = RKE_NO_COUNT;
		__atomic_store_n(known, offset, __ATOMIC_RELAXED);
	}
	return offset == RKE_NO_COUNT ? RKE_NULL : (volatile uint32_t *)(void *)(rke_thread_pointer() + offset);
}

/*
 * Returns whether librseq is loaded, and this module can see its symbols. If so, *offset becomes the distance of librseq's
 * area from the thread pointer. Until librseq's constructor has run, rseq_size is -1. In that case the distance isn't known,
 * and *offset becomes 0.
 */
RKE_FUNCTION int rke_librseq_area(ptrdiff_t *offset)
{
	const volatile ptrdiff_t *where;
	const volatile unsigned int *size;

	RKE_ADDRESS_OF(rseq_offset, where);
	RKE_ADDRESS_OF(rseq_size, size);
	*offset = 0;
	if (where == RKE_NULL || size == RKE_NULL)
		return 0;
	if (*size != (unsigned int)-1)
		*offset = *where;
	return 1;
}

/*
 * Returns whether the libc has an area. *registers says whether the libc registers threads in it. The function compares
 * __rseq_size only with zero, because the meaning of its value has changed. Tests define RKE_NO_LIBC_AREA, so that the
 * function acts as if the libc had no area.
 *
 * The symbols belong to the dynamic linker. With a strong reference this module would need the dynamic linker (DT_NEEDED). Then
 * the dynamic linker would come earlier in look-up order, and librseq, which uses dlsym(RTLD_NEXT), could miss the symbols.
 */
RKE_FUNCTION int rke_libc_area(ptrdiff_t *offset, int *registers)
{
	const ptrdiff_t *where;
	const unsigned int *size;

	*offset = 0;
	*registers = 0;
#ifdef RKE_NO_LIBC_AREA
	where = RKE_NULL;
	size = RKE_NULL;
#else
	RKE_ADDRESS_OF(__rseq_offset, where);
	RKE_ADDRESS_OF(__rseq_size, size);
#endif
	if (where != RKE_NULL && size != RKE_NULL) {
		*offset = *where;
		*registers = *size != 0;
	}
	return *offset != 0;
}

/*
 * Returns whether another component has registered the calling thread in this area of the libc, which the libc doesn't use. If a
 * filter keeps the kernel from answering, the area's cpu_id decides.
 */
RKE_FUNCTION int rke_is_shared(volatile struct rke_area *area)
{
	return rke_is_registered(area) && (rke_kernel_registered_at(area, RKE_AREA_LENGTH) || rke_kernel_has_registration() < 0);
}

/*
 * Reads the rendezvous page of librseqkit's copies. Returns 1 if there is such a page. The page is complete when it becomes
 * visible, and never changes.
 */
RKE_FUNCTION int rke_look_for_meeting(struct rke_meeting *meeting)
{
	uintptr_t address = RKE_MEETING_ADDRESS;

	__asm__("" : "+r"(address)); /* compilers warn about constants as addresses */
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
	/* If the libc lacks __rseq_offset and __rseq_size, librseqkit-preload.so exports them for the area that was agreed on. */
	meets = rke_look_for_meeting(&meeting);
	if (has_area && registers && !(meets && meeting.offset == libc))
		return libc * 8 + RKE_LIBC;
	/* If librseqkit leaves registration to another component, its area isn't used, but that component's may be. */
	if (meets && meeting.passive == 0)
		return (ptrdiff_t)(int32_t)meeting.offset * 8 + (meeting.kind == RKE_MEETING_EARLY ? RKE_EARLY : RKE_RSEQKIT);
	if (rke_early_area(&early))
		return early * 8 + RKE_EARLY;
	if (rke_librseq_area(&librseq))
		return librseq != 0 ? librseq * 8 + RKE_LIBRSEQ : (intptr_t)RKE_NOWHERE;
	return has_area && rke_is_shared(rke_area_at(libc)) ? libc * 8 + RKE_SPARE : (intptr_t)RKE_NOWHERE;
}

/* Returns whether librseqkit leaves the registration of threads to another component. */
RKE_FUNCTION int rke_is_left_to_others(void)
{
	struct rke_meeting meeting;

	return rke_look_for_meeting(&meeting) && meeting.passive != 0;
}

/*
 * Returns where the areas of this process are, and stores their distance from the thread pointer. This source file decides it
 * once, but a later decision can replace RKE_NOWHERE. The decision is one word, and the first decision that is stored counts. If
 * __rseq_abi is defined, the decision takes the dynamic linker's lock, see rke_thread_register().
 */
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

/*
 * Returns the calling thread's count of users for the area at this place, or NULL if there is no count. Without a count this
 * header never unregisters the thread.
 */
RKE_FUNCTION volatile uint32_t *rke_users(enum rke_place place, ptrdiff_t offset)
{
	/* A copy of librseqkit may have seen another __rseq_abi than this module sees. */
	return place == RKE_EARLY && offset == rke_offset_of_area() ? rke_early_users() : RKE_NULL;
}

/*
 * Asks the kernel to register the calling thread. EBUSY means that the thread is registered already, at this place and with
 * our signature. If the thread has any other registration, this is recorded for the whole process, because the owner of that
 * registration expects to register every thread.
 */
RKE_FUNCTION int rke_attach(volatile struct rke_area *area, uint32_t length)
{
	struct rke_process *process = rke_facts();
	int r = rke_rseq(area, length, 0, RKE_SIGNATURE);

	if ((r == 0 || r == -EBUSY) && (int32_t)area->cpu_id < 0)
		return -EPERM; /* a filter let the call succeed without making it */
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
 * Returns whether the thread is in a bracket: between rk_vfork_begin() and rk_vfork_end() of a librseqkit. In __rseq_abi,
 * RKE_CPU_ID_REGISTRATION_FAILED marks a bracket. But this value also says that another component's attempt to register
 * failed. In that second case rke_kernel_has_registration() doesn't return 0.
 */
RKE_FUNCTION int rke_is_bracketed(enum rke_place place, volatile struct rke_area *area)
{
	int32_t cpu = (int32_t)area->cpu_id;

	return cpu == RKE_CPU_ID_BRACKET || (place == RKE_EARLY && cpu == RKE_CPU_ID_REGISTRATION_FAILED &&
					     rke_kernel_has_registration() == 0);
}

/*
 * Returns the length with which to register the calling thread. If the libc has registered the thread, only the libc knows the
 * length. That length is one of two values, so the function tries the larger one.
 */
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
 * Blocks signals, so that no signal handler of this thread runs during the code that follows. Signals that an instruction
 * causes stay unblocked, because such a signal ends the process if it is blocked. SIGSYS is one of them: some filters answer
 * by SIGSYS. The system call is made directly for two reasons: the libc's function leaves two signals of the libc unblocked,
 * and strict C99 doesn't declare that function. Returns 0 or a negative errno.
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
 * Registers the calling thread. If there is a count, the function also adds one user to the count. Call the function once in
 * each thread that wants rseq, and again after each rke_thread_unregister(). If the function returns an error, store the
 * result, and don't call the function for each use.
 *
 * Returns 0, or one of the following negative errnos. After an error nothing has changed.
 *   -ENOTSUP    there is no area to share in this process; or the C library isn't glibc and there is no count (see above); or
 *               librseq registers threads, but not this one; or the C library has an area, but this thread is not registered
 *               there; or librseqkit leaves registration to another component, which hasn't registered this thread. Each call
 *               looks again
 *   -ENOSYS     no such system call: old kernel, emulator, seccomp
 *   -EPERM      the system call is refused: seccomp
 *   -EBUSY      this or another thread was registered in another component's private area; the error is permanent
 *   -EACCES     the area was registered with another signature, so an abort would be fatal; the error is permanent
 *   -EAGAIN     the caller is a vfork child, which runs on its parent's area; or the caller is between rk_vfork_begin() and
 *               rk_vfork_end()
 *   -ESRCH      the libc registers threads, but not this one
 *   -EINVAL     the kernel doesn't accept the area
 *   -EOVERFLOW  the count has 2^32 - 1 users already
 *   or the error of rt_sigprocmask or get_robust_list, if a filter refuses them
 * Context: any thread; signal handler; after fork (the child continues with its parent's registration and count). In a vfork
 * child the function returns -EAGAIN. The only exception has three conditions: there is no count, the parent is registered, and
 * an earlier call in the process has returned 0. In this case the function returns 0 and changes nothing.
 * Fork: if __rseq_abi is defined, the first call takes the dynamic linker's lock (dl_iterate_phdr()). Make this call before the
 * process forks. glibc's lock stays taken in a child, if another thread opened or closed a library during the fork. Then the
 * first call in that child waits forever.
 * Cost: a few ns if the thread is registered and there is no count. Otherwise up to five system calls, about 1 us.
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
	if (users == RKE_NULL && rke_is_registered(area) && __atomic_load_n(&process->signature_known, __ATOMIC_RELAXED))
		return 0;
	r = rke_kernel_is_vfork_child();
	if (r != 0)
		return r < 0 ? r : -EAGAIN;
	if (rke_is_bracketed(place, area))
		return -EAGAIN;
	if (place == RKE_LIBC && !rke_is_registered(area))
		return -ESRCH;
	if (place == RKE_SPARE && !rke_is_shared(area))
		return -ENOTSUP;
	if (place == RKE_LIBRSEQ && !rke_is_registered(area))
		return -ENOTSUP;
	/* The component for which librseqkit has stepped back may have another area, and would end the process. */
	if (place == RKE_EARLY && !rke_is_registered(area) && rke_is_left_to_others())
		return -ENOTSUP;
	if (place == RKE_LIBRSEQ)
		return 0;
#ifndef __GLIBC__
	if (users == RKE_NULL && !rke_is_registered(area))
		return -ENOTSUP;
#endif
	if (users == RKE_NULL)
		return rke_attach(area, rke_length(place, area));
	r = rke_block_signals(saved);
	if (r < 0)
		return r;
	r = -EOVERFLOW;
	if (*users != UINT32_MAX) {
		/*
		 * Change the count before rke_attach(). ThreadSanitizer runs signal handlers at atomic accesses, even if the
		 * signals are blocked. If such a handler ran inside rke_attach() and found the old count, it could unregister
		 * the thread.
		 */
		*users = *users + 1;
		r = rke_attach(area, RKE_AREA_LENGTH);
		if (r < 0)
			*users = *users - 1;
	}
	rke_restore_signals(saved);
	return r;
}

/*
 * Undoes one successful rke_thread_register() of the calling thread. If there is a count, the function subtracts one user, and
 * the last user unregisters the thread. If there is no count, the thread stays registered until it ends, because other
 * components can be using the area.
 *
 * Returns 0, or one of the following negative errnos. After an error nothing has changed.
 *   -EINVAL  the count is 0
 *   -EAGAIN  the caller is a vfork child
 *   or the error of rt_sigprocmask, get_robust_list or rseq, if a filter refuses them
 * Context: as rke_thread_register(). Cost: a few ns if there is no count; otherwise three or four system calls.
 */
RKE_FUNCTION int rke_thread_unregister(void)
{
	unsigned char saved[RKE_SIGSET_SIZE];
	ptrdiff_t offset;
	enum rke_place place = rke_find(&offset, 0);
	volatile struct rke_area *area = rke_area_at(offset);
	volatile uint32_t *users = rke_users(place, offset);
	int r;

	if (users == RKE_NULL)
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
 * Returns the calling thread's area, or NULL if the thread isn't registered or its area isn't usable. Read the fields through
 * the volatile pointer, and write only to rseq_cs. The function registers nothing.
 *
 * Context: any thread; signal handler; after fork; in a vfork child the area is the parent's. Cost: a few ns. The first call in
 * each source file makes system calls, later calls make none.
 */
RKE_FUNCTION volatile struct rke_area *rke_thread_area(void)
{
	ptrdiff_t offset;
	enum rke_place place = rke_find(&offset, 0);

	if (place == RKE_NOWHERE || __atomic_load_n(&rke_facts()->error, __ATOMIC_RELAXED) == -EACCES)
		return RKE_NULL;
	return rke_is_registered(rke_area_at(offset)) ? rke_area_at(offset) : RKE_NULL;
}

/*
 * Returns the number of the CPU that the calling thread runs on. When the caller uses the number, the thread can be on another
 * CPU already. The number comes from the area. In a thread that isn't registered, the number comes from the libc's
 * sched_getcpu(), or is 0 if sched_getcpu() fails. The function registers nothing.
 *
 * Context: as rke_thread_area(). Cost: a nanosecond; without rseq about 80 ns if the libc can't use the vDSO.
 */
RKE_FUNCTION int rke_cpu(void)
{
	volatile struct rke_area *area = rke_thread_area();
	int cpu = area != RKE_NULL ? (int)area->cpu_id : -1, saved = errno;

	if (cpu < 0) {
		cpu = rke_libc_getcpu();
		errno = saved;
	}
	return cpu < 0 ? 0 : cpu;
}

/* Returns the owner of the calling thread's registration, as far as known. Context and cost: as rke_thread_area(). */
RKE_FUNCTION enum rke_owner rke_thread_owner(void)
{
	ptrdiff_t offset;
	enum rke_place place = rke_find(&offset, 0);

	if (rke_thread_area() == RKE_NULL)
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
