/* SPDX-License-Identifier: MIT */
/* pin.h - keeps this module loaded. A constructor calls the function at process start, or when this module is loaded. */
#ifndef RK_SRC_PIN_H
#define RK_SRC_PIN_H

/* Keeps this module from being unloaded. Not async-signal-safe. */
void rk_pin_this_module(void);

#endif /* RK_SRC_PIN_H */
