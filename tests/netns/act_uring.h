/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The least of io_uring: one request at a time, waited for. Raw system calls, because Debian 12's
 * headers know neither bind nor listen, and its liburing is no dependency of ours.
 */
#pragma once

#include <errno.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { URING_BIND = 56, URING_LISTEN = 57 }; /* since 6.11 */

struct uring {
	int fd;
	struct io_uring_params p;
	uint8_t *rings;
	struct io_uring_sqe *sqes;
};

/* Kernels before 5.4 have two mappings; those are not supported. 0 or -errno. */
static inline int uring_open(struct uring *u)
{
	size_t size;

	memset(u, 0, sizeof(*u));
	u->fd = (int)syscall(SYS_io_uring_setup, 4, &u->p);
	if (u->fd < 0)
		return -errno;
	size = u->p.sq_off.array + u->p.sq_entries * sizeof(uint32_t);
	if (size < u->p.cq_off.cqes + u->p.cq_entries * sizeof(struct io_uring_cqe))
		size = u->p.cq_off.cqes + u->p.cq_entries * sizeof(struct io_uring_cqe);
	u->rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, u->fd,
		IORING_OFF_SQ_RING);
	u->sqes = mmap(NULL, u->p.sq_entries * sizeof(*u->sqes), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_POPULATE, u->fd, IORING_OFF_SQES);
	return u->rings == MAP_FAILED || u->sqes == MAP_FAILED ? -errno : 0;
}

static inline uint32_t *uring_word(const struct uring *u, uint32_t offset)
{
	return (uint32_t *)(void *)(u->rings + offset);
}

/* Hands one request over and waits for its result; wait false: it stays under way. */
static inline int uring_submit(struct uring *u, const struct io_uring_sqe *sqe, int wait)
{
	uint32_t *tail = uring_word(u, u->p.sq_off.tail);
	uint32_t slot = *tail & *uring_word(u, u->p.sq_off.ring_mask);

	u->sqes[slot] = *sqe;
	uring_word(u, u->p.sq_off.array)[slot] = slot;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, u->fd, 1, wait ? 1 : 0, wait ? IORING_ENTER_GETEVENTS : 0,
		    NULL, 0) < 0)
		return -errno;
	return 0;
}

static inline int uring_reap(struct uring *u)
{
	uint32_t *head = uring_word(u, u->p.cq_off.head);
	struct io_uring_cqe *cqes = (void *)(u->rings + u->p.cq_off.cqes);
	int res;

	while (*head == __atomic_load_n(uring_word(u, u->p.cq_off.tail), __ATOMIC_ACQUIRE)) {
		if (syscall(SYS_io_uring_enter, u->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
			return -errno;
	}
	res = cqes[*head & *uring_word(u, u->p.cq_off.ring_mask)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return res;
}

static inline int uring_do(struct uring *u, const struct io_uring_sqe *sqe)
{
	int r = uring_submit(u, sqe, 1);

	return r < 0 ? r : uring_reap(u);
}
