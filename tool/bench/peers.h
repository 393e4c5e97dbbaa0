/* SPDX-License-Identifier: MIT */
/*
 * peers.h - starts workers with other allocators, with which `rseqkit bench` compares. Each allocator is preloaded into a
 * process of its own.
 *
 * Allocators are preloaded, because a preloaded allocator handles malloc() from the first call on, and because jemalloc can't
 * be loaded later. The dynamic linker finds the library by its soname. The worker checks that malloc() really belongs to the
 * library. No allocator is needed to build rseqkit. An allocator that isn't installed is reported as unavailable, with the
 * reason.
 */
#ifndef RK_TOOL_BENCH_PEERS_H
#define RK_TOOL_BENCH_PEERS_H

#include "workers.h"

#define BENCH_WHY_SIZE 192

struct bench_peer {
	char library[64]; /* name of the file with links resolved, which shows the version */
	char unavailable[BENCH_WHY_SIZE]; /* why the allocator isn't available; empty if it is available, or wasn't tried */
};

bool bench_is_peer(enum bench_environment environment);

/* Finds the environment of the allocator with this name. Returns false if there is no such allocator. */
bool bench_peer_environment(const char *name, enum bench_environment *environment);

/* Starts a worker with the environment's allocator. If this fails, stores the reason in *peer and returns false. */
bool bench_peer_start(struct bench_worker *worker, enum bench_mode mode, enum bench_environment environment,
		      struct bench_peer *peer);

#endif /* RK_TOOL_BENCH_PEERS_H */
