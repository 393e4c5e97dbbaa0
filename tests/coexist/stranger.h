/* SPDX-License-Identifier: MIT */
/*
 * stranger.h - a stand-in for a library that follows no protocol: it registers a private area, with a signature of its
 * choice, and expects to be alone. In a module of its own.
 */
#ifndef STRANGER_H
#define STRANGER_H

#include <stdint.h>

/* What its area reads in threads where it isn't registered: "CPU 0", or what the kernel's header asks for. */
enum stranger_form { STRANGER_ZEROED, STRANGER_MARKED };

int stranger_registers(enum stranger_form form, uint32_t signature); /* in this thread: 0 or a negative errno */
const volatile void *stranger_area(enum stranger_form form);

#endif /* STRANGER_H */
