// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/conf/image.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "user/base/log.h"
#include "sockwarden/abi/gate.h"
#include "sockwarden/model/finding.h"
#include "user/conf/schema.h"

static uint32_t image_crc(const struct sw_config *c)
{
	const uint32_t zero = 0;
	const char *p = (const char *)c;
	const size_t at = offsetof(struct sw_config, crc), after = at + sizeof(c->crc);
	uint32_t crc = sw_crc32(0, p, at);

	crc = sw_crc32(crc, &zero, sizeof(zero));
	return sw_crc32(crc, p + after, sizeof(*c) - after);
}

void sw_conf_image_finish(struct sw_config *c)
{
	c->magic = SW_CONFIG_MAGIC;
	c->version = SW_CONFIG_VERSION;
	c->size = sizeof(*c);
	c->crc = image_crc(c);
}

static bool has_end(const char *text, size_t size)
{
	return memchr(text, 0, size) != NULL;
}

static bool has_ended_sock_rules(const struct sw_config_sock_rules *rules)
{
	for (unsigned int i = 0; i < rules->n; i++) {
		const struct sw_config_sock_rule *r = &rules->at[i];

		if (!has_end(r->executable, sizeof(r->executable)) || !has_end(r->user, sizeof(r->user)) ||
			!has_end(r->container, sizeof(r->container)) || !has_end(r->ports, sizeof(r->ports)) ||
			!has_end(r->networks, sizeof(r->networks)) || r->action > SW_SOCK_DENY ||
			r->protocol > SW_SOCK_PROTO_PACKET || r->then > SW_SOCK_THEN_ISOLATE)
			return false;
	}
	return true;
}

static bool has_sound_geo_rules(const struct sw_config *c)
{
	for (unsigned int i = 0; i < c->n_geo_rules; i++) {
		const struct sw_config_geo_rule *r = &c->geo_rules[i];

		if (!has_end(r->countries, sizeof(r->countries)) || !has_end(r->systems, sizeof(r->systems)) ||
			!has_end(r->ports, sizeof(r->ports)) || r->direction > SW_GEO_DIRECTION_OUT ||
			r->action > SW_GEO_ALLOW_ONLY)
			return false;
	}
	return true;
}

static bool has_ended_texts(const struct sw_config *c)
{
	static const struct {
		size_t offset, size;
	} texts[] = {
#define TEXT(m) {offsetof(struct sw_config, m), sizeof(((struct sw_config *)0)->m)}
		TEXT(sensor_ifaces),
		TEXT(mail_to), TEXT(mail_from), TEXT(mail_subject), TEXT(smtp_url), TEXT(smtp_ca_file),
		TEXT(hosts_deny_file), TEXT(country_file), TEXT(country_asn_file),
		TEXT(smtp_user), TEXT(smtp_password_file), TEXT(sendmail_path),
		TEXT(webhook_url), TEXT(webhook_ca_file), TEXT(webhook_header_file), TEXT(webhook_template),
		TEXT(command_run), TEXT(quiet_hours), TEXT(whois_path), TEXT(report_schedule),
		TEXT(web_address), TEXT(unix_quiet), TEXT(unix_directories),
		TEXT(rules_fail2ban),
		TEXT(crowdsec_url), TEXT(crowdsec_key_file), TEXT(crowdsec_ca_file), TEXT(crowdsec_scopes),
		TEXT(crowdsec_origins), TEXT(crowdsec_containing), TEXT(crowdsec_not_containing),
		TEXT(crowdsec_machine), TEXT(crowdsec_machine_password_file),
#undef TEXT
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(texts); i++) {
		if (!has_end((const char *)c + texts[i].offset, texts[i].size))
			return false;
	}
	for (unsigned int i = 0; i < c->n_ifaces; i++) {
		if (!has_end(c->ifaces[i].pattern, sizeof(c->ifaces[i].pattern)))
			return false;
	}
	for (unsigned int i = 0; i < c->n_trail_files; i++) {
		if (!has_end(c->trail_files[i], sizeof(c->trail_files[i])))
			return false;
	}
	for (unsigned int i = 0; i < c->n_trail_dirs; i++) {
		if (!has_end(c->trail_dirs[i], sizeof(c->trail_dirs[i])))
			return false;
	}
	for (unsigned int i = 0; i < c->n_decoy_banners; i++) {
		if (!has_end(c->decoy_banners[i].text, sizeof(c->decoy_banners[i].text)))
			return false;
	}
	for (unsigned int i = 0; i < c->n_rules; i++) {
		const struct sw_config_rule *r = &c->rules[i];

		if (!has_end(r->name, sizeof(r->name)) || !has_end(r->threshold, sizeof(r->threshold)) ||
			!has_end(r->ban_for, sizeof(r->ban_for)))
			return false;
	}
	for (unsigned int i = 0; i < c->n_actions; i++) {
		for (const struct sw_conf_row *row = sw_conf_action_rows; row->key; row++) {
			if (row->size > sizeof(__u64) &&
				!has_end((const char *)&c->actions[i] + row->offset, row->size))
				return false;
		}
	}
	for (unsigned int i = 0; i < c->n_feeds; i++) {
		const struct sw_config_feed *f = &c->feeds[i];

		if (!has_end(f->name, sizeof(f->name)) || !has_end(f->url, sizeof(f->url)) ||
			!has_end(f->ca_file, sizeof(f->ca_file)) || !has_end(f->parser, sizeof(f->parser)))
			return false;
	}
	return has_ended_sock_rules(&c->policy_listen) && has_ended_sock_rules(&c->policy_connect);
}

static bool has_known_words(const struct sw_config *c)
{
	for (unsigned int i = 0; i < c->n_ifaces; i++) {
		if (c->ifaces[i].hook > SW_HOOK_DISPATCHER)
			return false;
	}
	for (unsigned int i = 0; i < c->n_feeds; i++) {
		if (c->feeds[i].action > SW_FEED_ALLOW)
			return false;
	}
	return (c->mode == SW_MODE_OBSERVE || c->mode == SW_MODE_ENFORCE) && c->on_exit <= SW_ON_EXIT_REMOVE &&
	       c->trail_dirs_action < SW_TRAIL_ACTION_COUNT && c->egress <= SW_EGRESS_OFF &&
	       c->first_destinations <= SW_FIRSTS_ALERT &&
	       c->policy_default <= SW_SOCK_DENY && c->policy_then <= SW_SOCK_THEN_ISOLATE &&
	       c->hook <= SW_HOOK_DISPATCHER && c->log_level <= SW_LOG_DEBUG && c->mail_min_severity < SW_SEV_COUNT &&
	       c->syslog_min_severity < SW_SEV_COUNT && c->webhook_min_severity < SW_SEV_COUNT &&
	       c->command_min_severity < SW_SEV_COUNT && c->quiet_min_severity < SW_SEV_COUNT &&
	       c->decoy_tcp <= SW_DECOY_TCP_BELOW &&
	       c->decoy_preset <= SW_DECOY_PRESET_PORTSENTRY && c->decoy_action <= SW_DECOY_BAN;
}

static bool has_sound_nets(const struct sw_config *c)
{
	for (unsigned int i = 0; i < c->n_allow; i++) {
		const struct sw_net *n = &c->allow[i];

		if ((n->family != SW_AF_IP4 || n->plen > 32) && (n->family != SW_AF_IP6 || n->plen > 128))
			return false;
	}
	return true;
}

static bool has_sound_habits(const struct sw_config *c)
{
	for (unsigned int i = 0; i < SW_HABITS_COUNT; i++) {
		const struct sw_config_habit *r = &c->detect[i];

		if (r->is_on > 1 || !r->threshold || !r->window_sec || r->n_allow > SW_CONFIG_HABIT_ALLOW_MAX)
			return false;
	}
	return c->scan_action <= SW_DECOY_BAN;
}

static const char *what_is_wrong(const struct sw_config *c, size_t len)
{
	if (len != sizeof(*c))
		return "wrong size";
	if (c->magic != SW_CONFIG_MAGIC)
		return "not a configuration image";
	if (c->version != SW_CONFIG_VERSION || c->size != sizeof(*c))
		return "made by another version of sockwarden-config";
	if (c->crc != image_crc(c))
		return "wrong checksum";
	if (c->n_ifaces > SW_CONFIG_IFACES_MAX || c->n_allow > SW_CONFIG_ALLOW_MAX ||
		c->n_feeds > SW_CONFIG_FEEDS_MAX || c->n_trail_files > SW_CONFIG_FILES_MAX ||
		c->n_trail_dirs > SW_CONFIG_DIRS_MAX ||
		c->country_drop.n > SW_CONFIG_CODES_MAX || c->country_observe.n > SW_CONFIG_CODES_MAX ||
		c->asn_drop.n > SW_CONFIG_CODES_MAX || c->asn_observe.n > SW_CONFIG_CODES_MAX ||
		c->decoy_tcp_ports.n > SW_CONFIG_PORTS_MAX || c->decoy_udp_ports.n > SW_CONFIG_PORTS_MAX ||
		c->decoy_cookie_ports.n > SW_CONFIG_PORTS_MAX ||
		c->n_actions > SW_CONFIG_ACTIONS_MAX || c->trusted_proxies.n > SW_CONFIG_PROXIES_MAX ||
		c->n_decoy_banners > SW_CONFIG_BANNERS_MAX || c->n_rules > SW_CONFIG_RULES_MAX ||
		c->n_geo_rules > SW_CONFIG_GEO_RULES_MAX ||
		c->policy_listen.n > SW_CONFIG_SOCK_RULES_MAX || c->policy_connect.n > SW_CONFIG_SOCK_RULES_MAX)
		return "a list is longer than its limit";
	if (!has_ended_texts(c))
		return "a text without an end";
	if (!has_sound_geo_rules(c) || !has_known_words(c) || !has_sound_nets(c) || !has_sound_habits(c))
		return "a value out of its range";
	return NULL;
}

int sw_conf_image_check(const void *image, size_t len, const char **ret_why)
{
	const char *why = what_is_wrong(image, len);

	if (!why)
		return 0;
	*ret_why = why;
	return -EBADMSG;
}

int sw_conf_image_read(int fd, bool must_be_sealed, struct sw_config *ret, const char **ret_why)
{
	const int wanted = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	_free_ struct sw_config *copy = malloc(sizeof(*copy));
	struct stat st;
	ssize_t n;
	int r, seals = fcntl(fd, F_GET_SEALS);

	if (!copy)
		return -ENOMEM;
	if (must_be_sealed && (seals < 0 || (seals & wanted) != wanted)) {
		*ret_why = "not sealed";
		return -EPERM;
	}
	if (fstat(fd, &st) < 0)
		return -errno;
	n = pread(fd, copy, sizeof(*copy), 0);
	if (n < 0)
		return -errno;
	r = sw_conf_image_check(copy, (uint64_t)st.st_size == (uint64_t)n ? (size_t)n : 0, ret_why);
	if (r < 0)
		return r;
	*ret = *copy;
	return 0;
}
