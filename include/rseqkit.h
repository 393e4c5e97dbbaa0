/* SPDX-License-Identifier: MIT */
/*
 * rseqkit.h - includes the headers of registration, of per-CPU memory and of all structures. Each header comes after the headers
 * that it builds on.
 *
 * It doesn't include single operations, because they are long: a program that calls operations includes rseqkit/ops.h, too.
 *
 * A program can also include a single header. The comments in a header describe each function, type and macro that it
 * declares.
 */
#ifndef RSEQKIT_H
#define RSEQKIT_H

#include <rseqkit/abi.h>
#include <rseqkit/thread.h>
#include <rseqkit/vfork.h>
#include <rseqkit/ktls.h>

#include <rseqkit/percpu.h>
#include <rseqkit/bank.h>
#include <rseqkit/gate.h>
#include <rseqkit/remote.h>
#include <rseqkit/vector.h>
#include <rseqkit/counter.h>
#include <rseqkit/peak.h>
#include <rseqkit/rate.h>
#include <rseqkit/freelist.h>
#include <rseqkit/cache.h>
#include <rseqkit/rcu.h>
#include <rseqkit/ref.h>
#include <rseqkit/lock.h>
#include <rseqkit/ring.h>
#include <rseqkit/histogram.h>
#include <rseqkit/slice.h>
#include <rseqkit/mutex.h>

#endif /* RSEQKIT_H */
