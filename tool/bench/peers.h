/* SPDX-License-Identifier: MIT */
/*
 * peers.h - allocators that `rseqkit bench` compares with, each in a process of its own, into which it is preloaded.
 *
 * Preloaded, because it then is malloc() from the first call on, and because jemalloc can't be loaded later. The
 * dynamic linker looks for the library, by its soname; the worker says whether malloc() is really its. Nothing is
 * needed to build with: an allocator that isn't installed is unavailable, with the reason.
 */
#ifndef RK_TOOL_BENCH_PEERS_H
#define RK_TOOL_BENCH_PEERS_H

#include "workers.h"

#define BENCH_WHY_SIZE 192

struct bench_peer {
	char library[64]; /* name of the file, links resolved: it tells the version */
	char unavailable[BENCH_WHY_SIZE]; /* why it can't be had; empty if it can, or wasn't tried */
};

bool bench_is_peer(enum bench_environment environment);

/* The environment of the allocator of that name. Returns false if there is none. */
bool bench_peer_environment(const char *name, enum bench_environment *environment);

/* Starts a worker with the allocator in it. Returns false, with the reason in *peer, if that can't be. */
bool bench_peer_start(struct bench_worker *worker, enum bench_mode mode, enum bench_environment environment,
		      struct bench_peer *peer);

#endif /* RK_TOOL_BENCH_PEERS_H */
