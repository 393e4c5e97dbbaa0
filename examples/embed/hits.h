/* SPDX-License-Identifier: MIT */
/* hits.h - the example library's interface: it counts hits, and names the owner of a thread's registration. */
#ifndef HITS_H
#define HITS_H

#ifdef __cplusplus
extern "C" {
#endif

int hits_enter(void);          /* call once per thread, before its first hit; returns 0, or -errno, which you may ignore */
void hits_leave(void);         /* call once for each hits_enter() that returned 0 */
void hits_add(void);           /* call in any thread, even if it never called hits_enter() */
unsigned long hits_sum(void);  /* returns the hits of all threads */
const char *hits_owner(void);  /* returns the name of the component that registered the calling thread */

#ifdef __cplusplus
}
#endif

#endif /* HITS_H */
