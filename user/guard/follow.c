// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/follow.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "user/base/log.h"

enum { EVENT_BYTES = 32768, CHECK_SEC = 5 };

struct watched {
	struct sw_device device; /* as last seen */
	struct sw_hook_choice choice; /* hook: what is attached, NONE: nothing */
	enum sw_attach asked; /* the hook that was last chosen: another choice attaches anew */
	uint64_t attached_ns;
	bool had_carrier, had_default; /* when attached */
	bool is_given_up; /* taken off again: stays off until it comes anew or the configuration does */
	bool is_due; /* what was wanted may have changed: choose again */
	bool has_foreign; /* the XDP program that is there is somebody else's */
	bool is_seen; /* by the look that is going on */
	bool was_forward_tried; /* in vain, and said */
	enum sw_attach forward; /* what looks at what is forwarded out of it */
	enum sw_attach tag; /* what writes marks behind XDP */
	bool is_tag_known; /* tag is what is there: an earlier guard left nothing else */
	__u32 put_back;
};

struct sw_follow {
	struct sw_loop *loop; /* borrowed */
	const struct sw_clock *clock;
	const char *pin_dir;
	struct sw_gate_progs progs;
	struct sw_device_host host;
	struct sw_follow_wish wish;
	struct mnl_socket *netlink;
	struct sw_source *events, *settle, *check;
	struct watched *all;
	size_t n;
	bool is_active;
	bool is_tagging;
	void (*tell)(bool has_bare, void *arg); /* may be NULL */
	void *tell_arg;
};

static bool has_default(const struct sw_device *d)
{
	return d->has_default4 || d->has_default6;
}

static struct watched *find_watched(struct sw_follow *f, __u32 ifindex)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->all[i].device.ifindex == ifindex)
			return &f->all[i];
	}
	return NULL;
}

static struct watched *add_watched(struct sw_follow *f, const struct sw_device *d)
{
	struct watched *grown = reallocarray(f->all, f->n + 1, sizeof(*grown));

	if (!grown)
		return NULL;
	f->all = grown;
	f->all[f->n] = (struct watched){.device = *d};
	return &f->all[f->n++];
}

static void remove_watched(struct sw_follow *f, struct watched *w)
{
	*w = f->all[--f->n];
}

/* Off the device, whatever its name and namespace are now, and off the list. */
static void let_go(struct sw_follow *f, struct watched *w, const char *why)
{
	int r = sw_detach_packet(w->device.ifindex, f->pin_dir);

	if (r < 0)
		sw_log_err(r, "%s: cannot take the program off", w->device.name);
	sw_log_notice("%s %s", w->device.name, why);
	remove_watched(f, w);
}

static const char *error_why(int error)
{
	switch (error) {
	case -EBUSY:
		return "another program holds the hook";
	case -EOPNOTSUPP:
		return "the driver does not support it";
	case -ENOPKG:
		return "xdp-loader (package xdp-tools) is missing";
	case -EPERM:
		return "the kernel refuses BPF trampolines";
	case -EIO:
		return "the log has what was said";
	default:
		return strerror(-error);
	}
}

/* Tries one hook; on success the choice stands, on failure it says why. */
static int try_hook(struct sw_follow *f, struct watched *w, enum sw_attach hook, const char *why)
{
	bool is_adopted = false;
	int r = sw_attach_packet(&f->progs, &w->device, hook, f->pin_dir, &is_adopted);
	char text[sizeof(w->choice.why)];

	if (r < 0) {
		snprintf(text, sizeof(text), "%s failed: %s", sw_attach_word(hook), error_why(r));
		w->choice.hook = SW_ATTACH_NONE;
		sw_strcpy(w->choice.why, sizeof(w->choice.why), text);
		return r;
	}
	w->choice.hook = hook;
	sw_strcpy(text, sizeof(text), why);
	sw_strcpy(w->choice.why, sizeof(w->choice.why), text);
	w->attached_ns = sw_clock_boot_ns(f->clock);
	w->had_carrier = w->device.has_carrier;
	w->had_default = has_default(&w->device);
	sw_log_notice("%s: %s %s: %s", w->device.name, is_adopted ? "took over" : "attached by",
		sw_attach_word(hook), why);
	return 0;
}

/* Where there is no dispatcher to be had; never in the place of somebody else's program. */
static int try_alone(struct sw_follow *f, struct watched *w, int error)
{
	char why[sizeof(w->choice.why)];

	if (w->has_foreign)
		return -EBUSY;
	snprintf(why, sizeof(why), "alone on the device, the dispatcher failed: %s", error_why(error));
	return try_hook(f, w, SW_ATTACH_NATIVE, why);
}

/* Downwards from the choice; a hook that was set by name is not replaced by another. */
static int try_hooks(struct sw_follow *f, struct watched *w, enum sw_hook want,
	const struct sw_hook_choice *choice)
{
	enum sw_attach tc = f->host.has_tcx ? SW_ATTACH_TCX : SW_ATTACH_CLSACT;
	struct sw_hook_choice c = *choice;
	int r;

	w->choice = c;
	r = c.hook == SW_ATTACH_NONE ? -EBUSY : try_hook(f, w, c.hook, c.why);
	if (r < 0 && c.hook == SW_ATTACH_NATIVE && want == SW_HOOK_AUTO)
		r = try_hook(f, w, tc, "native XDP failed here");
	if (r < 0 && c.hook == SW_ATTACH_TCX)
		r = try_hook(f, w, SW_ATTACH_CLSACT, "tcx failed here");
	if (r < 0 && c.hook != SW_ATTACH_NONE && want == SW_HOOK_AUTO && !w->device.is_layer3 &&
		!w->device.xdp_prog_id)
		r = try_hook(f, w, SW_ATTACH_GENERIC, "native XDP and tc failed here");
	if (r < 0 && c.hook == SW_ATTACH_DISPATCHER)
		r = try_alone(f, w, r);
	return r;
}

/* Where another hook is chosen than last time it takes the old one's place; while it cannot, the old one stays. */
static void attach(struct sw_follow *f, struct watched *w, enum sw_hook want)
{
	enum sw_attach before = w->choice.hook;
	struct sw_hook_choice c;
	int r;

	w->is_due = false;
	sw_device_choose(&w->device, want, &f->host, !w->has_foreign, &c);
	if (before != SW_ATTACH_NONE && c.hook == w->asked) {
		if (c.hook == before) /* else it says what failed */
			w->choice = c;
		return;
	}
	r = try_hooks(f, w, want, &c);
	w->asked = r == -EBUSY ? SW_ATTACH_NONE : c.hook; /* what is busy is asked again */
	if (r >= 0)
		return;
	if (before != SW_ATTACH_NONE && try_hook(f, w, before, w->choice.why) >= 0)
		return;
	sw_log_warning(0, "%s: not watched: %s", w->device.name, w->choice.why);
}

static void detach(struct sw_follow *f, struct watched *w, const char *why)
{
	int r = sw_detach_packet(w->device.ifindex, f->pin_dir);

	if (r < 0)
		sw_log_err(r, "%s: cannot take the program off", w->device.name);
	w->choice.hook = w->forward = w->tag = SW_ATTACH_NONE;
	sw_strcpy(w->choice.why, sizeof(w->choice.why), why);
}

/* The way out goes with the way in. A program that was taken away is put back, and that is said. */
static void guard_forward(struct sw_follow *f, struct watched *w)
{
	bool is_again = w->forward != SW_ATTACH_NONE;
	int r;

	if (w->choice.hook == SW_ATTACH_NONE) {
		w->forward = SW_ATTACH_NONE;
		return;
	}
	r = sw_attach_forward(&f->progs, &w->device, f->host.has_tcx, f->pin_dir, &w->forward);
	if (r == 1 && is_again) {
		w->put_back++;
		sw_log_warning(0, "%s: the program at its way out was taken away, and is put back", w->device.name);
	}
	if (r >= 0)
		return;
	if (is_again || !w->was_forward_tried)
		sw_log_warning(r, "%s: what is forwarded out of it is not looked at", w->device.name);
	w->was_forward_tried = true;
	w->forward = SW_ATTACH_NONE;
}

/* Behind XDP alone, and while a trail tags: it costs every packet a little. */
static void guard_tag(struct sw_follow *f, struct watched *w)
{
	enum sw_attach before = w->tag;
	int r;

	if (!f->is_tagging || !sw_attach_is_xdp(w->choice.hook)) {
		if ((w->tag != SW_ATTACH_NONE || !w->is_tag_known) && sw_attach_is_xdp(w->choice.hook))
			sw_detach_tag(w->device.ifindex, f->pin_dir);
		w->tag = SW_ATTACH_NONE;
		w->is_tag_known = true;
		return;
	}
	r = sw_attach_tag(&f->progs, &w->device, f->host.has_tcx, f->pin_dir, &w->tag);
	if (r == 1 && before != SW_ATTACH_NONE) {
		w->put_back++;
		sw_log_warning(0, "%s: the program that writes marks was taken away, and is put back", w->device.name);
	}
	if (r >= 0)
		return;
	if (before != SW_ATTACH_NONE || !w->is_tag_known)
		sw_log_warning(r, "%s: tagged packets are not marked", w->device.name);
	w->is_tag_known = true;
	w->tag = SW_ATTACH_NONE;
}

/* What goes with the gate on a device. */
static void guard_beside(struct sw_follow *f, struct watched *w)
{
	guard_forward(f, w);
	guard_tag(f, w);
}

/* False when there is nothing to be found: no netlink message tells of every way to take a program off. */
static bool is_taken(struct sw_follow *f, const struct watched *w)
{
	return w->choice.hook != SW_ATTACH_NONE && !sw_attach_is_there(w->device.ifindex, w->choice.hook, f->pin_dir);
}

static void give_up(struct sw_follow *f, struct watched *w, const char *what, uint64_t after_ns)
{
	char why[sizeof(w->choice.why)];

	snprintf(why, sizeof(why), "%s was lost %.1f s after attaching by %s: taken off again",
		what, (double)after_ns / (double)SW_SEC_NS, sw_attach_word(w->choice.hook));
	detach(f, w, why);
	w->is_given_up = true;
	sw_log_err(0, "%s: %s", w->device.name, why);
}

static void check_harm(struct sw_follow *f, struct watched *w)
{
	uint64_t after = sw_clock_boot_ns(f->clock) - w->attached_ns;

	if (w->choice.hook == SW_ATTACH_NONE || after > SW_FOLLOW_WATCH_SEC * SW_SEC_NS)
		return;
	if (!w->device.is_up) /* somebody set it down: not our doing */
		return;
	if (w->had_carrier && !w->device.has_carrier)
		give_up(f, w, "carrier", after);
	else if (w->had_default && !has_default(&w->device))
		give_up(f, w, "the default route", after);
}

static enum sw_hook wanted_hook(const struct sw_follow *f, const struct sw_config_iface *row)
{
	return row && row->hook != SW_HOOK_AUTO ? (enum sw_hook)row->hook : f->wish.hook;
}

static void look_at(struct sw_follow *f, const struct sw_device *d)
{
	struct watched *w = find_watched(f, d->ifindex);
	const struct sw_config_iface *row;
	bool is_wanted = sw_device_is_wanted(d, f->wish.patterns, f->wish.n, &row), is_new = !w;
	__u32 xdp_before = w ? w->device.xdp_prog_id : 0;

	/* One found by its default route stays when the route moves. */
	if (w && !is_wanted && f->wish.n) {
		sw_log_notice("%s is called %s now", w->device.name, d->name);
		let_go(f, w, "is not wanted by that name: taken off");
		return;
	}
	if (!w && !is_wanted)
		return;
	if (!w)
		w = add_watched(f, d);
	if (!w)
		return;
	w->is_seen = true;
	if (!sw_streq(w->device.name, d->name)) {
		sw_log_notice("%s is now called %s", w->device.name, d->name);
		w->is_due = true; /* another row may hold for it */
	}
	w->device = *d;
	w->has_foreign = d->xdp_prog_id && !sw_attach_is_own(d->ifindex, f->pin_dir);
	check_harm(f, w);
	if (!f->is_active || w->is_given_up || !is_wanted)
		return;
	if (is_taken(f, w)) {
		w->put_back++;
		sw_log_warning(0, "%s: the program was taken away, and is put back", w->device.name);
		w->choice.hook = SW_ATTACH_NONE;
		w->is_due = true;
	}
	if (is_new || xdp_before != d->xdp_prog_id || w->is_due)
		attach(f, w, wanted_hook(f, row));
	guard_beside(f, w);
}

static void forget_gone(struct sw_follow *f)
{
	for (size_t i = f->n; i-- > 0;) {
		struct watched *w = &f->all[i];

		if (!w->is_seen)
			let_go(f, w, "is gone");
	}
}

void sw_follow_tell(struct sw_follow *f, void (*fn)(bool has_bare, void *arg), void *arg)
{
	f->tell = fn;
	f->tell_arg = arg;
}

static bool has_bare(const struct sw_follow *f)
{
	for (size_t i = 0; f->is_active && i < f->n; i++) {
		if (f->all[i].choice.hook == SW_ATTACH_NONE)
			return true;
	}
	return false;
}

int sw_follow_look(struct sw_follow *f)
{
	_free_ struct sw_device *all = NULL;
	int n = sw_device_list(&all);

	if (n < 0)
		return n;
	for (size_t i = 0; i < f->n; i++)
		f->all[i].is_seen = false;
	for (int i = 0; i < n; i++)
		look_at(f, &all[i]);
	forget_gone(f);
	if (f->tell)
		f->tell(has_bare(f), f->tell_arg);
	return 0;
}

static bool is_any_taken(struct sw_follow *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct watched *w = &f->all[i];

		if (is_taken(f, w))
			return true;
		if (f->is_active)
			guard_beside(f, w);
	}
	return false;
}

/* A look costs a dump of the routes; this is a question for each device. */
static int on_check(struct sw_source *s, void *arg)
{
	struct sw_follow *f = arg;

	if (f->is_active && is_any_taken(f))
		(void)sw_source_set_timer(f->settle, SW_FOLLOW_SETTLE_MS * SW_MSEC_NS, 0);
	return 0;
}

static int on_settled(struct sw_source *s, void *arg)
{
	int r = sw_follow_look(arg);

	if (r < 0)
		sw_log_warning(r, "cannot list the network devices, ignoring");
	return 0;
}

/*
 * Let go at once: by the next look another device may have its index, or this one have come back from
 * another namespace without what was attached. A bridge says the same of a port that leaves it.
 */
static void on_gone(struct sw_follow *f, const struct ifinfomsg *ifi)
{
	struct watched *w =
		ifi->ifi_family == AF_UNSPEC ? find_watched(f, (__u32)ifi->ifi_index) : NULL;

	if (w)
		let_go(f, w, "is gone");
}

struct heard {
	struct sw_follow *follow;
	bool is_due; /* worth a look */
};

/* A look costs a dump of the routes: on a router only default routes are worth one. */
static int on_message(const struct nlmsghdr *nlh, void *arg)
{
	struct heard *h = arg;

	switch (nlh->nlmsg_type) {
	case RTM_DELLINK:
		on_gone(h->follow, mnl_nlmsg_get_payload(nlh));
		h->is_due = true;
		break;
	case RTM_NEWLINK:
		h->is_due = true;
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		h->is_due |= ((const struct rtmsg *)mnl_nlmsg_get_payload(nlh))->rtm_dst_len == 0;
		break;
	}
	return MNL_CB_OK;
}

static int on_netlink(struct sw_source *s, int fd, uint32_t events, void *arg)
{
	struct sw_follow *f = arg;
	_free_ char *buf = malloc(EVENT_BYTES);
	struct heard heard = {.follow = f};

	if (!buf)
		return 0;
	for (;;) {
		ssize_t n = recv(fd, buf, EVENT_BYTES, MSG_DONTWAIT);

		if (n < 0 && errno == ENOBUFS)
			heard.is_due = true; /* something was missed */
		else if (n <= 0)
			break;
		else
			mnl_cb_run(buf, (size_t)n, 0, 0, on_message, &heard);
	}
	if (heard.is_due)
		sw_source_set_timer(f->settle, SW_FOLLOW_SETTLE_MS * SW_MSEC_NS, 0);
	return 0;
}

static int listen_netlink(struct sw_follow *f)
{
	static const int groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE};

	f->netlink = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!f->netlink || mnl_socket_bind(f->netlink, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	for (size_t i = 0; i < SW_ARRAY_SIZE(groups); i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(
			    f->netlink, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
			return -errno;
	}
	return sw_loop_add_fd(
		f->loop, mnl_socket_get_fd(f->netlink), EPOLLIN, on_netlink, f, &f->events);
}

int sw_follow_new(struct sw_loop *l, const struct sw_clock *clock, const char *pin_dir,
	const struct sw_gate_progs *progs, struct sw_follow **ret)
{
	_cleanup_(sw_follow_freep) struct sw_follow *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->loop = l;
	f->clock = clock;
	f->pin_dir = pin_dir;
	f->progs = *progs;
	f->host.has_tcx = sw_kernel_is(6, 6);
	f->is_active = true;
	r = sw_loop_add_timer(l, 0, 0, on_settled, f, &f->settle);
	if (r >= 0)
		r = sw_loop_add_timer(l, CHECK_SEC * SW_SEC_NS, CHECK_SEC * SW_SEC_NS, on_check, f, &f->check);
	if (r < 0)
		return r;
	r = listen_netlink(f);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(f);
	return 0;
}

void sw_follow_free(struct sw_follow *f)
{
	if (!f)
		return;
	sw_source_free(f->events);
	sw_source_free(f->settle);
	sw_source_free(f->check);
	if (f->netlink)
		mnl_socket_close(f->netlink);
	free(f->all);
	free(f);
}

void sw_follow_freep(struct sw_follow **f)
{
	sw_follow_free(*f);
}

static void adopt_pin(__u32 ifindex, enum sw_attach hook, void *arg)
{
	struct sw_follow *f = arg;

	if (find_watched(f, ifindex))
		return;
	sw_log_notice("device %u is not watched any more: %s program taken off", ifindex,
		sw_attach_word(hook));
	sw_detach_packet(ifindex, f->pin_dir);
}

/* Devices found by their default route stay when the route moves; ones named by pattern go with it. */
static void drop_unwanted(struct sw_follow *f)
{
	for (size_t i = f->n; i-- > 0;) {
		struct watched *w = &f->all[i];
		const struct sw_config_iface *row;

		w->is_given_up = false;
		w->is_due = true;
		if (!sw_device_is_wanted(&w->device, f->wish.patterns, f->wish.n, &row))
			let_go(f, w, "is not wanted any more: taken off");
	}
}

int sw_follow_configure(struct sw_follow *f, const struct sw_follow_wish *w)
{
	int r;

	f->wish = *w;
	drop_unwanted(f);
	r = sw_follow_look(f);
	if (r >= 0)
		sw_attach_each_pin(f->pin_dir, adopt_pin, f);
	return r;
}

void sw_follow_set_tagging(struct sw_follow *f, bool is_tagging)
{
	if (is_tagging == f->is_tagging)
		return;
	f->is_tagging = is_tagging;
	for (size_t i = 0; f->is_active && i < f->n; i++)
		guard_tag(f, &f->all[i]);
}

int sw_follow_set_chain(struct sw_follow *f, int chain_fd)
{
	int result = 0;

	f->progs.chain_fd = chain_fd;
	for (size_t i = 0; i < f->n; i++) {
		const struct watched *w = &f->all[i];
		int r;

		if (!sw_attach_is_alone(w->choice.hook))
			continue;
		r = sw_attach_packet(&f->progs, &w->device, w->choice.hook, f->pin_dir, NULL);
		if (r < 0)
			result = sw_log_err(r, "%s: the gate cannot be exchanged", w->device.name);
	}
	return result;
}

/* "" while nothing tags; the gate marks by itself where it is at tc. */
static const char *tag_word(const struct sw_follow *f, const struct watched *w)
{
	if (!f->is_tagging)
		return "";
	return sw_attach_word(sw_attach_is_xdp(w->choice.hook) ? w->tag : w->choice.hook);
}

void sw_follow_set_active(struct sw_follow *f, bool is_active)
{
	int r;

	if (is_active == f->is_active)
		return;
	f->is_active = is_active;
	for (size_t i = 0; i < f->n; i++) {
		if (!is_active)
			detach(f, &f->all[i], "the mode is off");
		else
			f->all[i].is_due = true;
	}
	r = is_active ? sw_follow_look(f) : 0;
	if (r < 0)
		sw_log_warning(r, "cannot list the network devices, ignoring");
}

void sw_follow_status(const struct sw_follow *f, struct sw_guard_status *ret)
{
	ret->n_ifaces = (__u32)SW_MIN(f->n, (size_t)SW_GUARD_IFACES_MAX);
	for (size_t i = 0; i < ret->n_ifaces; i++) {
		const struct watched *w = &f->all[i];
		struct sw_guard_iface *out = &ret->ifaces[i];

		out->ifindex = w->device.ifindex;
		sw_strcpy(out->name, sizeof(out->name), w->device.name);
		sw_strcpy(out->hook, sizeof(out->hook), sw_attach_word(w->choice.hook));
		sw_strcpy(out->driver, sizeof(out->driver), w->device.driver);
		sw_strcpy(out->why, sizeof(out->why), w->choice.why);
		sw_strcpy(out->forward, sizeof(out->forward), sw_attach_word(w->forward));
		sw_strcpy(out->tag, sizeof(out->tag), tag_word(f, w));
		out->put_back = w->put_back;
		if (!w->has_foreign)
			continue;
		out->foreign_xdp_id = w->device.xdp_prog_id;
		sw_strcpy(out->foreign_xdp, sizeof(out->foreign_xdp), w->device.xdp_prog_name);
		sw_strcpy(out->foreign_tag, sizeof(out->foreign_tag), w->device.xdp_prog_tag);
		out->foreign_uid = w->device.xdp_prog_uid;
	}
}
