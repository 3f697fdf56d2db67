// SPDX-License-Identifier: GPL-3.0-or-later
/* What the command line knows by itself: services, how they start, names of programs, filters of sockets. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "user/base/progname.h"
#include "user/cli/boot.h"
#include "user/cli/services.h"
#include "user/cli/sock_filter.h"

struct root {
	char dir[64];
};

static void put_file(const struct root *r, const char *path, const char *text)
{
	char full[256], *at;
	int fd;

	snprintf(full, sizeof(full), "%s%s", r->dir, path);
	for (at = strchr(full + strlen(r->dir) + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = 0;
		mkdir(full, 0755);
		*at = '/';
	}
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(sw_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static void put_link(const struct root *r, const char *path)
{
	char full[256];

	put_file(r, path, "");
	snprintf(full, sizeof(full), "%s%s", r->dir, path);
	assert_int_equal(unlink(full), 0);
	assert_int_equal(symlink("/nowhere/that/is/there", full), 0);
}

static int make_root(void **state)
{
	struct root *r = calloc(1, sizeof(*r));
	const char *tmp = getenv("TMPDIR");

	snprintf(r->dir, sizeof(r->dir), "%s/sw-audit.XXXXXX", tmp ? tmp : "/tmp");
	*state = r;
	return mkdtemp(r->dir) ? 0 : -1;
}

static int remove_root(void **state)
{
	struct root *r = *state;
	char command[96];

	snprintf(command, sizeof(command), "rm -rf '%s'", r->dir);
	if (system(command) != 0)
		return -1;
	free(r);
	return 0;
}

static void a_wants_link_starts_a_unit_at_boot(void **state)
{
	const struct root *r = *state;
	_strbuf_ struct sw_strbuf why = {};

	put_file(r, "/usr/lib/systemd/system/ssh.service", "[Unit]\n");
	assert_true(sw_boot_has_unit(r->dir, "ssh.service"));
	assert_int_equal(sw_boot_starts(r->dir, "ssh.service", &why), SW_BOOT_NO);
	put_link(r, "/etc/systemd/system/multi-user.target.wants/ssh.service");
	assert_int_equal(sw_boot_starts(r->dir, "ssh.service", &why), SW_BOOT_YES);
	assert_string_equal(sw_strbuf_get(&why), "/etc/systemd/system/multi-user.target.wants/ssh.service");
}

static void a_socket_unit_starts_its_service_at_boot(void **state)
{
	const struct root *r = *state;
	_strbuf_ struct sw_strbuf why = {};

	put_file(r, "/lib/systemd/system/rpcbind.service", "");
	put_link(r, "/etc/systemd/system/sockets.target.wants/rpcbind.socket");
	assert_int_equal(sw_boot_starts(r->dir, "rpcbind.service", &why), SW_BOOT_YES);
}

static void a_template_is_the_unit_of_its_instances(void **state)
{
	const struct root *r = *state;

	put_file(r, "/lib/systemd/system/openvpn@.service", "");
	assert_true(sw_boot_has_unit(r->dir, "openvpn@office.service"));
	assert_false(sw_boot_has_unit(r->dir, "other@office.service"));
}

static void without_systemd_start_links_tell(void **state)
{
	const struct root *r = *state;
	_strbuf_ struct sw_strbuf why = {};

	assert_int_equal(sw_boot_starts(r->dir, "sendmail.service", &why), SW_BOOT_UNKNOWN);
	put_file(r, "/etc/init.d/sendmail", "#!/bin/sh\n");
	assert_int_equal(sw_boot_starts(r->dir, "sendmail.service", &why), SW_BOOT_NO);
	put_link(r, "/etc/rc3.d/S80sendmail");
	assert_int_equal(sw_boot_starts(r->dir, "sendmail.service", &why), SW_BOOT_YES);
	assert_string_equal(sw_strbuf_get(&why), "/etc/rc3.d/S80sendmail");
}

static void a_file_is_found_in_the_lists_of_its_package(void **state)
{
	const struct root *r = *state;
	struct sw_packaged files[] = {{.path = "/usr/sbin/sshd"}, {.path = "/usr/bin/dash"}, {.path = "/opt/x"}};

	put_file(r, "/var/lib/dpkg/info/openssh-server.list", "/.\n/usr\n/usr/sbin\n/usr/sbin/sshd\n");
	put_file(r, "/var/lib/dpkg/info/dash:amd64.list", "/.\n/bin/dash\n/usr/share/dash\n");
	sw_boot_packages(r->dir, files, SW_ARRAY_SIZE(files));
	assert_string_equal(files[0].package, "openssh-server");
	assert_string_equal(files[1].package, "dash");
	assert_string_equal(files[2].package, "");
}

static void services_are_known_by_program_and_port(void **state)
{
	static const struct {
		const char *executable, *protocol;
		unsigned int port;
		const char *name;
		bool is_sure;
	} rows[] = {
		{"sshd", "tcp", 22, "ssh", true},
		{"sshd", "tcp", 2222, "ssh", true},
		{"rpcbind", "udp", 111, "portmap", true},
		{"rpc.statd", "tcp", 32768, "rpc.statd", true},
		{"xinetd", "tcp", 23, "xinetd", true},
		{"sendmail", "tcp", 25, "sendmail", true},
		{"cannaserver", "tcp", 5680, "cannaserver", true},
		{"httpd", "tcp", 443, "apache", true},
		{"", "tcp", 2049, "nfs", false},
		{"evil", "tcp", 22, NULL, false},
		{"java", "tcp", 9200, "elasticsearch", true},
		{"java", "tcp", 12345, NULL, false},
		{"", "tcp", 12345, NULL, false},
	};

	assert_true(sw_service_count() >= 150);
	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		bool is_sure;
		const struct sw_service *s =
			sw_service_find(rows[i].executable, rows[i].protocol, rows[i].port, &is_sure);

		if (!rows[i].name) {
			assert_null(s);
			continue;
		}
		assert_non_null(s);
		assert_string_equal(s->name, rows[i].name);
		assert_int_equal(is_sure, rows[i].is_sure);
	}
}

static void a_program_is_called_by_its_file(void **state)
{
	static const char *const rows[][3] = {
		{"/usr/lib/chromium/chromium", "exe", "chromium"}, {"", "kthreadd", "kthreadd"},
		{"/usr/bin/python3.11", "fail2ban-server", "fail2ban-server"}, {"/usr/bin/python3", "", "python3"},
		{"/usr/sbin/shadowd", "x", "shadowd"}, {"/bin/sh", "run-me", "run-me"},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++)
		assert_string_equal(sw_program_name(rows[i][0], rows[i][1]), rows[i][2]);
}

static bool passes(const char *inet, const char *word, const char *socket)
{
	struct sw_cli_options o = {.inet = inet};
	struct sw_sock_filter f;
	const char *bad = NULL;
	json_t *s = json_loads(socket, 0, NULL);
	bool is_passed;

	assert_non_null(s);
	assert_int_equal(sw_sock_filter_init(&f, &o, word, &bad), 0);
	is_passed = sw_sock_filter_passes(&f, s);
	json_decref(s);
	return is_passed;
}

static void filters_read_as_those_of_lsof(void **state)
{
	static const char tcp25[] = "{\"protocol\":\"tcp\",\"family\":4,\"local\":\"127.0.0.1\",\"lport\":25}";
	static const char udp[] =
		"{\"protocol\":\"udp\",\"family\":6,\"local\":\"::1\",\"lport\":9,\"remote\":\"::2\",\"rport\":53}";
	static const char path[] = "{\"protocol\":\"unix\",\"family\":0,\"lport\":0,\"path\":\"/x\"}";

	assert_true(passes("tcp:25", NULL, tcp25));
	assert_true(passes("TCP", NULL, tcp25));
	assert_true(passes("4tcp@127.0.0.1:1-100", NULL, tcp25));
	assert_true(passes("", NULL, tcp25));
	assert_true(passes(":22,25", NULL, tcp25));
	assert_false(passes("udp:25", NULL, tcp25));
	assert_false(passes("6", NULL, tcp25));
	assert_false(passes("@127.0.0.2", NULL, tcp25));
	assert_true(passes("6udp@[::2]:53", NULL, udp));
	assert_true(passes(NULL, ":53", udp));
	assert_false(passes(NULL, ":54-60", udp));
	assert_true(passes(NULL, NULL, path));
	assert_false(passes("", NULL, path));
}

static void what_is_no_filter_is_refused(void **state)
{
	static const char *const bad[] = {"tcp:", "tcp:0x1", ":70000", ":9-1", "tpc", "tcp:1,,2", "7", ":1-2-3"};
	struct sw_sock_filter f;
	const char *which;

	for (size_t i = 0; i < SW_ARRAY_SIZE(bad); i++) {
		struct sw_cli_options o = {.inet = bad[i]};

		if (sw_sock_filter_init(&f, &o, NULL, &which) != -EINVAL)
			fail_msg("-i %s was taken", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_wants_link_starts_a_unit_at_boot, make_root, remove_root),
		cmocka_unit_test_setup_teardown(a_socket_unit_starts_its_service_at_boot, make_root, remove_root),
		cmocka_unit_test_setup_teardown(a_template_is_the_unit_of_its_instances, make_root, remove_root),
		cmocka_unit_test_setup_teardown(without_systemd_start_links_tell, make_root, remove_root),
		cmocka_unit_test_setup_teardown(a_file_is_found_in_the_lists_of_its_package, make_root, remove_root),
		cmocka_unit_test(services_are_known_by_program_and_port),
		cmocka_unit_test(a_program_is_called_by_its_file),
		cmocka_unit_test(filters_read_as_those_of_lsof),
		cmocka_unit_test(what_is_no_filter_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
