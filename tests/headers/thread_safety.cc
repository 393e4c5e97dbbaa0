/* SPDX-License-Identifier: MIT */
/*
 * Uses a mutex, a lock and a counter as programs do that are compiled with clang's -Werror=thread-safety: the mutex is a member of
 * an annotated class, and the members that it protects are annotated. With -DUNLOCKED a function forgets the mutex, and clang
 * refuses the file.
 */
#include <rseqkit.h>

#define CAPABILITY __attribute__((capability("mutex")))
#define SCOPED __attribute__((scoped_lockable))
#define GUARDED_BY(mutex) __attribute__((guarded_by(mutex)))
#define ACQUIRE(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define RELEASE(...) __attribute__((release_capability(__VA_ARGS__)))
#define REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))

class CAPABILITY Mutex {
public:
	void Lock() ACQUIRE() { rk_mutex_lock(&mutex_); }
	void Unlock() RELEASE() { rk_mutex_unlock(&mutex_); }
	void Wait(rk_condition *condition) REQUIRES(this) { rk_condition_wait(condition, &mutex_); }

private:
	rk_mutex mutex_ = RK_MUTEX_INIT;
};

class SCOPED MutexLock {
public:
	explicit MutexLock(Mutex *mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_->Lock(); }
	~MutexLock() RELEASE() { mutex_->Unlock(); }

private:
	Mutex *mutex_;
};

class Table {
public:
	int Get()
	{
#ifndef UNLOCKED
		MutexLock lock(&mutex_);
#endif
		rk_counter_static_add(&gets_, 1);
		return value_;
	}
	int64_t Gets() { return rk_counter_sum(rk_counter_static_get(&gets_)); }

private:
	Mutex mutex_;
	int value_ GUARDED_BY(mutex_) = 0;
	rk_counter_static gets_ = RK_COUNTER_STATIC;
};

int main()
{
	Table table;

	return table.Get() + static_cast<int>(table.Gets()) - 1;
}
