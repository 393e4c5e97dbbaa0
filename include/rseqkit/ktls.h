/* SPDX-License-Identifier: MIT */
/*
 * ktls.h - kernel-maintained per-thread data (KTLS): every thread is registered without a system call of its own.
 *
 * Experimental: no released kernel has KTLS. The symbols have a version of their own, RSEQKIT_EXPERIMENTAL. They may change in
 * any release, and the soname stays the same then.
 *
 * A kernel with the patch series in kernel/ registers threads itself. It uses a blob at one offset from the thread pointer, in
 * all threads of a process, and keeps the thread id there too. Threads then have rseq from their first instruction on: threads
 * of raw clone(), threads that the C library makes for itself, and vfork children. Vfork children of vfork children don't.
 *
 * With other kernels the library keeps the same contract in user space as far as it can: one offset, and threads that are
 * registered when they first need it. The function rk_ktls_provider() says which of the two is so.
 *
 * The library decides at process start whether the kernel registers threads, together with where the areas are. Code that runs
 * before any constructor calls rk_process_init() first. For KTLS the process needs
 *   - a kernel that has it;
 *   - a C library that doesn't register (GLIBC_TUNABLES=glibc.pthread.rseq=0, or glibc before 2.35);
 *   - only one thread at that moment;
 *   - room for the blob in static TLS. The preloaded object has room, and uses it when the program is started with
 *     RSEQKIT_AREA=ktls, as `rseqkit exec --ktls` does. A program that is linked with librseqkit-ktls has room too.
 *
 * This is the experimental kind of KTLS (RSEQ_FLAG_KTLS_AUTO), which C libraries need not know. The library never uses it with
 * musl: a detached thread of musl unmaps its memory while the kernel still writes to it. There the C library itself would have
 * to know KTLS (doc/ktls.md).
 */
#ifndef RSEQKIT_KTLS_H
#define RSEQKIT_KTLS_H

#include <rseqkit/thread.h>

/* The provider: the part that registers threads. Numbers are ABI. */
enum rk_ktls {
	RK_KTLS_NONE = 0,    /* none: rseq is missing or refused, or another component has it; see rk_thread_reason() */
	RK_KTLS_KERNEL = 1,  /* the kernel, in every thread that is created with a thread pointer of its own and has room */
	RK_KTLS_LIBC = 2,    /* the C library, in every thread that it creates; it may have the kernel do it */
	RK_KTLS_LIBRARY = 3, /* this library: before the start routine if it is preloaded, otherwise when a thread needs it */
	RK_KTLS_OTHERS = 4   /* another component that registers threads: librseq, in threads that ask it to */
};

/* The known facts of the blob. Everything else in it belongs to the provider. */
struct rk_ktls_layout {
	uint32_t size;        /* bytes */
	uint32_t alignment;   /* bytes */
	uint64_t rseq_offset; /* bytes from the beginning to the area, struct rseq */
};

RKI_BEGIN_DECLS

/*
 * Asks the kernel whether it could register the threads of a program that has room for its blob: the room that the preloaded
 * object and librseqkit-ktls of this version have. Asks it whatever the provider of this process is.
 *
 * If the kernel has KTLS, fills `layout` as rk_ktls_query() does. That is so if the function returns 0, -E2BIG or -ENOTSUP.
 * Otherwise `layout` stays as it was.
 *
 * Returns
 *   0          it could
 *   -EINVAL    layout is NULL, or size is 0
 *   -ENXIO     this kernel has no KTLS, or not for such programs (rseq answers EINVAL, ENOSYS or EOPNOTSUPP)
 *   -E2BIG     the blob needs more room, or another alignment
 *   -ENOTSUP   the library never uses KTLS with this C library
 *   -ENODATA   a filter answered 0 and nothing was filled, or it answered ENXIO or E2BIG
 *   another negative errno is a filter's answer
 * Context: any thread, signal handler, after fork, vfork child. Cost: one system call.
 */
RKI_API int rk_ktls_query_kernel(struct rk_ktls_layout *layout, size_t size);

/*
 * The provider of this process. It is decided together with where the areas are, and is constant then.
 *
 * A thread that is sandboxed, or that another component has registered in an area of its own, has no rseq all the same. The
 * function rk_thread_owner() says so. If the process has only one thread at the decision, and that thread is such a one, the
 * provider is RK_KTLS_NONE. If the kernel has no rseq, the provider is always RK_KTLS_NONE.
 * Context: any thread, signal handler, after fork, vfork child. Cost: nanoseconds, no system call.
 */
RKI_API enum rk_ktls rk_ktls_provider(void);
RKI_API const char *rk_ktls_name(enum rk_ktls provider); /* in static storage; "unknown" for other values */

/*
 * Fills `layout` with the kernel's answer, or with the area alone if the provider isn't the kernel. Writes `size` bytes, which is
 * sizeof *layout as the caller knows it. Members that this library doesn't know become 0.
 *
 * Returns 0; -EINVAL when layout is NULL or size is 0; -ENXIO when the provider is RK_KTLS_NONE.
 * Context and cost: as rk_ktls_provider().
 */
RKI_API int rk_ktls_query(struct rk_ktls_layout *layout, size_t size);

/*
 * The offset in bytes from the thread pointer to the blob, the same in every thread and constant from the constructor on. If the
 * provider is RK_KTLS_NONE, returns 0, which is never a blob's offset.
 * Context and cost: as rk_ktls_provider().
 */
RKI_API ptrdiff_t rk_ktls_offset(void);

/*
 * The calling thread's id, as gettid() returns it in the thread's PID namespace, and the thread's CPU. The thread may be on
 * another CPU by the time the caller looks at the number. `offset` is the value that rk_ktls_offset() returned; with another one
 * the behaviour is undefined. The functions need not know the layout of the blob: if the kernel maintains it they call functions
 * of the vDSO.
 *
 * If the thread isn't registered, and this library registers threads, rk_ktls_cpu() registers it. Without an answer of the vDSO,
 * rk_ktls_tid() calls gettid(). In a thread without rseq, rk_ktls_cpu() calls the libc's sched_getcpu(), and returns 0 if that
 * fails.
 *
 * In a vfork child (CLONE_VM | CLONE_VFORK, no CLONE_SETTLS) both are right if the provider is RK_KTLS_KERNEL. With another
 * provider the thread id is right, but the CPU may be the parent's.
 *
 * Some children of clone(2) with CLONE_VM are neither vfork children nor threads. They may read their parent's blob, or a copy
 * of it. Then both values may be the parent's.
 *
 * Context: any thread; signal handler; after fork; a vfork child as described. Cost: a few nanoseconds if the kernel maintains
 * the blob and the vDSO has the functions. Otherwise rk_ktls_cpu() costs as much as rk_cpu(), and rk_ktls_tid() a system call.
 */
RKI_API int rk_ktls_tid(ptrdiff_t offset);
RKI_API int rk_ktls_cpu(ptrdiff_t offset);

RKI_END_DECLS

#endif /* RSEQKIT_KTLS_H */
