"use strict";
// Shows the entries that the page carries. Everything from the session is set as text, never as HTML.
const entries = JSON.parse(document.getElementById("entries").textContent);
const make = (tag, className, text) => {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
};
const main = document.querySelector("main");
const commands = new Map(), texts = new Map();
const shownRows = 100;
let start = 0;

const offset = (at) => {
  const s = Math.max(0, (Date.parse(at) - start) / 1000);
  return `+${Math.floor(s / 60)}:${(s % 60).toFixed(3).padStart(6, "0")}`;
};
const bytesOf = (e) => e.text !== undefined ? e.text : `${Math.floor((e.base64 || "").length * 3 / 4)} bytes, not text`;

function item(e, title) {
  const a = make("article");
  a.id = `n${e.number}`;
  const h = make("header");
  h.append(make("span", "dim", `#${e.number}`), make("time", "dim", offset(e.at)), make("strong", "", title));
  h.querySelector("time").title = e.at;
  a.append(h);
  a.words = [];
  main.append(a);
  return a;
}
function say(a, tag, className, text) {
  a.append(make(tag, className, text));
  a.words.push(text);
}
const of = (e) => {
  if (!commands.has(e.command)) commands.set(e.command, { article: item(e, "outside of a command"), columns: [] });
  return commands.get(e.command);
};

function addRows(c, rows) {
  if (!c.table) {
    c.table = make("table");
    const head = c.table.createTHead().insertRow();
    for (const col of c.columns) {
      const th = make("th", "", (col.name || "?column?") + (col.masked ? " (masked)" : ""));
      th.title = col.type;
      head.append(th);
    }
    c.body = c.table.createTBody();
    c.waiting = [];
    const box = make("div", "scroll");
    box.append(c.table);
    c.article.append(box);
    c.more = make("button");
    c.more.hidden = true;
    c.more.onclick = () => { show(c, c.waiting.splice(0, 1000)); };
    c.article.append(c.more);
  }
  const room = Math.max(0, shownRows - c.body.rows.length);
  show(c, rows.slice(0, room));
  for (const row of rows.slice(room)) c.waiting.push(row);
  count(c);
  for (const row of rows) c.article.words.push(row.filter((v) => v !== null).join("\u0000"));
}
function show(c, rows) {
  for (const row of rows) {
    const tr = c.body.insertRow();
    for (const v of row) tr.append(make("td", v === null ? "null" : "", v === null ? "null" : v));
  }
  count(c);
}
function count(c) {
  c.more.hidden = c.waiting.length === 0;
  c.more.textContent = `${c.waiting.length} more rows`;
}

function failure(a, f) {
  say(a, "pre", "error", [`${f.severity}: ${f.message}`, f.code && `SQLSTATE ${f.code}`, f.detail && `DETAIL: ${f.detail}`, f.hint && `HINT: ${f.hint}`].filter(Boolean).join("\n"));
}

const kinds = {
  opened(e) {
    start = Date.parse(e.at);
    document.querySelector("h1").textContent = `${e.principal} on ${e.target}`;
    document.title = `${e.principal} on ${e.target}`;
    const dl = document.querySelector("dl");
    const facts = { opened: e.at, protocol: e.protocol, database: e.database, groups: e.groups.join(", "), run: e.run, client: `${e.client_name} ${e.client_address}`.trim(), "account on the target": e.upstream_user };
    for (const [name, value] of Object.entries(facts)) if (value) dl.append(make("dt", "", name), make("dd", "", value));
  },
  text(e) { if (e.parameter === 0) texts.set(e.first, (texts.get(e.first) || "") + bytesOf(e)); },
  command(e) {
    const a = item(e, e.command_kind);
    const whole = e.text_first && texts.get(e.text_first);
    say(a, "pre", "", whole || e.text);
    texts.delete(e.text_first);
    e.parameters.forEach((p, i) => say(a, "pre", "dim", `$${i + 1} = ${p.marker ? `(${p.marker})` : p.text === null ? "null" : p.text}`));
    commands.set(e.number, { article: a, columns: [] });
  },
  verdict(e) {
    const c = of(e), word = { allow: "allowed", deny: "denied", hold: "held" }[e.outcome] || e.outcome;
    c.article.querySelector("header").append(make("span", e.outcome, word));
    c.article.words.push(word);
    for (const r of e.reasons) say(c.article, "div", e.outcome, `${r.policy}: ${r.message}`);
  },
  held(e) { say(of(e).article, "div", "hold", `held until approved (${e.approval})`); },
  decided(e) { say(of(e).article, "div", "", `${e.decision} by ${e.by.join(", ")} ${e.reason}`); },
  // A command of several statements has several tables.
  columns(e) {
    const c = of(e);
    if (c.columns.length && !c.table) addRows(c, []);
    c.columns = e.columns;
    c.table = undefined;
  },
  rows(e) { addRows(of(e), e.rows); if (e.problem) say(of(e).article, "div", "error", e.problem); },
  bytes(e) { say(of(e).article, "pre", "", bytesOf(e)); },
  notice(e) {
    const a = commands.has(e.command) ? of(e).article : item(e, e.notice_kind);
    if (e.body) say(a, "pre", "dim", `${e.body.severity}: ${e.body.message}${e.body.hint ? `\nHINT: ${e.body.hint}` : ""}`);
    else say(a, "pre", "dim", `${e.channel}: ${e.payload}`);
  },
  result(e) {
    const c = of(e);
    if (e.error) failure(c.article, e.error);
    if (!e.error && c.columns.length && !c.table) addRows(c, []);
    say(c.article, "div", "dim", [e.tag, e.refused ? "never reached the target" : `${e.duration_ms.toFixed(2)} ms`].filter(Boolean).join(" · "));
  },
  lost(e) { for (const r of e.ranges) say(item(e, "lost"), "div", "error", `entries ${r.first} to ${r.last} were lost with the gateway`); },
  closed(e) { say(item(e, "closed"), "div", "", [e.reason, e.by && `by ${e.by}`, e.message].filter(Boolean).join(" · ")); },
};
for (const e of entries) if (kinds[e.kind]) kinds[e.kind](e);

const box = document.querySelector("input"), found = document.querySelector("output");
const articles = [...main.children];
for (const a of articles) a.words = a.words.join("\n").toLowerCase();
const filter = () => {
  const want = box.value.trim().toLowerCase();
  let n = 0;
  for (const a of articles) { a.hidden = want !== "" && !a.words.includes(want); if (!a.hidden) n++; }
  found.textContent = `${n} of ${articles.length}`;
};
box.addEventListener("input", filter);
document.querySelector("form").addEventListener("submit", (e) => e.preventDefault());
filter();
