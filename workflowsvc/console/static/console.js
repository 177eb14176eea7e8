// Live parts of open pages, times in the zone that the reader has chosen, and small help for forms.
// Every page works without this file; only live parts, local times and counting ages need it.
"use strict";

const LIVE_MS = 1200; // with what an answer may be old (lookups.py), an open page shows what has happened within two seconds
const SOON_MS = 250; // while a page that was just loaded has not found what it is to show
const MAX_SOON = 6; // times
const AFTER_FAILURE_MS = 5000;
const MAX_PAUSE_MS = 60000;

// --- live parts: asked for again only while the page can be seen ---

let failures = 0;
let pauseMs = LIVE_MS; // the server makes it longer while many pages are open, or while it is busy (pace.py)
let timer = 0;
let soonLeft = MAX_SOON;

function nextPause() {
  if (failures) return AFTER_FAILURE_MS;
  if (soonLeft <= 0 || !document.querySelector("[data-soon]")) return pauseMs;
  soonLeft -= 1;
  return SOON_MS;
}

function askAgain() {
  clearTimeout(timer);
  if (document.hidden || isShut) return;
  for (const part of document.querySelectorAll("[data-live]")) htmx.trigger(part, "live");
  timer = setTimeout(askAgain, nextPause());
}

// The session has ended, or a right was taken away: what is shown here goes. Loading the page again says which it is; that
// is left to the reader while a form holds what would be lost.
let isShut = false;

function hasTyped() {
  const fields = document.querySelectorAll("input:not([type=hidden]), textarea");
  return [...fields].some((field) => field.value !== field.defaultValue || field.checked !== field.defaultChecked);
}

function shut() {
  isShut = true;
  const isTyped = hasTyped();
  for (const part of document.querySelectorAll("[data-live]")) part.remove();
  if (!isTyped) location.reload();
}

function sayLinkState() {
  const place = document.querySelector("[data-link-state]");
  const away = isShut ? "You are signed out, or may not see this any more. Load the page again." : "";
  const text = away || (failures > 1 ? "No answer from the server; this page may be out of date." : "");
  if (place && place.textContent !== text) place.textContent = text;
}

document.addEventListener("visibilitychange", askAgain);
document.addEventListener("htmx:configRequest", (event) => {
  const version = event.detail.elt.dataset.version;
  if (version) event.detail.headers["If-None-Match"] = version;
});
document.addEventListener("htmx:afterRequest", (event) => {
  if ([401, 403].includes(event.detail.xhr.status) && !isShut) shut();
  failures = event.detail.successful ? 0 : failures + 1;
  const asked = Number(event.detail.xhr.getResponseHeader("X-Look-Again-Ms"));
  pauseMs = asked > 0 ? Math.min(asked, MAX_PAUSE_MS) : LIVE_MS;
  sayLinkState();
});

// What the reader has typed, ticked or unfolded is not in the server's answer.
const OF_THE_READER = new Set(["value", "checked", "selected", "open"]);
// Rows of a table with `data-fixed-rows` neither move nor go away while it is read; new ones are announced.
let rowsAreFixed = false;
document.addEventListener("htmx:beforeSwap", (event) => {
  rowsAreFixed = event.detail.target.querySelector("table[data-fixed-rows]") !== null;
});
const mayComeOrGo = (node) => !(rowsAreFixed && node.nodeName === "TR");
if (window.Idiomorph) {
  Object.assign(Idiomorph.defaults.callbacks, {
    beforeAttributeUpdated: (name) => !OF_THE_READER.has(name),
    beforeNodeAdded: mayComeOrGo,
    beforeNodeRemoved: mayComeOrGo,
  });
}

// --- times ---

const ZONE_KEY = "workflowsvc-zone";
const localZone = Intl.DateTimeFormat().resolvedOptions().timeZone || "local";
const IS_UTC = new Set(["UTC", "Etc/UTC", "Etc/UCT", "GMT", "Etc/GMT"]);
const two = (number) => String(number).padStart(2, "0");

function isLocal() {
  try {
    return localStorage.getItem(ZONE_KEY) === "local";
  } catch {
    return false;
  }
}

function spell(moment, local) {
  const part = (name) => (local ? moment[`get${name}`]() : moment[`getUTC${name}`]());
  const day = `${part("FullYear")}-${two(part("Month") + 1)}-${two(part("Date"))}`;
  return `${day} ${two(part("Hours"))}:${two(part("Minutes"))}:${two(part("Seconds"))}`;
}

// The same words as `span` of the server.
function spellSpan(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  for (const [unit, size, lower, lowerSize] of [["d", 86400, "h", 3600], ["h", 3600, "m", 60], ["m", 60, "s", 1]]) {
    if (seconds >= size) {
      const rest = Math.floor((seconds % size) / lowerSize);
      return `${Math.floor(seconds / size)} ${unit}${rest ? ` ${rest} ${lower}` : ""}`;
    }
  }
  return "";
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function showTimes() {
  const local = isLocal();
  for (const element of document.querySelectorAll("time[data-moment]")) {
    const moment = new Date(element.dateTime);
    if (!isNaN(moment)) setText(element, spell(moment, local));
  }
}

// What time it is in the domain of the page, which may live by a clock of its own (macros.html).
function now() {
  const clock = document.querySelector("[data-clock]");
  if (!clock) return Date.now();
  if (clock.dataset.clock === "frozen") return Number(clock.dataset.now) * 1000;
  return Date.now() + Number(clock.dataset.ahead) * 1000;
}

function showAges() {
  const local = isLocal();
  for (const element of document.querySelectorAll("time[data-age]")) {
    const moment = new Date(element.dateTime);
    if (isNaN(moment)) continue;
    setText(element, spellSpan(Math.abs(now() - moment) / 1000));
    const title = `${spell(moment, local)} ${local ? localZone : "UTC"}`;
    if (element.title !== title) element.title = title;
  }
}

// How long until a moment: `in 5 s`, and behind it `3 s ago`.
function showDeadlines() {
  for (const element of document.querySelectorAll("time[data-until]")) {
    const left = (new Date(element.dateTime) - now()) / 1000;
    if (!isNaN(left)) setText(element, left >= 0 ? `in ${spellSpan(left)}` : left > -1 ? "now" : `${spellSpan(-left)} ago`);
  }
}

// The scale of a timeline in clock times.
function showTicks() {
  const local = isLocal();
  for (const element of document.querySelectorAll("text[data-tick]")) {
    const moment = new Date(element.dataset.tick);
    if (!isNaN(moment)) setText(element, spell(moment, local));
  }
}

function offerZones() {
  const place = document.querySelector("[data-zone]");
  if (!place) return;
  if (IS_UTC.has(localZone)) return; // there is no other zone to choose
  const local = isLocal();
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain";
  button.textContent = local ? "use UTC" : `use ${localZone}`;
  button.addEventListener("click", () => {
    try {
      localStorage.setItem(ZONE_KEY, local ? "utc" : "local");
    } catch {
      return;
    }
    offerZones();
    showTimes();
    showAges();
    showTicks();
    place.querySelector("button").focus();
  });
  place.replaceChildren(`Times are in ${local ? localZone : "UTC"} `, button);
}

// --- saved views: addresses of searches, kept in this browser ---

const VIEWS_KEY = "workflowsvc-views";

function savedViews() {
  try {
    const found = JSON.parse(localStorage.getItem(VIEWS_KEY));
    return Array.isArray(found) ? found.filter((view) => typeof view.name === "string" && typeof view.query === "string") : [];
  } catch {
    return [];
  }
}

function keepViews(views) {
  try {
    localStorage.setItem(VIEWS_KEY, JSON.stringify(views));
  } catch {
    return; // no room, or not allowed: the address itself can be kept as a bookmark
  }
  offerViews();
}

function plainButton(text, label, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain";
  button.textContent = text;
  if (label) button.setAttribute("aria-label", label);
  button.addEventListener("click", act);
  return button;
}

// A query alone is kept, so a view serves every domain and leads nowhere else.
function offerViews() {
  const place = document.querySelector("[data-views]");
  if (!place) return;
  for (const old of place.querySelectorAll("[data-saved]")) old.remove();
  const views = savedViews();
  for (const view of views) {
    const item = document.createElement("span");
    item.dataset.saved = "";
    const link = document.createElement("a");
    link.href = `${location.pathname}?${view.query.replace(/^\?/, "")}`;
    link.textContent = view.name;
    const forget = () => keepViews(savedViews().filter((one) => one.name !== view.name));
    item.append(link, plainButton("×", `Forget the view ${view.name}`, forget));
    place.append(item);
  }
  const form = document.createElement("form");
  form.dataset.saved = "";
  const name = document.createElement("input");
  name.setAttribute("aria-label", "Name of a view to save");
  name.placeholder = "save this view as";
  name.maxLength = 60;
  name.size = 18;
  const save = document.createElement("button");
  save.className = "small";
  save.textContent = "Save";
  form.append(name, " ", save);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const query = new URLSearchParams(location.search);
    for (const parameter of ["after", "at", "seen", "notice"]) query.delete(parameter);
    const given = name.value.trim();
    if (given) keepViews([...views.filter((view) => view.name !== given), { name: given, query: query.toString() }]);
  });
  place.append(form);
}

// --- forms ---

// `data-tick-all="NAME"`: a box that ticks all boxes of this name.
document.addEventListener("change", (event) => {
  const name = event.target.dataset && event.target.dataset.tickAll;
  if (!name) return;
  for (const box of document.querySelectorAll(`input[type=checkbox][name="${CSS.escape(name)}"]`)) {
    box.checked = event.target.checked;
  }
});

// `data-copy="ID"`: a button that copies the text of an element; without a clipboard it stays hidden.
function offerCopies() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;
}

document.addEventListener("click", async (event) => {
  const id = event.target.dataset && event.target.dataset.copy;
  if (!id) return;
  try {
    await navigator.clipboard.writeText(document.getElementById(id).textContent);
    event.target.textContent = "Copied";
  } catch {
    event.target.textContent = "Cannot copy";
  }
});

// A link to an event leads to a folded row, one from a bar of a timeline into a folded table: both open.
function openTarget() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  const details = target && (target.querySelector("details") || target.closest("details"));
  if (!details) return;
  details.open = true;
  target.scrollIntoView();
}

window.addEventListener("hashchange", openTarget);

document.addEventListener("DOMContentLoaded", () => {
  offerZones();
  offerViews();
  showTimes();
  showAges();
  showTicks();
  showDeadlines();
  offerCopies();
  openTarget();
  setInterval(() => {
    if (document.hidden) return;
    showAges();
    showDeadlines();
  }, 1000);
  timer = setTimeout(askAgain, nextPause());
});
document.addEventListener("htmx:afterSwap", () => {
  showTimes();
  showAges();
  showTicks();
  showDeadlines();
});
