/* SPDX-License-Identifier: MIT */
/*
 * pin.h - keeps the module that this copy of the library is in from being unloaded. The constructor in thread.c calls the
 * function.
 */
#ifndef RK_SRC_PIN_H
#define RK_SRC_PIN_H

/* Not async-signal-safe. */
void rk_pin_this_module(void);

#endif /* RK_SRC_PIN_H */
