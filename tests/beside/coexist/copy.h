/* SPDX-License-Identifier: MIT */
/*
 * copy.h - the functions of one copy of the library, as its module exports them. The modules are built from copy.c and know
 * nothing of each other. A module contains a copy or links to the shared library.
 */
#ifndef COPY_H
#define COPY_H

#include <pthread.h>
#include <rseqkit.h>

struct copy {
	const char *(*version)(void);
	int (*prepare)(void);
	int (*reg)(void);
	int (*unreg)(void);
	uint32_t (*users)(void);
	enum rk_owner (*owner)(void);
	enum rk_ktls (*provider)(void);
	enum rk_reason (*reason)(void);
	const volatile struct rk_area *(*area)(void);
	int (*query)(struct rk_process_info *info, size_t size);
	int (*cpus)(void);
	int (*vfork_begin)(void);
	int (*vfork_end)(void);
	int (*vfork_run)(rk_vfork_child *child, void *arg, int *pid);
	void (*vfork_unblock)(const void *signals);
	int (*create)(struct rk_counter **counter);
	void (*add)(struct rk_counter *counter, int64_t value); /* inlined in the module */
	int64_t (*sum)(const struct rk_counter *counter);
	int (*destroy)(struct rk_counter *counter);
	int (*create_ring)(struct rk_ring **ring, const struct rk_ring_options *options, size_t size);
	int (*notify)(struct rk_ring *ring, int fd);
	int (*arm)(struct rk_ring *ring);
	int (*wait)(struct rk_ring *ring, int64_t nanoseconds);
	int (*write)(struct rk_ring *ring, const void *data, size_t length); /* inlined in the module */
	int (*destroy_ring)(struct rk_ring *ring);
	int (*create_rwlock)(struct rk_rwlock **lock, unsigned flags);
	int (*read_try)(struct rk_rwlock *lock, struct rk_rwlock_section **section); /* inlined in the module */
	void (*read_unlock)(struct rk_rwlock *lock, struct rk_rwlock_section *section);
	struct rk_rwlock_section *(*read_keep)(struct rk_rwlock *lock, struct rk_rwlock_section *section);
	int (*write_try)(struct rk_rwlock *lock);
	int (*write_unlock)(struct rk_rwlock *lock);
	int (*create_rcu)(struct rk_rcu **rcu, size_t calls_max);
	struct rk_rcu_section *(*rcu_lock)(struct rk_rcu *rcu);
	void (*rcu_unlock)(struct rk_rcu *rcu, struct rk_rcu_section *section);
	struct rk_rcu_section *(*rcu_keep)(struct rk_rcu *rcu, struct rk_rcu_section *section);
	int (*synchronize_for)(struct rk_rcu *rcu, int64_t nanoseconds);
	/* calls pthread_create() from the module */
	int (*create_thread)(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg);
};

/* The type of each module's only export. */
typedef const struct copy *copy_function(void);

__attribute__((__visibility__("default"))) const struct copy *copy_of_rseqkit(void);

#endif /* COPY_H */
