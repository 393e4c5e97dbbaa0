/* SPDX-License-Identifier: MIT */
/*
 * A program that was never linked with the library: with __rseq_abi of the public TLS protocol, or, with EMBEDDED, with
 * rseqkit/embed.h. Preloaded, the library must share the one, and be recognised by the other. Prints who owns the area
 * of its initial thread, and of another.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

#ifdef EMBEDDED
#include <rseqkit/embed.h>

static const char *owner(void)
{
	static const char *const names[] = {"none", "libc", "self", "early", "foreign", "librseq"};

	return rke_thread_register() == 0 ? names[rke_thread_owner()] : "none";
}
#else
#include <rseqkit/abi.h>

#define PROTOCOL __attribute__((__tls_model__("initial-exec"), __visibility__("default")))

extern __thread struct rk_area __rseq_abi;
extern __thread uint32_t __rseq_refcount;
__thread struct rk_area __rseq_abi PROTOCOL __attribute__((__aligned__(32))) = {.cpu_id = UINT32_MAX};
__thread uint32_t __rseq_refcount PROTOCOL;

static const char *owner(void)
{
	volatile struct rk_area *area = &__rseq_abi;

	return (int32_t)area->cpu_id >= 0 && __rseq_refcount == 1 ? "early" : "none";
}
#endif

static void *run(void *arg)
{
	*(const char **)arg = owner();
	return NULL;
}

int main(void)
{
	const char *of_thread = "";
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, &of_thread) != 0 || pthread_join(thread, NULL) != 0)
		return 1;
	printf("%s %s\n", owner(), of_thread);
	return 0;
}
