/* SPDX-License-Identifier: MIT */
/* foreign.h - functions of foreign.c that neighbour.h doesn't have. With them a test chooses the area and the signature. */
#ifndef FOREIGN_H
#define FOREIGN_H

#include "neighbour.h"

/* The value of cpu_id in an unregistered area: 0, or RSEQ_CPU_ID_UNINITIALIZED, as <linux/rseq.h> demands. */
enum foreign_form { FOREIGN_ZEROED, FOREIGN_MARKED };

EXPORTED int foreign_registers(enum foreign_form form, uint32_t signature); /* in this thread; returns 0 or a negative errno */
EXPORTED const volatile void *foreign_area(enum foreign_form form);

#endif /* FOREIGN_H */
