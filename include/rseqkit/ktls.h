/* SPDX-License-Identifier: MIT */
/*
 * ktls.h - kernel-maintained per-thread data (KTLS): every thread is registered without a system call of its own.
 *
 * Experimental: no released kernel has KTLS. The symbols have a version of their own, RSEQKIT_EXPERIMENTAL. They may change in
 * any release, and the soname stays the same then.
 *
 * A kernel with the patch series in kernel/ registers threads itself, in a blob at one offset from the thread pointer
 * in all threads of a process, and keeps the thread id there, too. Where it does, the threads of raw clone(), of the
 * C library itself, and vfork children, but for those of vfork children, have rseq from their first instruction on.
 * Elsewhere the same contract is kept in user space, as far as that can be: one offset, and threads that are registered
 * when they look. rk_ktls_provider() says which.
 *
 * Whether the kernel does it is decided at process start, with where the areas are. Code that runs before any constructor
 * calls rk_process_init() for that. It needs a kernel that has it, a C library that doesn't register
 * (GLIBC_TUNABLES=glibc.pthread.rseq=0, or glibc before 2.35), one thread, and room for the blob in static TLS. The preloaded
 * object has room, and takes it when the program is started with RSEQKIT_AREA=ktls, as `rseqkit exec --ktls` does; a program
 * has it that is linked with librseqkit-ktls. It is the experimental kind of KTLS (RSEQ_FLAG_KTLS_AUTO), which C libraries
 * need not know of. On musl it is never used, because a detached thread's memory is unmapped there while the kernel still
 * writes to it: a C library that knows of KTLS is needed there (doc/ktls.md).
 */
#ifndef RSEQKIT_KTLS_H
#define RSEQKIT_KTLS_H

#include <rseqkit/thread.h>

/* Who sees to it that threads are registered. Numbers are ABI. */
enum rk_ktls {
	RK_KTLS_NONE = 0,    /* nobody: rseq is missing or refused, or another component has it; see rk_thread_reason() */
	RK_KTLS_KERNEL = 1,  /* the kernel, in every thread that is created with a thread pointer of its own and has room */
	RK_KTLS_LIBC = 2,    /* the C library, in every thread that it creates; it may have the kernel do it */
	RK_KTLS_LIBRARY = 3, /* this library: before the start routine where it is preloaded, else when a thread looks */
	RK_KTLS_OTHERS = 4   /* another component that registers threads: librseq, for those that ask it to */
};

/* What is known of the blob. Everything else in it belongs to who maintains it. */
struct rk_ktls_layout {
	uint32_t size;        /* bytes */
	uint32_t alignment;   /* bytes */
	uint64_t rseq_offset; /* bytes from the beginning to the area, struct rseq */
};

RKI_BEGIN_DECLS

/*
 * Could the kernel register the threads of a program that has room for its blob, as the preloaded object and
 * librseqkit-ktls of this version have it? Asks the kernel, whoever registers threads here.
 *
 * Fills `layout`, of which `size` bytes are written as by rk_ktls_query(), where the kernel has KTLS: with 0, -E2BIG
 * and -ENOTSUP. Else it stays as it was.
 *
 * Returns 0: it could; -EINVAL when layout is NULL or size is 0; -ENXIO: this kernel has no KTLS, or not for such programs
 * (rseq answers EINVAL, ENOSYS or EOPNOTSUPP); -E2BIG: its blob needs more room, or another alignment; -ENOTSUP: with this
 * C library it is never used; another negative errno is a filter's answer, -ENODATA where that said 0 or one of these.
 * Context: any thread, signal handler, after fork, vfork child. Cost: one system call.
 */
RKI_API int rk_ktls_query_kernel(struct rk_ktls_layout *layout, size_t size);

/*
 * Who sees to it: decided with where the areas are, and constant. A thread that is sandboxed, or that another
 * component has registered elsewhere, has no rseq all the same; rk_thread_owner() tells. That counts for the process,
 * as RK_KTLS_NONE, where it was decided while there was one thread; a kernel without rseq does always.
 * Context: any thread, signal handler, after fork, vfork child. Cost: nanoseconds, no system call.
 */
RKI_API enum rk_ktls rk_ktls_provider(void);
RKI_API const char *rk_ktls_name(enum rk_ktls provider); /* static storage; "unknown" for other values */

/*
 * Fills `layout`, of which `size` bytes (sizeof *layout as the caller knows it) are written, the rest of a larger one
 * zeroed: what the kernel said, or the area alone where others than the kernel register.
 *
 * Returns 0; -EINVAL when layout is NULL or size is 0; -ENXIO when the provider is RK_KTLS_NONE.
 * Context and cost: as rk_ktls_provider().
 */
RKI_API int rk_ktls_query(struct rk_ktls_layout *layout, size_t size);

/*
 * The offset in bytes from the thread pointer to the blob, the same in every thread and constant from the
 * constructor on. 0, which is no blob's, when the provider is RK_KTLS_NONE.
 * Context and cost: as rk_ktls_provider().
 */
RKI_API ptrdiff_t rk_ktls_offset(void);

/*
 * The calling thread's id, as gettid() has it in the thread's PID namespace, and its CPU, which may be another by the
 * time the caller looks at it. `offset` is what rk_ktls_offset() returned; another one is undefined. They need not
 * know what the blob looks like: where the kernel maintains it they call functions of the vDSO.
 *
 * A thread that isn't registered is registered by the second, where this library does that. Both answer in any case:
 * the first by gettid(), the second by the libc's sched_getcpu(), 0 should that fail.
 *
 * In a vfork child (CLONE_VM | CLONE_VFORK, no CLONE_SETTLS) both are right where the provider is RK_KTLS_KERNEL.
 * Elsewhere the CPU may be the parent's; the thread id is right everywhere. A child of clone(2) with
 * CLONE_VM that is neither a vfork child nor a thread may read what its parent's blob says, or a copy of it: both may be
 * the parent's there.
 *
 * Context: any thread; signal handler; after fork; a vfork child as said. Cost: a few nanoseconds where the kernel
 * maintains it and the vDSO is there; else rk_ktls_cpu() as rk_cpu(), and rk_ktls_tid() one system call.
 */
RKI_API int rk_ktls_tid(ptrdiff_t offset);
RKI_API int rk_ktls_cpu(ptrdiff_t offset);

RKI_END_DECLS

#endif /* RSEQKIT_KTLS_H */
