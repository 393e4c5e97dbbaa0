/* SPDX-License-Identifier: MIT */
/*
 * loader.c - loads the given modules, each with a copy of the library, until one fails to load. Then it counts in several
 * threads with all loaded copies. Prints "loaded N", the dynamic linker's error if there was one, and the owner that each
 * copy reports. Exits with 0 if every count is exact.
 *
 * With -DWITH_COPY the program contains its own copy.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include "../coexist/copy.h"

#define COPIES_MAX 256
#define THREADS 4
#define ROUNDS 1000

static const struct copy *copies[COPIES_MAX];
static struct rk_counter *counters[COPIES_MAX];
static int ncopies;

#ifdef WITH_COPY
const struct copy *copy_of_rseqkit(void);
#endif

static int use(const struct copy *copy)
{
	if (ncopies == COPIES_MAX || copy->create(&counters[ncopies]) != 0)
		return -1;
	copies[ncopies++] = copy;
	return 0;
}

static int load(const char *path)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	copy_function *function;

	if (handle == NULL)
		return -1;
	*(void **)&function = dlsym(handle, "copy_of_rseqkit");
	return function == NULL ? -1 : use(function());
}

static void *count(void *arg)
{
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < ncopies; i++)
			copies[i]->add(counters[i], 1);
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	int loaded = 0, wrong = 0;

#ifdef WITH_COPY
	if (use(copy_of_rseqkit()) != 0)
		return 2;
#endif
	while (loaded < argc - 1 && load(argv[1 + loaded]) == 0)
		loaded++;
	printf("loaded %d\n", loaded);
	if (loaded < argc - 1)
		printf("error: %s\n", dlerror());
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, count, NULL) != 0)
			return 2;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < ncopies; i++) {
		wrong += copies[i]->sum(counters[i]) != THREADS * ROUNDS;
		printf("copy %d: %d\n", i, (int)copies[i]->owner());
	}
	return wrong != 0;
}
