/* SPDX-License-Identifier: MIT */
/*
 * peers.h - starts workers with the allocators of other projects, with which `rseqkit bench` compares. Each such worker is a
 * process into which one allocator is preloaded.
 *
 * A preloaded allocator handles malloc() from the first call on, and jemalloc can't be loaded later. The dynamic linker finds the
 * library by its soname. The worker checks that malloc() really belongs to the library. No allocator is needed to build rseqkit.
 * The tool reports an allocator that isn't installed as unavailable, with the reason.
 */
#ifndef RK_TOOL_BENCH_PEERS_H
#define RK_TOOL_BENCH_PEERS_H

#include "workers.h"

#define BENCH_WHY_SIZE 192

struct bench_peer {
	char library[64]; /* name of the library's file after resolving links, which shows the version */
	char unavailable[BENCH_WHY_SIZE]; /* why the allocator isn't available; empty if it is available, or wasn't tried */
};

/* Does this environment have the allocator of another project? */
bool bench_is_peer(enum bench_environment environment);

/* Finds the environment of the allocator with this name. Returns false if there is no such allocator. */
bool bench_peer_environment(const char *name, enum bench_environment *environment);

/* Starts a worker with the environment's allocator. If this fails, stores the reason in *peer and returns false. */
bool bench_peer_start(struct bench_worker *worker, enum bench_mode mode, enum bench_environment environment,
		      struct bench_peer *peer);

#endif /* RK_TOOL_BENCH_PEERS_H */
