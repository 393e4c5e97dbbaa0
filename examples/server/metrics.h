/* SPDX-License-Identifier: MIT */
/* metrics.h - the statistics in Prometheus' text format, version 0.0.4. */
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

#include <stddef.h>

/* Returns the text, and stores its length. The caller frees the text. Returns NULL if there is no memory. */
char *metrics_text(size_t *length);

#endif
