/* SPDX-License-Identifier: MIT */
/* foreign.h - what foreign.c has besides neighbour.h's functions, for tests that choose area and signature. */
#ifndef FOREIGN_H
#define FOREIGN_H

#include "neighbour.h"

/* What its area reads in threads where it isn't registered: "CPU 0", or what the kernel's header asks for. */
enum foreign_form { FOREIGN_ZEROED, FOREIGN_MARKED };

EXPORTED int foreign_registers(enum foreign_form form, uint32_t signature); /* in this thread: 0 or a negative errno */
EXPORTED const volatile void *foreign_area(enum foreign_form form);

#endif /* FOREIGN_H */
