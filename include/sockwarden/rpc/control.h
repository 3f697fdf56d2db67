/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control socket, RUN/control.sock: SOCK_STREAM, JSON, one object a line, both ways.
 *
 *   request   {"id":1,"verb":"ban","args":{"net":"192.0.2.7","for":3600,"reason":"..."}}
 *   reply     {"id":1,"ok":true,"data":{...}}
 *   refusal   {"id":1,"ok":false,"error":{"code":"permission","message":"...","hint":"..."}}
 *   stream    {"id":1,"item":{...}} any number, then {"id":1,"ok":true,"data":{...}} unless cut off
 *
 * A request may carry one descriptor (SCM_RIGHTS with its first byte): trails.import sends the opened
 * file, because the engine may not open the caller's files. Who may what is by peer credentials:
 * group sockwarden (and the web user) may read, root and group sockwarden-admin may change.
 *
 * Times are RFC 3339 texts in UTC under keys ending in _at, or seconds under keys ending in _sec;
 * addresses are canonical texts. Every reply's data object begins with "schema_version":1.
 *
 * verb                args                                  data
 * ----                ----                                  ----
 * status              -                                     mode, enforcing, enforce_left_sec, uptime_sec, version, host,
 *                                                           interfaces[{name,hook,driver,why}], tier, hooks, adopted,
 *                                                           counters[{reason,packets,bytes,dropped}], losses[{name,count}],
 *                                                           bans, allow, allow_feeds, trails{lists,entries4,entries6,swapped_at},
 *                                                           listeners, sockets, findings, processes[{name,pid,restarts}],
 *                                                           store{path,bytes,unsaved,error}, degraded[text],
 *                                                           inventory{complete,resyncs}
 * events              follow(bool), last(n), kind           stream of {at,kind,...}: kind is packet, socket, exec, finding,
 *                                                           ban, unban, mode, trails, feed, system; each has "text", one line
 * findings            last(n)                               findings[{id,at,kind,severity,rule,title,subject,...}]
 * sockets.list        listening, all, family, protocol,     sockets[{protocol,state,local,lport,remote,rport,path,inode,netns,
 *                     port, pid, user, netns,               netns_name,uid,user,recv_q,send_q,v6only,type,peer_inode,ifindex,
 *                     fresh(bool: a snapshot first)         processes[{pid,comm,name,user,uid,executable,fd}],
 *                                                           container,container_name,image,pod,namespace,pod_uid,unit,
 *                                                           since_at,exposure}], complete
 * sockets.diff        name                                  baseline,taken_at,changes[{change,socket{...},was,text}], complete
 * report              since_sec                             host,time,since,baseline_at,complete,changes[as sockets.diff],bans_made,
 *                                                           bans_in_force,bans[{net,made_at,origin,by,reason}],findings_made,
 *                                                           findings[as findings],losses[{name,count}],text
 * baseline.save       name                                  name, sockets
 * baseline.list       -                                     baselines[{name,taken_at,sockets}]
 * baseline.show       name                                  name,taken_at,sockets[{...}]
 * baseline.accept     name, key (absent: all)               accepted
 * baseline.delete     name                                  deleted
 * ban                 net, for(sec, 0 for ever), reason,    ban{id,net,until_at,left_sec,reason,origin,by,state,text}, enforcing
 *                     wide(bool: wider than the floor)
 * unban               net                                   removed
 * bans                -                                     bans[{...,hits,last_hit_at}]
 * bans.history        since_sec, n                          bans[{id,net,made_at,ended_at,end,ended_by,origin,by,reason}], newest first
 * allow.add           net, reason                           allow{net,origins[],reason}; ends bans it covers: unbanned[]
 * allow.remove        net                                   removed
 * allow.list          -                                     allow[{net,origins[],reason,made_at}]
 * why                 subject                               subject, verdict, chain[{what,net,text}]
 * check               net                                   listed, banned, allowed
 * trails.import       name, action + descriptor             list{name,entries4,entries6,skipped}, swapped_ms
 * trails.remove       name                                  removed
 * trails.list         -                                     lists[{name,origin,action,entries4,entries6,made_at,kind,error,next_at}]
 * trails.search       net or text                           hits[{net,list,action,line,origin}]
 * feeds.update        name, accept(bool)                    asked
 * feeds.list          -                                     feeds[{name,state,by,recommended,action,entries4,entries6,hits,good_at,
 *                                                           changed_at,change,protected,next_at,domains,urls,ports,hashes,failures,
 *                                                           title,meaning,licence,home,confidence,parser,url,refresh_sec,error}]
 * feeds.enable        name, action                          name, enabled
 * feeds.disable       name                                  name, enabled
 * feeds.add           name, url, parser, action, refresh,   name, enabled
 *                     ca_file
 * feeds.remove        name                                  name, enabled
 * feeds.test          name + descriptor (absent: fetch)     name,action,bytes,bad_lines,filtered,domains,urls,ports,hashes,entries4,
 *                                                           entries6,is_new,added,removed,cover_percent,verdict,protected[]
 * mode                mode(off|observe|enforce), confirm    mode, enforcing, enforce_left_sec
 * metrics             -                                     text: Prometheus exposition format
 * web.link            -                                     token, address, port: valid once, for 10 minutes
 * web.redeem          token                                 role (refused when unknown, used or old)
 * web.listening       address, port                         -; sockwarden-web tells where its page is
 */
#pragma once

enum {
	SW_CONTROL_LINE_MAX = 1 << 20, /* longest request line; a longer one is refused and the peer cut off */
	SW_CONTROL_PEERS_MAX = 128,    /* connections at once */
	SW_CONTROL_BACKLOG_MAX = 4 << 20, /* bytes waiting for a slow follower before it loses items, counted */
};

/*  X(id, word, exit status of the command line) */
#define SW_CONTROL_ERRORS(X)                                                                       \
	X(NONE, "none", 0)                                                                         \
	X(NEGATIVE, "negative", 1)                                                                 \
	X(USAGE, "usage", 2)                                                                       \
	X(NOT_RUNNING, "not-running", 3)                                                           \
	X(PERMISSION, "permission", 4)                                                             \
	X(CONFIG, "config", 5)                                                                     \
	X(DEGRADED, "degraded", 6)                                                                 \
	X(PARTIAL, "partial", 7)                                                                   \
	X(REFUSED, "refused", 1)                                                                   \
	X(NOT_FOUND, "not-found", 1)                                                               \
	X(INTERNAL, "internal", 6)
enum sw_control_error {
#define SW_CONTROL_ENUM(id, word, status) SW_CERR_##id,
	SW_CONTROL_ERRORS(SW_CONTROL_ENUM)
#undef SW_CONTROL_ENUM
	SW_CERR_COUNT
};
