/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long a daemon's loop turns take: loaded with LD_PRELOAD, this stands
 * before epoll_wait() and measures from its return to the next call, in the
 * daemon's own CPU time (a stall that the daemon makes) and by the wall clock
 * (what the machine adds).  The figures live in the file named by
 * PMIP_BENCH_TURNS, mapped: whoever measures reads and clears them there.  Who
 * writes 1 to `ask` gets at the end of a turn what malloc() has given out.  Of
 * the turn that took most CPU time there is what went into receiving and
 * sending, and the page faults.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct turns {
	uint64_t n, max_cpu_ns, max_wall_ns, over_1ms, over_5ms;
	volatile uint64_t ask, heap;
	uint64_t max_io_ns, max_faults;
};

struct turns_state {
	struct turns *shared;
	uint64_t cpu, wall;		/* when the latest wait ended */
	uint64_t io, faults;		/* since then; at that time */
	int (*recvmmsg)(int fd, struct mmsghdr *v, unsigned n, int flags,
	    struct timespec *timeout);
	int (*sendmmsg)(int fd, struct mmsghdr *v, unsigned n, int flags);
};

static struct turns_state st;

static uint64_t
now(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

__attribute__((constructor)) static void
turns_open(void)
{
	const char *path = getenv("PMIP_BENCH_TURNS");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	st.shared = mmap(NULL, sizeof(*st.shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	if (st.shared == MAP_FAILED)
		st.shared = NULL;
	close(fd);
}

int
recvmmsg(int fd, struct mmsghdr *v, unsigned n, int flags,
    struct timespec *timeout)
{
	uint64_t begun = now(CLOCK_THREAD_CPUTIME_ID);
	int r;

	if (st.recvmmsg == NULL)
		*(void **)&st.recvmmsg = dlsym(RTLD_NEXT, "recvmmsg");
	r = st.recvmmsg(fd, v, n, flags, timeout);
	st.io += now(CLOCK_THREAD_CPUTIME_ID) - begun;
	return r;
}

int
sendmmsg(int fd, struct mmsghdr *v, unsigned n, int flags)
{
	uint64_t begun = now(CLOCK_THREAD_CPUTIME_ID);
	int r;

	if (st.sendmmsg == NULL)
		*(void **)&st.sendmmsg = dlsym(RTLD_NEXT, "sendmmsg");
	r = st.sendmmsg(fd, v, n, flags);
	st.io += now(CLOCK_THREAD_CPUTIME_ID) - begun;
	return r;
}

static uint64_t
turns_faults(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (uint64_t)(r.ru_minflt + r.ru_majflt);
}

static void
turns_note(struct turns *t)
{
	uint64_t cpu = now(CLOCK_THREAD_CPUTIME_ID) - st.cpu;
	uint64_t wall = now(CLOCK_MONOTONIC) - st.wall;

	t->n++;
	t->over_1ms += cpu > 1000000;
	t->over_5ms += cpu > 5000000;
	if (cpu > t->max_cpu_ns) {
		t->max_cpu_ns = cpu;
		t->max_io_ns = st.io;
		t->max_faults = turns_faults() - st.faults;
	}
	if (wall > t->max_wall_ns)
		t->max_wall_ns = wall;
}

static void
turns_heap(struct turns *t)
{
	struct mallinfo2 m = mallinfo2();

	t->heap = m.uordblks + m.hblkhd;
	t->ask = 0;
}

int
epoll_wait(int epfd, struct epoll_event *events, int max, int timeout)
{
	int r;

	if (st.shared != NULL && st.wall != 0)
		turns_note(st.shared);
	if (st.shared != NULL && st.shared->ask != 0)
		turns_heap(st.shared);
	r = (int)syscall(SYS_epoll_pwait, epfd, events, max, timeout, NULL,
	    8);
	if (st.shared != NULL) {
		st.io = 0;
		st.faults = turns_faults();
		st.cpu = now(CLOCK_THREAD_CPUTIME_ID);
		st.wall = now(CLOCK_MONOTONIC);
	}
	return r;
}
