// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/base/util.h"

#include <endian.h>
#include <fcntl.h>
#include <sys/stat.h>
#if defined(__x86_64__)
#include <wmmintrin.h>
#endif

int sw_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return -1;
}

bool sw_strcpy(char *dst, size_t size, const char *src)
{
	size_t n = strnlen(src, size);

	if (!size)
		return false;
	if (n == size) {
		memcpy(dst, src, size - 1);
		dst[size - 1] = 0;
		return false;
	}
	memcpy(dst, src, n + 1);
	return true;
}

enum { NEAREST_MAX = 64 }; /* longer words are not worth a suggestion */

static size_t edit_distance(const char *a, const char *b)
{
	size_t row[NEAREST_MAX + 1], la = strlen(a), lb = strlen(b);

	if (la > NEAREST_MAX || lb > NEAREST_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t up = row[j], best = diagonal + (a[i - 1] != b[j - 1]);

			best = SW_MIN(best, up + 1);
			row[j] = SW_MIN(best, row[j - 1] + 1);
			diagonal = up;
		}
	}
	return row[lb];
}

const char *sw_nearest(const char *text, const char *const *words, size_t n)
{
	size_t best = strlen(text) / 3 + 1;
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		size_t d = words[i] ? edit_distance(text, words[i]) : SIZE_MAX;

		if (d < best || (d == best && !found)) {
			best = d;
			found = words[i];
		}
	}
	return found;
}

/* As read(2), again where a signal came in between; -errno. */
static ssize_t read_some(int fd, void *buf, size_t size)
{
	ssize_t r;

	do {
		r = read(fd, buf, size);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

int sw_read_all(int fd, size_t max, char **ret, size_t *ret_len)
{
	size_t len = 0, cap = 4096;
	_free_ char *buf = malloc(cap + 1);

	if (!buf)
		return -ENOMEM;
	for (;;) {
		ssize_t r = read_some(fd, buf + len, cap - len);

		if (r < 0)
			return (int)r;
		if (r == 0)
			break;
		len += (size_t)r;
		if (len > max)
			return -EFBIG;
		if (len == cap) {
			char *more = realloc(buf, cap * 2 + 1);

			if (!more)
				return -ENOMEM;
			buf = more;
			cap *= 2;
		}
	}
	buf[len] = 0;
	*ret = TAKE_PTR(buf);
	*ret_len = len;
	return 0;
}

ssize_t sw_read_file(const char *path, char *buf, size_t size)
{
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;

	if (fd < 0)
		return -errno;
	while (len < size - 1) {
		ssize_t r = read_some(fd, buf + len, size - 1 - len);

		if (r < 0)
			return r;
		if (r == 0)
			break;
		len += (size_t)r;
	}
	buf[len] = 0;
	return (ssize_t)len;
}

int sw_write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len) {
		ssize_t w = write(fd, p, len);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		p += w;
		len -= (size_t)w;
	}
	return 0;
}

int sw_write_file_atomic(int dirfd, const char *name, const void *buf, size_t len, unsigned int mode)
{
	char tmp[280];
	_close_ int fd = -1;
	int r;

	if (snprintf(tmp, sizeof(tmp), ".%s.tmp", name) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
	r = sw_write_all(fd, buf, len);
	if (!r && fsync(fd) < 0)
		r = -errno;
	if (!r && renameat(dirfd, tmp, dirfd, name) < 0)
		r = -errno;
	if (r)
		unlinkat(dirfd, tmp, 0);
	return r;
}

enum { CRC_SLICES = 8, CRC_SLICED_MIN = 16384 };

/* Long buffers: eight bytes a step. The tables are made on the stack, in a few microseconds. */
static uint32_t crc_sliced(uint32_t crc, const unsigned char *p, size_t len)
{
	uint32_t t[CRC_SLICES][256];
	uint64_t v;

	for (uint32_t i = 0; i < 256; i++) {
		t[0][i] = i;
		for (int bit = 0; bit < 8; bit++)
			t[0][i] = t[0][i] >> 1 ^ (t[0][i] & 1 ? 0xedb88320 : 0);
	}
	for (int slice = 1; slice < CRC_SLICES; slice++)
		for (int i = 0; i < 256; i++)
			t[slice][i] = t[slice - 1][i] >> 8 ^ t[0][t[slice - 1][i] & 255];
	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&v, p, sizeof(v));
		v = le64toh(v) ^ crc;
		crc = t[7][v & 255] ^ t[6][v >> 8 & 255] ^ t[5][v >> 16 & 255] ^ t[4][v >> 24 & 255] ^
		      t[3][v >> 32 & 255] ^ t[2][v >> 40 & 255] ^ t[1][v >> 48 & 255] ^ t[0][v >> 56];
	}
	return crc;
}

#if defined(__x86_64__)
/*
 * By carry-less multiplication, 64 bytes a step: what is folded so far is carried over the next 512 bits by
 * x^(512+32) and x^(512-32) modulo the polynomial, bits reflected. Leaves 64 bytes whose CRC from a register of 0 is
 * that of all that was read. Source: Gopal and others, Fast CRC Computation Using PCLMULQDQ, Intel 2009.
 */
__attribute__((target("pclmul,sse2"))) static void crc_fold(
	uint32_t crc, const unsigned char *p, size_t len, unsigned char ret[64])
{
	const __m128i k = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
	__m128i x[4];

	for (int i = 0; i < 4; i++)
		x[i] = _mm_loadu_si128((const __m128i *)p + i);
	x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)crc));
	for (p += 64, len -= 64; len >= 64; p += 64, len -= 64)
		for (int i = 0; i < 4; i++)
			x[i] = _mm_xor_si128(_mm_loadu_si128((const __m128i *)p + i),
				_mm_xor_si128(_mm_clmulepi64_si128(x[i], k, 0x00),
					_mm_clmulepi64_si128(x[i], k, 0x11)));
	for (int i = 0; i < 4; i++)
		_mm_storeu_si128((__m128i *)ret + i, x[i]);
}
#endif

/* The register after all whole pieces of 64 bytes; crc and the answer are not inverted. */
static uint32_t crc_long(uint32_t crc, const unsigned char *p, size_t len)
{
#if defined(__x86_64__)
	unsigned char folded[64];

	if (__builtin_cpu_supports("pclmul")) {
		crc_fold(crc, p, len, folded);
		return crc_sliced(0, folded, sizeof(folded));
	}
#endif
	return crc_sliced(crc, p, len & ~(size_t)63);
}

uint32_t sw_crc32(uint32_t crc, const void *buf, size_t len)
{
	static const uint32_t nibble[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	const unsigned char *p = buf;

	crc = ~crc;
	if (len >= CRC_SLICED_MIN) {
		crc = crc_long(crc, p, len);
		p += len & ~(size_t)63;
		len &= 63;
	}
	while (len--) {
		crc ^= *p++;
		crc = (crc >> 4) ^ nibble[crc & 15];
		crc = (crc >> 4) ^ nibble[crc & 15];
	}
	return ~crc;
}
