/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of known services, feeds/services.csv, built into the program. Pure. */
#pragma once

#include "user/base/util.h"

enum sw_risk { SW_RISK_LOW = 1, SW_RISK_MEDIUM, SW_RISK_HIGH };

/* Lists are words with spaces between; "" for none. */
struct sw_service {
	const char *name;
	const char *ports;	 /* "22/tcp" */
	const char *executables; /* base names */
	const char *purpose, *not_needed;
	enum sw_risk risk; /* when others reach it */
	const char *units; /* of systemd */
};

/*
 * The service that an executable (base name, "" unknown) with a port is; NULL: none we know.
 * *ret_is_sure: told by the executable, not by the port alone.
 */
const struct sw_service *sw_service_find(const char *executable, const char *protocol, unsigned int port,
	bool *ret_is_sure);
size_t sw_service_count(void);
const char *sw_risk_word(enum sw_risk risk);
/* Calls fn for each word of a list until it is not 0; its result. */
int sw_service_each(const char *list, int (*fn)(const char *word, void *arg), void *arg);
