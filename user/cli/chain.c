// SPDX-License-Identifier: GPL-3.0-or-later
/* chain: a program of the operator's own after the gate. The guard is asked itself: the engine has no part in it. */
#include <bpf/bpf.h>

#include "user/cli/guard_ask.h"
#include "user/cli/table.h"

/* tcx and clsact ask every program on a device by themselves; a slot is of use where there is one place alone. */
static bool is_called_on(const struct sw_guard_iface *f)
{
	return sw_streq(f->hook, "native") || sw_streq(f->hook, "generic");
}

static const char *say_place(const struct sw_guard_iface *f, bool has_chain)
{
	if (sw_streq(f->hook, "none"))
		return "the gate is not there";
	if (sw_streq(f->hook, "dispatcher"))
		return "not called: load it by xdp-loader, and it runs beside the gate";
	if (!is_called_on(f))
		return "not called: attach it there by itself, what passes goes on to it";
	return has_chain ? "gets what the gate passes" : "nothing is chained";
}

static json_t *make_rows(const struct sw_guard_status *s)
{
	json_t *rows = json_array();

	for (__u32 i = 0; rows && i < SW_MIN(s->n_ifaces, (__u32)SW_GUARD_IFACES_MAX); i++) {
		const struct sw_guard_iface *f = &s->ifaces[i];

		json_array_append_new(rows,
			json_pack("{s:s, s:s, s:b, s:s}", "interface", f->name, "hook", f->hook, "called",
				s->chain.id && is_called_on(f), "text", say_place(f, s->chain.id)));
	}
	return rows;
}

static json_t *make_json(const struct sw_guard_status *s)
{
	const struct sw_guard_chain *c = &s->chain;
	json_t *program = json_null();

	if (c->id)
		program = json_pack("{s:I, s:s, s:s, s:I}", "id", (json_int_t)c->id, "name", c->name, "tag", c->tag,
			"uid", (json_int_t)c->uid);
	return json_pack("{s:i, s:o, s:o}", "schema_version", 1, "chain", program, "interfaces", make_rows(s));
}

static void print(const struct sw_cli *c, const json_t *data)
{
	static const struct sw_cli_column cols[] = {
		{"INTERFACE", "interface"}, {"HOOK", "hook"}, {"WHAT", "text", SW_COL_FLEX}, {}};
	const json_t *program = json_object_get(data, "chain");
	const char *name = sw_cli_text(program, "name");

	if (json_is_object(program)) {
		printf("XDP program %lld (", sw_cli_number(program, "id"));
		sw_cli_put(c, NULL, *name ? name : "unnamed");
		printf(", tag %s, loaded by uid %lld)\n", sw_cli_text(program, "tag"), sw_cli_number(program, "uid"));
	} else {
		puts("no program is chained");
	}
	sw_cli_table(c, json_object_get(data, "interfaces"), cols, 0);
}

/* On the host itself, so that the answer is there without the engine too. */
int sw_cli_chain_show(struct sw_cli *c)
{
	struct sw_guard_reply *reply = calloc(1, sizeof(*reply));
	json_t *data = NULL;
	int r;

	if (!reply)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
	r = sw_cli_guard_result(c, sw_cli_guard_status(c, reply), reply);
	if (!r) {
		data = make_json(&reply->status);
		if (!data)
			r = sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
	}
	free(reply);
	if (!r && !sw_cli_print_json(c, data))
		print(c, data);
	json_decref(data);
	return r;
}

static int ask(struct sw_cli *c, int prog)
{
	struct sw_guard_reply *reply = calloc(1, sizeof(*reply));
	int r;

	if (!reply)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
	r = sw_cli_guard_result(c, sw_cli_guard_chain(c, prog, reply), reply);
	free(reply);
	return r;
}

/* The pin is opened here, where its path means something: the guard may have another mount namespace. */
int sw_cli_chain_set(struct sw_cli *c)
{
	_close_ int prog = bpf_obj_get(c->words[0]);
	int r;

	if (prog < 0 && (errno == EPERM || errno == EACCES))
		return sw_cli_error(SW_EXIT_PERMISSION, "run it as root", "%s: %s", c->words[0], strerror(errno));
	if (prog < 0)
		return sw_cli_error(SW_EXIT_NEGATIVE, "bpftool prog load FILE PIN pins a program",
			"%s: no pin of a BPF program: %s", c->words[0], strerror(errno));
	r = ask(c, prog);
	return r ? r : sw_cli_chain_show(c);
}

int sw_cli_chain_clear(struct sw_cli *c)
{
	int r = ask(c, -1);

	if (!r)
		sw_cli_say(c, "no program is chained any more");
	return r;
}
