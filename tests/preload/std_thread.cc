// SPDX-License-Identifier: MIT
// std_thread.cc - uses C++ threads, futures and thread-local destructors. Exceptions pass through each of them.
#include <atomic>
#include <future>
#include <stdexcept>
#include <thread>
#include <vector>

static std::atomic<int> made, destroyed;

struct local {
	local() { made++; }
	~local() { destroyed++; }
};

int main()
{
	std::vector<std::thread> threads;
	std::atomic<int> caught{0};

	for (int i = 0; i < 64; i++)
		threads.emplace_back([&] {
			static thread_local local object;
			try {
				(void)&object;
				throw std::runtime_error("thrown in a thread");
			} catch (const std::exception &) {
				caught++;
			}
		});
	for (auto &thread : threads)
		thread.join();
	auto future = std::async(std::launch::async, []() -> int { throw 7; });
	try {
		future.get();
	} catch (int thrown) {
		caught += thrown;
	}
	return caught == 71 && made == 64 && destroyed == 64 ? 0 : 1;
}
