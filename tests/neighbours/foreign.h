/* SPDX-License-Identifier: MIT */
/* foreign.h - functions of foreign.c that neighbour.h doesn't have. With them a test chooses the area and the signature. */
#ifndef FOREIGN_H
#define FOREIGN_H

#include "neighbour.h"

/* The contents of an unregistered area: "CPU 0", or the value that the kernel's header demands. */
enum foreign_form { FOREIGN_ZEROED, FOREIGN_MARKED };

EXPORTED int foreign_registers(enum foreign_form form, uint32_t signature); /* in this thread; returns 0 or a negative errno */
EXPORTED const volatile void *foreign_area(enum foreign_form form);

#endif /* FOREIGN_H */
