/* SPDX-License-Identifier: MIT */
/* pin.h - keeps a module loaded. Called at process start, or when the module that holds this copy of the library is loaded. */
#ifndef RK_SRC_PIN_H
#define RK_SRC_PIN_H

/* Keeps this module from being unloaded. Not async-signal-safe. */
void rk_pin_this_module(void);

#endif /* RK_SRC_PIN_H */
