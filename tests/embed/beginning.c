/* SPDX-License-Identifier: MIT */
/*
 * beginning.c - a statically linked program whose TLS begins with a variable that looks like an unregistered area. gold resolves
 * an undefined TLS name, such as __rseq_abi, to that variable. If embed.h or the library registered this variable as an area,
 * the kernel would overwrite it.
 */
#include <pthread.h>
#include <stdio.h>

#include <rseqkit.h>
#include <rseqkit/embed.h>

static __thread int first[16] __attribute__((__aligned__(64))) = {-1, -1};

static void *use(void *arg)
{
	const volatile int *mine = first;
	int r = rke_thread_register(), own = rk_thread_prepare();

	printf("embed.h %d, library %d (%s), the variable %d %d\n", r, own, rk_owner_name(rk_thread_owner()), mine[0], mine[1]);
	return r == 0 && own == 0 && rk_thread_owner() != RK_OWNER_EARLY && mine[0] == -1 && mine[1] == -1 ? NULL : arg;
}

int main(void)
{
	pthread_t thread;
	int failed = 1;
	void *result = &failed;

	return pthread_create(&thread, NULL, use, &failed) != 0 || pthread_join(thread, &result) != 0 || result != NULL;
}
