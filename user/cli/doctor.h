/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Questions about this host, each answered ok, warn or fail with a fix in one line. The rows of
 * doctor.c ask the machine; those of doctor_net.c its devices and the daemon.
 */
#pragma once

#include "sockwarden/rpc/config.h"
#include "user/cli/cli.h"

enum sw_doctor_state { SW_DOCTOR_OK, SW_DOCTOR_WARN, SW_DOCTOR_FAIL };

struct sw_doctor {
	struct sw_cli *cli;
	json_t *checks; /* {name, state, text, fix} */
	json_t *status; /* the engine's, or NULL */
	struct sw_config conf; /* the file's settings, or the defaults */
	enum sw_doctor_state worst;
};

/* Adds an answer; fix may be NULL. */
void sw_doctor_add(struct sw_doctor *d, enum sw_doctor_state state, const char *name, const char *fix,
	const char *fmt, ...) _printf_(5, 6);

/* doctor_net.c */
void sw_doctor_daemon(struct sw_doctor *d);
void sw_doctor_hooks(struct sw_doctor *d);
void sw_doctor_devices(struct sw_doctor *d);
void sw_doctor_backends(struct sw_doctor *d);
void sw_doctor_crowdsec(struct sw_doctor *d);
void sw_doctor_crowdsec_reports(struct sw_doctor *d);
void sw_doctor_administrator(struct sw_doctor *d);
/* doctor_alerts.c */
void sw_doctor_cut(struct sw_doctor *d);
void sw_doctor_alerts(struct sw_doctor *d);
/* doctor_coverage.c: {fact, live, hook or null, text}; empty when the daemon does not answer. */
json_t *sw_doctor_coverage(const struct sw_doctor *d);
void sw_doctor_print_coverage(const struct sw_cli *c, const json_t *coverage);
/* --plan IFACE; checks are not used. */
int sw_doctor_plan(struct sw_doctor *d, const char *name);
/* doctor.c: reads the configuration into d->conf: 0, -ENOENT, -EINVAL with errors, -errno. */
int sw_doctor_configuration(struct sw_doctor *d, struct sw_strbuf *errors);
