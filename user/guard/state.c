// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/state.h"

#include <fcntl.h>

enum { MAGIC = 0x73776773, VERSION = 4 }; /* "swgs" */
#define STATE_NAME "guard.state"

struct file {
	__u32 magic, version, size, crc;
	struct sw_guard_state state;
};

int sw_guard_state_load(const char *run_dir, struct sw_guard_state *ret)
{
	_close_ int dir = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
	struct file f;

	if (dir < 0)
		return -errno;
	fd = openat(dir, STATE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (read(fd, &f, sizeof(f)) != sizeof(f) || f.magic != MAGIC || f.version != VERSION ||
		f.size != sizeof(f) || sw_crc32(0, &f.state, sizeof(f.state)) != f.crc)
		return -EBADMSG;
	*ret = f.state;
	return 0;
}

int sw_guard_state_save(const char *run_dir, const struct sw_guard_state *s)
{
	struct file f = {.magic = MAGIC, .version = VERSION, .size = sizeof(f), .state = *s};
	_close_ int dir = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return -errno;
	f.crc = sw_crc32(0, &f.state, sizeof(f.state));
	return sw_write_file_atomic(dir, STATE_NAME, &f, sizeof(f), 0600);
}
