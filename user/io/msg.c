// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/io/msg.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE, GROUPS_MAX = 256 };

int sw_msg_send(int sock, const void *buf, size_t len, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(SW_MSG_FDS_MAX * sizeof(int))];
	} control = {};
	struct iovec iov = {.iov_base = (void *)buf, .iov_len = len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (n_fds > SW_MSG_FDS_MAX)
		return -E2BIG;
	if (n_fds) {
		struct cmsghdr *c;

		m.msg_control = control.space;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	do
		n = sendmsg(sock, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static void take_fds(struct msghdr *m, int *fds, size_t *n_fds)
{
	size_t room = *n_fds, got = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (got < room)
				fds[got++] = fd;
			else
				sw_close(fd);
		}
	}
	*n_fds = got;
}

ssize_t sw_msg_recv(int sock, void *buf, size_t size, int *fds, size_t *n_fds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(SW_MSG_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = buf, .iov_len = size};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space)};
	size_t none = 0, *count = n_fds ? n_fds : &none;
	ssize_t n;

	do
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		*count = 0;
		return -errno;
	}
	take_fds(&m, fds, count);
	if (m.msg_flags & MSG_TRUNC) {
		for (size_t i = 0; i < *count; i++)
			sw_close(fds[i]);
		*count = 0;
		return -EMSGSIZE;
	}
	return n;
}

int sw_msg_peer(int sock, struct sw_peer *ret)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	*ret = (struct sw_peer){.pid = cred.pid, .uid = cred.uid, .gid = cred.gid};
	return 0;
}

bool sw_msg_peer_in_group(int sock, const struct sw_peer *p, gid_t gid)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (p->gid == gid)
		return true;
	if (getsockopt(sock, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false;
	for (size_t i = 0; i < len / sizeof(gid_t); i++) {
		if (groups[i] == gid)
			return true;
	}
	return false;
}

static int set_path(struct sockaddr_un *sa, const char *path)
{
	*sa = (struct sockaddr_un){.sun_family = AF_UNIX};
	return sw_strcpy(sa->sun_path, sizeof(sa->sun_path), path) ? 0 : -ENAMETOOLONG;
}

int sw_unix_connect(const char *path, int type)
{
	_close_ int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	struct sockaddr_un sa;
	int r;

	if (fd < 0)
		return -errno;
	r = set_path(&sa, path);
	if (r < 0)
		return r;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int sw_unix_listen(const char *path, int type, mode_t mode, uid_t uid, gid_t gid)
{
	_close_ int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), probe = -1;
	struct sockaddr_un sa;
	mode_t old;
	int r;

	if (fd < 0)
		return -errno;
	r = set_path(&sa, path);
	if (r < 0)
		return r;
	probe = sw_unix_connect(path, type);
	if (probe >= 0)
		return -EADDRINUSE;
	if (probe == -ECONNREFUSED)
		unlink(path);
	old = umask(0777); /* nobody connects before mode and owner are right */
	r = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ? -errno : 0;
	umask(old);
	if (r < 0)
		return r;
	if (((uid != (uid_t)-1 || gid != (gid_t)-1) && chown(path, uid, gid) < 0) || chmod(path, mode) < 0 ||
		listen(fd, SOMAXCONN) < 0) {
		r = -errno;
		unlink(path);
		return r;
	}
	return TAKE_FD(fd);
}

int sw_memfd_create(const char *name, size_t len, void **ret_map)
{
	_close_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *map;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)len) < 0)
		return -errno;
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	*ret_map = map;
	return TAKE_FD(fd);
}

int sw_memfd_seal(int fd, void *map, size_t len)
{
	if (map && munmap(map, len) < 0)
		return -errno;
	return fcntl(fd, F_ADD_SEALS, SEALS) < 0 ? -errno : 0;
}

int sw_memfd_sealed(const char *name, const void *buf, size_t len)
{
	_close_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return -errno;
	r = sw_write_all(fd, buf, len);
	if (r < 0)
		return r;
	r = sw_memfd_seal(fd, NULL, 0);
	return r < 0 ? r : TAKE_FD(fd);
}

int sw_memfd_map_sealed(int fd, size_t max, const void **ret_map, size_t *ret_len)
{
	const int wanted = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	void *map;

	if (seals < 0 || (seals & wanted) != wanted)
		return -EPERM;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0)
		return -ENODATA;
	if ((uint64_t)st.st_size > max)
		return -EFBIG;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	*ret_map = map;
	*ret_len = (size_t)st.st_size;
	return 0;
}
