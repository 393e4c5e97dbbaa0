/* SPDX-License-Identifier: MIT */
/*
 * trace.h - a trace as JSON, in the array form of the Trace Event Format, which Chrome's and Perfetto's viewers read.
 *
 * The format allows an array without its closing bracket, so the file is valid even if the process is killed. Only the reader's
 * thread calls the functions of this file.
 */
#ifndef RECORDER_TRACE_H
#define RECORDER_TRACE_H

#include "recorder.h"

/* Opens the first process's file. In a child, the first trace_flush() opens the file, because many children only call exec. */
int trace_begin(void);
void trace_event(const struct event *event, int cpu, uint64_t time);
void trace_lost(int cpu, uint64_t count);
void trace_heap(int64_t bytes);
void trace_end(uint64_t made, uint64_t recorded, uint64_t lost);

/* Writes the buffer to the file. Returns 0, or the negative errno of an earlier error. */
int trace_flush(void);

/* clock.c: converts ticks of the processor's clock to nanoseconds of CLOCK_MONOTONIC. */
uint64_t clock_begin(void); /* returns the ticks now */
void clock_look(void);
int64_t clock_time(uint64_t ticks);
int64_t clock_duration(uint64_t ticks);

#endif
