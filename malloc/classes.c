/* SPDX-License-Identifier: MIT */
/* classes.c - the tables of the size classes, which classes.h declares. */
#include "classes.h"

#pragma GCC diagnostic ignored "-Wpedantic" /* for the ranges in initialisers */

#define BY_FINE(class, above, upto) [(above) / FINE + 1 ... (upto) / FINE] = (class),
#define BY_COARSE(class, above, upto) [(above) / COARSE + 1 ... (upto) / COARSE] = (class),
#define OF_CLASS(class, above, upto)                                                                                    \
	[(class)] = {(upto), (uint32_t)((((uint64_t)1 << 32) + (upto)-1) / (upto)),                                    \
		     (uint32_t)((SPAN_SIZE / (upto)-1) * (upto))},
#define OF_SPANS(class, above, upto) [(class)] = {(upto), 1, 0}, /* the object begins at a page: only offset 0 is a multiple */

const uint8_t fine_classes[FINE_MAX / FINE + 1] = {[0] = 1, FINE_CLASSES(BY_FINE)};
const uint8_t coarse_classes[SMALL_MAX / COARSE + 1] = {COARSE_CLASSES(BY_COARSE)};
const struct size_class size_classes[CLASSES] = {FINE_CLASSES(OF_CLASS) COARSE_CLASSES(OF_CLASS) SPAN_CLASSES(OF_SPANS)};
