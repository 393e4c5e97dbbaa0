/* SPDX-License-Identifier: MIT */
/* module.h - what a naive component in a module shows of itself. */
#ifndef MODULE_H
#define MODULE_H

#include "naive.h"

struct naive_module {
	int (*enter)(void);                       /* registers this thread, on the module's own area: 0 or -errno */
	volatile struct rk_area *(*area)(void);   /* the calling thread's area there */
	size_t tls;                               /* bytes of the object that the area begins */
	bool (*add)(volatile struct rk_area *area, const volatile uint32_t *sign, const volatile uint32_t *index,
		    int64_t *slots);           /* the section, the module's code */
};

/* The module's only export. */
typedef const struct naive_module *naive_function(void);

#endif /* MODULE_H */
