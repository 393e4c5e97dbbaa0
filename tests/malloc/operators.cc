// SPDX-License-Identifier: MIT
// operators.cc - calls each form of operator new and delete, while memory is available and while it isn't. The script
// `operators` builds this file as a program, and as a module that a C program loads. Prints "right" at the end; every other
// line is a fault.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <new>
#include <dlfcn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int faults;

#define CHECK(is)                                                                                                      \
	do {                                                                                                           \
		if (!(is)) {                                                                                           \
			std::printf("line %d: %s\n", __LINE__, #is);                                                   \
			faults++;                                                                                      \
		}                                                                                                      \
	} while (0)

static const std::align_val_t aligned{512};
static std::size_t volatile endless = PTRDIFF_MAX - 100000;
static int handled;

static void gives_up()
{
	if (++handled % 3 == 0)
		std::set_new_handler(nullptr);
}

struct own {};

static void throws()
{
	handled++;
	throw std::bad_alloc();
}

static bool is_at(void *object, std::uintptr_t alignment)
{
	return object != nullptr && reinterpret_cast<std::uintptr_t>(object) % alignment == 0;
}

template <class Call> static bool throws_bad_alloc(Call call)
{
	try {
		call();
	} catch (const std::bad_alloc &) {
		return true;
	}
	return false;
}

static void with_memory()
{
	for (std::size_t size = 0; size < 300000; size = size * 2 + 1) {
		void *o;

		CHECK(is_at(o = ::operator new(size), 16));
		::operator delete(o);
		CHECK(is_at(o = ::operator new(size), 16));
		::operator delete(o, size);
		CHECK(is_at(o = ::operator new[](size), 16));
		::operator delete[](o);
		CHECK(is_at(o = ::operator new[](size), 16));
		::operator delete[](o, size);
		CHECK(is_at(o = ::operator new(size, std::nothrow), 16));
		::operator delete(o, std::nothrow);
		CHECK(is_at(o = ::operator new[](size, std::nothrow), 16));
		::operator delete[](o, std::nothrow);
		CHECK(is_at(o = ::operator new(size, aligned), 512));
		::operator delete(o, aligned);
		CHECK(is_at(o = ::operator new(size, aligned), 512));
		::operator delete(o, size, aligned);
		CHECK(is_at(o = ::operator new[](size, aligned), 512));
		::operator delete[](o, aligned);
		CHECK(is_at(o = ::operator new[](size, aligned), 512));
		::operator delete[](o, size, aligned);
		CHECK(is_at(o = ::operator new(size, aligned, std::nothrow), 512));
		::operator delete(o, aligned, std::nothrow);
		CHECK(is_at(o = ::operator new[](size, aligned, std::nothrow), 512));
		::operator delete[](o, aligned, std::nothrow);
	}
}

static void without_memory()
{
	for (int handler = 0; handler < 3; handler++) {
		// Each operator calls the handler until there is none, or until it throws: 0 times, 3 times (gives_up) or once.
		auto begin = [&] {
			handled = 0;
			std::set_new_handler(handler == 0 ? nullptr : handler == 1 ? gives_up : throws);
			return true;
		};
		const int times = handler == 0 ? 0 : handler == 1 ? 3 : 1;

		CHECK(begin() && throws_bad_alloc([] { ::operator delete(::operator new(endless)); }) && handled == times);
		CHECK(begin() && throws_bad_alloc([] { ::operator delete[](::operator new[](endless)); }) && handled == times);
		CHECK(begin() && throws_bad_alloc([] { ::operator delete(::operator new(endless, aligned), aligned); }) &&
		      handled == times);
		CHECK(begin() && throws_bad_alloc([] { ::operator delete[](::operator new[](endless, aligned), aligned); }) &&
		      handled == times);
		CHECK(begin() && ::operator new(endless, std::nothrow) == nullptr && handled == times);
		CHECK(begin() && ::operator new[](endless, std::nothrow) == nullptr && handled == times);
		CHECK(begin() && ::operator new(endless, aligned, std::nothrow) == nullptr && handled == times);
		CHECK(begin() && ::operator new[](endless, aligned, std::nothrow) == nullptr && handled == times);
	}
	std::set_new_handler(nullptr);
}

static void with_all_memory_in_use()
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		const struct rlimit limit = {rlim_t(300) << 20, rlim_t(300) << 20};

		for (int i = 0; i < 3; i++) {
			std::list<long> list;
			bool caught = false;

			if (setrlimit(RLIMIT_AS, &limit) != 0)
				_exit(1);
			try {
				for (;;)
					list.push_back(i);
			} catch (const std::bad_alloc &) {
				caught = true;
			}
			if (!caught || list.size() < 1000)
				_exit(1);
		}
		_exit(0);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

// Checks that other components of this program find the allocator's operators.
static void whose()
{
	static const char *const names[] = {
		"_Znwm", "_Znam", "_ZnwmRKSt9nothrow_t", "_ZnamRKSt9nothrow_t", "_ZnwmSt11align_val_t",
		"_ZnamSt11align_val_t", "_ZnwmSt11align_val_tRKSt9nothrow_t", "_ZnamSt11align_val_tRKSt9nothrow_t",
		"_ZdlPv", "_ZdaPv", "_ZdlPvm", "_ZdaPvm", "_ZdlPvRKSt9nothrow_t", "_ZdaPvRKSt9nothrow_t",
		"_ZdlPvSt11align_val_t", "_ZdaPvSt11align_val_t", "_ZdlPvmSt11align_val_t", "_ZdaPvmSt11align_val_t",
		"_ZdlPvSt11align_val_tRKSt9nothrow_t", "_ZdaPvSt11align_val_tRKSt9nothrow_t", "__libc_malloc",
		"__libc_calloc", "__libc_realloc", "__libc_memalign", "__libc_valloc", "__libc_pvalloc", "__libc_free",
		"free_sized", "free_aligned_sized"};
	Dl_info of, allocator;

	CHECK(dladdr(dlsym(RTLD_DEFAULT, "malloc"), &allocator) != 0);
	for (const char *name : names) {
		void *symbol = dlsym(RTLD_DEFAULT, name);

		if (symbol == nullptr || dladdr(symbol, &of) == 0 || of.dli_fbase != allocator.dli_fbase) {
			std::printf("%s isn't the allocator's\n", name);
			faults++;
		}
	}
}

extern "C" int run_operators()
{
	CHECK(std::getenv("LD_PRELOAD") != nullptr); // the libc was initialised with the environment
	with_memory();
	without_memory();
	with_all_memory_in_use();
	whose();
	if (faults == 0)
		std::puts("right");
	return faults != 0;
}
