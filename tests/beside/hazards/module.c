/* SPDX-License-Identifier: MIT */
/*
 * module.c - a naive component in a module, which has no safeguards (naive.h). It has a critical section, and registers its own
 * area in TLS, which no other component uses. -DMODEL gives the TLS model of the area. -DALIGNMENT and -DSIZE give the
 * alignment and the size of the TLS object that begins with the area.
 */
#include "module.h"

static __thread union {
	struct rk_area area;
	char room[SIZE];
} tls __attribute__((__aligned__(ALIGNMENT), __tls_model__(MODEL))) = {.area = {.cpu_id = UINT32_MAX}};

static int enter(void)
{
	return naive_rseq(&tls.area, sizeof(tls.area), 0, RK_SIGNATURE);
}

static volatile struct rk_area *area(void)
{
	return &tls.area;
}

__attribute__((__visibility__("default"))) const struct naive_module *naive_module(void);

const struct naive_module *naive_module(void)
{
	static const struct naive_module module = {enter, area, sizeof(tls), naive_add};

	return &module;
}
