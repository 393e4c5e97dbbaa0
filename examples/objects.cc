// SPDX-License-Identifier: MIT
// objects.cc - reference counts for C++ objects with virtual functions. A class derives from rk_ref.
#include <rseqkit/counter.h>
#include <rseqkit/ref.h>

#include <cstdio>
#include <new>
#include <thread>
#include <vector>

namespace
{

rk_counter *drawn;
int destroyed;

class shape : public rk_ref
{
public:
	shape()
	{
		if (rk_ref_init(this, release) != 0)
			throw std::bad_alloc();
	}
	shape(const shape &) = delete;
	shape &operator=(const shape &) = delete;
	virtual void draw() const = 0;

protected:
	virtual ~shape() = default;

private:
	// The compiler chooses the offset of rk_ref in an object. offsetof() isn't defined for such a class, but static_cast works.
	static void release(rk_ref *ref)
	{
		delete static_cast<shape *>(ref);
	}
};

class circle : public shape
{
public:
	void draw() const override
	{
		rk_counter_add(drawn, 1);
	}
	~circle() override
	{
		destroyed++;
	}
};

// Holds one reference to a shape. A copy of this object holds a reference of its own. The destructor gives its reference back.
class reference
{
public:
	explicit reference(shape *of) : to(of)
	{
		rk_ref_get(to);
	}
	reference(const reference &other) : reference(other.to)
	{
	}
	reference &operator=(const reference &) = delete;
	~reference()
	{
		rk_ref_put(to);
	}
	shape *operator->() const
	{
		return to;
	}

private:
	shape *to;
};

void draw(reference shape)
{
	for (int i = 0; i < 1000; i++) {
		reference another = shape;

		another->draw();
	}
}

} // namespace

int main()
{
	std::vector<std::thread> threads;

	if (rk_counter_create(&drawn) != 0)
		return 1;
	shape *first = new circle;

	for (int i = 0; i < 4; i++)
		threads.emplace_back(draw, reference(first));
	rk_ref_kill(first); // drops the owner's reference; the threads have their own
	for (std::thread &thread : threads)
		thread.join();
	threads.clear();
	std::printf("drawn %lld times, destroyed %d times\n", static_cast<long long>(rk_counter_sum(drawn)), destroyed);
	return rk_counter_sum(drawn) == 4000 && destroyed == 1 ? rk_counter_destroy(drawn) : 1;
}
