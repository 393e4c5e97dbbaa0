/* SPDX-License-Identifier: MIT */
/*
 * pin.h - prevents the unloading of the module that this copy of the library is in. The constructor in thread.c calls
 * rk_pin_this_module().
 */
#ifndef RK_SRC_PIN_H
#define RK_SRC_PIN_H

/* Not async-signal-safe. */
void rk_pin_this_module(void);

#endif /* RK_SRC_PIN_H */
