/* SPDX-License-Identifier: MIT */
/*
 * trace.h - a trace as JSON, in the array form of the Trace Event Format that Chrome's and Perfetto's viewers read.
 *
 * The array may lack its end: a file is valid whenever its process is killed. The reader's thread alone calls these.
 */
#ifndef RECORDER_TRACE_H
#define RECORDER_TRACE_H

#include "recorder.h"

/* Opens the first process's file. That of a child is opened by its first record: many do nothing but exec. */
int trace_begin(void);
void trace_event(const struct event *event, int cpu, uint64_t time);
void trace_lost(int cpu, uint64_t count);
void trace_heap(int64_t bytes);
void trace_end(uint64_t made, uint64_t recorded, uint64_t lost);

/* Writes out what there is. Returns 0, or the negative errno of before. */
int trace_flush(void);

/* clock.c: the processor's clock as nanoseconds of CLOCK_MONOTONIC. */
uint64_t clock_begin(void); /* returns the clock */
void clock_look(void);
int64_t clock_time(uint64_t ticks);
int64_t clock_duration(uint64_t ticks);

#endif
