/* SPDX-License-Identifier: MIT */
/* metrics.h - the statistics in Prometheus' text format, version 0.0.4. */
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

#include <stddef.h>

/* The text, to be freed, and its length; NULL where there is no memory. */
char *metrics_text(size_t *length);

#endif
