// SPDX-License-Identifier: GPL-3.0-or-later
/* The page: asks the API, follows the events, writes text. Whatever comes from the network becomes
 * textContent and nothing else; no markup is ever made from it. */

const EVERY_MS = 5000; /* the tables, when no event asks for it sooner */
const SOON_MS = 300; /* after an event, so that a burst asks once */
const LOG_MAX = 500;

const $ = (id) => document.getElementById(id);
const bans = []; /* what the countdown runs on: {cell, end} */
const pause = { on: false, waiting: [], lost: 0 };

function el(tag, text, attributes = {}) {
	const e = document.createElement(tag);
	if (text !== undefined && text !== null)
		e.textContent = String(text);
	for (const [name, value] of Object.entries(attributes))
		e.setAttribute(name, value);
	return e;
}

/* Only a change is written: a live region is then read only when there is something to say. */
function say(node, text) {
	if (node.textContent !== text)
		node.textContent = text;
}

const number = (n) => (typeof n === "number" ? n.toLocaleString("en") : "0");

function duration(sec) {
	if (sec < 0)
		sec = 0;
	const units = [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]];
	const parts = [];
	for (const [word, size] of units) {
		const n = Math.floor(sec / size);
		if (n || (size === 1 && !parts.length))
			parts.push(n + word);
		sec -= n * size;
		if (parts.length === 2)
			break;
	}
	return parts.join(" ");
}

function clock(text) {
	const d = new Date(text);
	return isNaN(d) ? "" : d.toLocaleTimeString("en-GB");
}

function timeNode(text) {
	const d = new Date(text);
	const shown = isNaN(d) ? "" : d.toLocaleString("en-GB", { dateStyle: "short", timeStyle: "medium" });
	return isNaN(d) ? el("span", "") : el("time", shown, { datetime: text, title: text });
}

/* ---- tables */

function fill(table, rows, empty) {
	const body = table.tBodies[0];
	const labels = [...table.tHead.rows[0].cells].map((c) => c.textContent);
	const fresh = rows.map((cells) => {
		const tr = el("tr");
		cells.forEach((cell, i) => {
			const td = i ? el("td") : el("th", null, { scope: "row" });
			td.dataset.label = labels[i];
			if (table.tHead.rows[0].cells[i].classList.contains("n"))
				td.classList.add("n");
			if (cell instanceof Node)
				td.append(cell);
			else
				td.textContent = cell ?? "";
			tr.append(td);
		});
		return tr;
	});
	if (!fresh.length) {
		const td = el("td", empty, { colspan: labels.length, class: "empty" });
		const tr = el("tr");
		tr.append(td);
		fresh.push(tr);
	}
	body.replaceChildren(...fresh);
}

const mono = (text) => el("span", text, { class: "mono" });

function socketName(s) {
	if (s.path)
		return `${s.protocol} ${s.path}`;
	const address = String(s.local ?? "").includes(":") ? `[${s.local}]` : s.local;
	return `${s.protocol} ${address}:${s.lport}`;
}

function processes(list) {
	if (!list?.length)
		return "";
	const first = list[0];
	const name = first.executable || first.comm || "?";
	return `${name} (${first.pid})` + (list.length > 1 ? ` and ${list.length - 1} more` : "");
}

function drawListeners(data) {
	const rows = (data.sockets ?? []).map((s) => [
		mono(socketName(s)), s.exposure ?? "", processes(s.processes), s.user ?? s.uid ?? "",
		[s.unit, s.container, s.netns_name && `netns ${s.netns_name}`].filter(Boolean).join(", "),
	]);
	say($("listeners-count"), String(rows.length) + (data.complete === false ? " (still being read)" : ""));
	fill($("listeners-table"), rows, "Nothing listens.");
}

function left(end) {
	return end === null ? "for ever" : duration(Math.ceil((end - Date.now()) / 1000));
}

function drawBans(data) {
	bans.length = 0;
	const rows = (data.bans ?? []).map((b) => {
		const end = typeof b.left_sec === "number" && b.until_at ? Date.now() + b.left_sec * 1000 : null;
		const cell = el("span", left(end));
		bans.push({ cell, end });
		return [mono(b.net), cell, number(b.hits), b.reason || b.text || "", b.by || b.origin || ""];
	});
	say($("bans-count"), String(rows.length));
	fill($("bans-table"), rows, "Nobody is banned.");
}

function drawFindings(data) {
	const list = [...(data.findings ?? [])].sort((a, b) => (a.at < b.at ? 1 : -1));
	fill($("findings-table"), list.map((f) => [
		timeNode(f.at), el("span", f.severity, { class: "tag", "data-level": f.severity }),
		f.title || f.kind, f.subject ? mono(f.subject) : f.process || "", number(f.count ?? 1),
	]), "Nothing has been found.");
	say($("findings-count"), list.length ? `the newest ${list.length}` : "");
}

/* ---- status */

const MODES = {
	off: ["Protection is off", "No packet is looked at. Turn it on with: sockwarden arm"],
	observe: ["Observing", "Everything is judged, counted and told; nothing is dropped."],
	enforce: ["Enforcing", "What is judged bad is dropped."],
};

function drawVerdict(s) {
	let [title, text] = MODES[s.mode] ?? ["The guard does not answer", "What it has installed stays in force."];
	let state = MODES[s.mode] ? s.mode : "away";
	if (s.mode === "enforce" && s.enforcing === false) {
		[title, text] = ["Observing again", "The time that enforcement was armed for is over: nothing is dropped."];
		state = "observe";
	} else if (s.mode === "enforce" && s.enforce_left_sec > 0) {
		title = "Enforcing, not confirmed";
		text = "It ends by itself unless it is confirmed with: sockwarden arm";
	}
	$("verdict").dataset.state = state;
	say($("mode"), title);
	say($("mode-text"), text);
	say($("host"), s.host ?? "");
	document.title = `${title} · ${s.host ?? "sockwarden"}`;
	const wrong = (s.degraded ?? []).map((d) => (typeof d === "string" ? d : d.text ?? JSON.stringify(d)));
	const shown = [...$("degraded").children].map((li) => li.textContent);
	if (wrong.join("\n") !== shown.join("\n"))
		$("degraded").replaceChildren(...wrong.map((t) => el("li", t)));
}

const count = (value) => (Array.isArray(value) ? value.length : value);

function drawNumbers(s) {
	const lost = (s.losses ?? []).filter((l) => /lost|not-told/.test(l.name)).reduce((sum, l) => sum + (l.count ?? 0), 0);
	const dropped = (s.counters ?? []).reduce((sum, c) => sum + (c.dropped ?? 0), 0);
	const rows = [
		["Bans", number(count(s.bans))], ["Packets dropped", number(dropped)],
		["Trail entries", number((s.trails?.entries4 ?? 0) + (s.trails?.entries6 ?? 0))],
		["Listeners", number(count(s.listeners))], ["Sockets", number(count(s.sockets))],
		["Findings", number(count(s.findings))], ["Events lost", number(lost), lost > 0],
		["Running for", duration(s.uptime_sec ?? 0)],
	];
	const list = $("numbers");
	if (list.children.length !== rows.length) {
		list.replaceChildren(...rows.map(([name]) => {
			const div = el("div");
			div.append(el("dt", name), el("dd", ""));
			return div;
		}));
	}
	rows.forEach(([, value, alarm], i) => {
		list.children[i].dataset.alarm = alarm ? "yes" : "no";
		say(list.children[i].lastChild, value);
	});
}

const foreign = (x) => (x ? ` (XDP program ${x.id}${x.name ? `, ${x.name},` : ""} of somebody else is there)` : "");

function drawStatus(s) {
	drawVerdict(s);
	drawNumbers(s);
	fill($("packets"), (s.counters ?? []).map((c) => [c.reason, number(c.packets), number(c.dropped)]), "No counters yet.");
	fill($("interfaces"), (s.interfaces ?? []).map((i) => [mono(i.name), i.hook, [i.driver, i.why].filter(Boolean).join(": ") + foreign(i.foreign_xdp)]),
		"No device is watched.");
}

/* ---- asking */

async function ask(what) {
	const answer = await fetch(`/api/${what}`, { headers: { Accept: "application/json" }, cache: "no-store" });
	if (answer.status === 401) {
		location.reload(); /* the login is over: this is the page that says how to get a new one */
		throw new Error("logged out");
	}
	const data = await answer.json();
	if (!answer.ok)
		throw new Error(data.error?.message ?? `the page's server answered ${answer.status}`);
	return data;
}

const SOURCES = { status: drawStatus, listeners: drawListeners, bans: drawBans, findings: drawFindings };

function away(why) {
	$("verdict").dataset.state = "away";
	say($("mode"), "The engine does not answer");
	say($("mode-text"), `${why}. Drops that are in force stay in force.`);
}

const asking = {};

async function refresh(what) {
	if (asking[what]) {
		asking[what] = "again";
		return;
	}
	asking[what] = "once";
	try {
		SOURCES[what](await ask(what));
	} catch (error) {
		if (what === "status")
			away(error.message);
	}
	const again = asking[what] === "again";
	delete asking[what];
	if (again)
		soon(what);
}

const timers = {};

function soon(what) {
	timers[what] ??= setTimeout(() => {
		delete timers[what];
		refresh(what);
	}, SOON_MS);
}

/* ---- events */

const WANTS = {
	socket: ["listeners"], ban: ["bans", "status"], unban: ["bans", "status"], finding: ["findings", "status"],
	mode: ["status"], trails: ["status"], feed: ["status"], system: ["status"],
};

function line(event) {
	const li = el("li");
	li.append(el("time", clock(event.at), { datetime: event.at ?? "" }),
		el("span", event.kind, { class: "kind", "data-kind": event.kind ?? "" }),
		el("span", event.text, { class: "text" }));
	return li;
}

function show(events) {
	const log = $("log");
	const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 30;
	log.append(...events.map(line));
	while (log.children.length > LOG_MAX)
		log.firstChild.remove();
	if (atEnd)
		log.scrollTop = log.scrollHeight;
}

function sayEvents() {
	const lost = pause.lost ? `, ${number(pause.lost)} were too fast for this page` : "";
	if (pause.on)
		say($("events-state"), `paused, ${number(pause.waiting.length)} waiting${lost}`);
	else
		say($("events-state"), lost ? lost.slice(2) : "");
}

const programs = $("programs");

function take(event) {
	for (const what of WANTS[event.kind] ?? [])
		soon(what);
	if (event.kind === "exec" && programs.getAttribute("aria-pressed") !== "true")
		return; /* as in `sockwarden events`: nobody would see the rest */
	if (!pause.on) {
		queued.push(event);
		if (queued.length > LOG_MAX) /* a hidden page draws no frames */
			queued.shift();
		drawing ||= requestAnimationFrame(draw);
		return;
	}
	pause.waiting.push(event);
	if (pause.waiting.length > LOG_MAX)
		pause.waiting.shift();
	sayEvents();
}

const queued = [];
let drawing = 0;

/* Once a frame: a flood of events costs what the newest of them cost. */
function draw() {
	drawing = 0;
	show(queued.splice(0).slice(-LOG_MAX));
}

function setLive(state, text) {
	$("link").dataset.state = state;
	say($("link"), text);
}

function follow() {
	const source = new EventSource("/api/events");
	source.addEventListener("open", () => {
		setLive("live", "live");
		Object.keys(SOURCES).forEach(soon);
	});
	source.addEventListener("event", (e) => take(JSON.parse(e.data)));
	source.addEventListener("lost", (e) => {
		pause.lost += JSON.parse(e.data).count;
		sayEvents();
	});
	source.addEventListener("engine", (e) => {
		const here = JSON.parse(e.data).connected;
		setLive(here ? "live" : "away", here ? "live" : "engine away");
		Object.keys(SOURCES).forEach(soon);
	});
	source.addEventListener("error", () => {
		setLive("away", "reconnecting");
		if (source.readyState === EventSource.CLOSED)
			setTimeout(follow, EVERY_MS);
	});
}

$("pause").addEventListener("click", () => {
	pause.on = !pause.on;
	$("pause").setAttribute("aria-pressed", String(pause.on));
	say($("pause"), pause.on ? "Go on" : "Pause");
	if (!pause.on)
		show(pause.waiting.splice(0));
	sayEvents();
});

programs.addEventListener("click", () => {
	programs.setAttribute("aria-pressed", String(programs.getAttribute("aria-pressed") !== "true"));
});

$("clear").addEventListener("click", () => {
	$("log").replaceChildren();
	pause.waiting.length = pause.lost = 0;
	sayEvents();
});

setInterval(() => {
	for (const b of bans) {
		if (b.end !== null)
			say(b.cell, left(b.end));
	}
}, 1000);

setInterval(() => {
	if (!document.hidden)
		Object.keys(SOURCES).forEach(refresh);
}, EVERY_MS);

document.addEventListener("visibilitychange", () => {
	if (!document.hidden)
		Object.keys(SOURCES).forEach(refresh);
});

Object.keys(SOURCES).forEach(refresh);
follow();
