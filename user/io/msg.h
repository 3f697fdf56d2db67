/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets with descriptors over SOCK_SEQPACKET UNIX sockets, and sealed memory to send with them.
 * Received descriptors are close-on-exec and belong to the caller.
 */
#pragma once

#include <sys/types.h>

#include "user/base/util.h"

enum { SW_MSG_FDS_MAX = 32 };

/* 0, -EAGAIN when the socket is full, -errno. The descriptors stay the caller's. */
int sw_msg_send(int sock, const void *buf, size_t len, const int *fds, size_t n_fds);
/*
 * One packet into buf. Bytes, 0 at the end of the stream, -EAGAIN, -EMSGSIZE when it was larger than
 * buf (it is gone), -errno. *n_fds: in, room in fds; out, descriptors received; surplus ones are closed.
 */
ssize_t sw_msg_recv(int sock, void *buf, size_t size, int *fds, size_t *n_fds);

struct sw_peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
};
int sw_msg_peer(int sock, struct sw_peer *ret);
/* True when the process has gid among its groups (primary, or supplementary at connect: SO_PEERGROUPS). */
bool sw_msg_peer_in_group(int sock, const struct sw_peer *p, gid_t gid);

/*
 * Listens at path (replaced when it is a dead socket), mode and owner set before anybody can connect.
 * type: SOCK_STREAM or SOCK_SEQPACKET. Descriptor or -errno, -EADDRINUSE when another process
 * answers there.
 */
int sw_unix_listen(const char *path, int type, mode_t mode, uid_t uid, gid_t gid);
/* Descriptor, non-blocking after it is connected, or -errno. */
int sw_unix_connect(const char *path, int type);

/* A memfd of the bytes, sealed against growing, shrinking and writing. Descriptor or -errno. */
int sw_memfd_sealed(const char *name, const void *buf, size_t len);
/* An unsealed memfd of len bytes mapped for writing at *ret_map; sw_memfd_seal unmaps and seals it. */
int sw_memfd_create(const char *name, size_t len, void **ret_map);
int sw_memfd_seal(int fd, void *map, size_t len);
/*
 * Maps a received memfd for reading after checking that it is sealed and at most max bytes; -EPERM
 * when unsealed, -EFBIG. The caller unmaps (munmap).
 */
int sw_memfd_map_sealed(int fd, size_t max, const void **ret_map, size_t *ret_len);
