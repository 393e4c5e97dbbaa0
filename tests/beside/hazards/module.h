/* SPDX-License-Identifier: MIT */
/* module.h - the functions of a naive component in a module. A naive component has no safeguards (naive.h). */
#ifndef MODULE_H
#define MODULE_H

#include "naive.h"

struct naive_module {
	int (*enter)(void);                       /* registers this thread, on the module's own area: 0 or -errno */
	volatile struct rk_area *(*area)(void);   /* the calling thread's area in the module */
	size_t tls;                               /* bytes of the object that begins with the area */
	bool (*add)(volatile struct rk_area *area, const volatile uint32_t *sign, const volatile uint32_t *index,
		    int64_t *slots);           /* the critical section, in the module's code */
};

/* The type of the module's only export. */
typedef const struct naive_module *naive_function(void);

#endif /* MODULE_H */
