/* SPDX-License-Identifier: MIT */
/* peers.c - finds the allocators with which `rseqkit bench` compares, and starts their workers (peers.h). */
#define _GNU_SOURCE
#include "peers.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/output.h"

/* The allocators. Sonames of their libraries differ between distributions. The tool uses the first soname that can be loaded. */
static const struct {
	const char *name;
	const char *variable; /* an environment variable. If it is set, its value is the library's path, and not a soname */
	const char *sonames[4];
	const char *package; /* the name of Debian's package */
} peers[BENCH_ENVIRONMENTS] = {
	[BENCH_JEMALLOC] = {"jemalloc", "RSEQKIT_BENCH_JEMALLOC", {"libjemalloc.so.2"}, "libjemalloc2"},
	[BENCH_MIMALLOC] = {"mimalloc",
			    "RSEQKIT_BENCH_MIMALLOC",
			    {"libmimalloc.so.3", "libmimalloc.so.2", "libmimalloc.so.2.0"},
			    "libmimalloc2.0"},
	[BENCH_TCMALLOC] = {"tcmalloc",
			    "RSEQKIT_BENCH_TCMALLOC",
			    {"libtcmalloc_minimal.so.4", "libtcmalloc.so.4"},
			    "libtcmalloc-minimal4"},
};

bool bench_is_peer(enum bench_environment environment)
{
	return peers[environment].name != NULL;
}

bool bench_peer_environment(const char *name, enum bench_environment *environment)
{
	for (unsigned i = 0; i < BENCH_ENVIRONMENTS; i++)
		if (peers[i].name != NULL && strcmp(peers[i].name, name) == 0) {
			*environment = (enum bench_environment)i;
			return true;
		}
	return false;
}

static void keep_name(struct bench_peer *peer, const char *path)
{
	char resolved[PATH_MAX];
	const char *file = realpath(path, resolved) != NULL ? resolved : path, *slash = strrchr(file, '/');

	copy_printable(peer->library, sizeof(peer->library), slash != NULL ? slash + 1 : file);
}

/* Starts a worker with the library, and checks that the worker uses it. Otherwise stops the worker. */
static bool try_library(struct bench_worker *worker, enum bench_mode mode, enum bench_environment environment,
			const char *library, struct bench_peer *peer)
{
	const char *answer = NULL;
	char shown[101];

	copy_printable(shown, sizeof(shown), library);
	if (!bench_worker_start(worker, mode, environment, library))
		snprintf(peer->unavailable, sizeof(peer->unavailable), "its worker can't be started");
	else if (!bench_worker_ask(worker, "malloc %s", peers[environment].name) ||
		 (answer = bench_worker_answer(worker)) == NULL)
		snprintf(peer->unavailable, sizeof(peer->unavailable), "its worker ends or doesn't answer with %.100s", shown);
	else if (answer[0] == '/')
		keep_name(peer, answer);
	else if (getenv(peers[environment].variable) != NULL)
		snprintf(peer->unavailable, sizeof(peer->unavailable), "%s: %.100s can't be loaded, or isn't this allocator",
			 peers[environment].variable, shown);
	else
		snprintf(peer->unavailable, sizeof(peer->unavailable), "%.60s isn't installed (Debian's package: %s)",
			 peers[environment].sonames[0], peers[environment].package);
	if (answer == NULL || answer[0] != '/') {
		bench_worker_stop(worker);
		return false;
	}
	peer->unavailable[0] = '\0';
	return true;
}

bool bench_peer_start(struct bench_worker *worker, enum bench_mode mode, enum bench_environment environment,
		      struct bench_peer *peer)
{
	const char *library = getenv(peers[environment].variable);

	if (library != NULL)
		return try_library(worker, mode, environment, library, peer);
	for (unsigned i = 0; i < sizeof(peers[0].sonames) / sizeof(peers[0].sonames[0]); i++)
		if (peers[environment].sonames[i] != NULL &&
		    try_library(worker, mode, environment, peers[environment].sonames[i], peer))
			return true;
	return false;
}
