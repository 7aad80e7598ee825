// The shell: who is logged in, which page is shown, the live stream, and what must be seen or heard on every page.

import { get, post, setToken } from "./api.js";
import { announce, h, put, typing } from "./dom.js";
import { showHelp } from "./help.js";
import { changePassword } from "./password.js";
import { tick } from "./list.js";
import { Live } from "./live.js";
import { Model, seen } from "./model.js";
import { AuditPage } from "./pages/audit.js";
import { DeskPage } from "./pages/desk.js";
import { HistoryPage } from "./pages/history.js";
import { IncidentPage } from "./pages/incident.js";
import { showLogin } from "./pages/login.js";
import { MapPage } from "./pages/map.js";
import { PracticePage } from "./pages/practice.js";
import { pref, setPref } from "./prefs.js";
import { allowSound, chime } from "./sound.js";
import { now, setClock, spoken } from "./words.js";

const PAGES = [
  { path: "/map", words: "Map", needs: "incidents", make: MapPage },
  { path: "/desk", words: "Desk", needs: "review", make: DeskPage },
  { path: "/history", words: "History", needs: "incidents", make: HistoryPage },
  { path: "/practice", words: "Practice", needs: "practice", make: PracticePage },
  { path: "/audit", words: "Audit", needs: "audit", make: AuditPage },
];
const ALERT_CLASSES = ["gunshot", "probable_gunshot", "unknown"];
const main = document.getElementById("main"), head = document.getElementById("head"), banner = document.getElementById("banner");

class Shell {
  session = null;
  model = null;
  page = null;
  live = null;
  lastBoxText = "";
  #announced = new Map();

  async start() {
    document.documentElement.dataset.theme = pref("theme");
    addEventListener("popstate", () => this.open());
    addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("click", (event) => this.#link(event));
    document.addEventListener("logged-out", () => this.#out("This login has ended. Log in again."));
    setInterval(() => { tick(); this.#clock(); }, 1000);
    try {
      const session = await get("/api/session");
      if (session.name) await this.enter(session);
      else this.#out("");
    } catch (error) {
      if (error.status !== 401) this.#out(error.message);
    }
  }

  #out(words) {
    this.live?.stop();
    this.live = null;
    this.page?.close();
    this.page = null;
    this.session = null;
    head.hidden = banner.hidden = true;
    document.title = "Log in";
    showLogin(main, (session) => this.enter(session), words);
  }

  async enter(session) {
    this.session = session;
    setToken(session.token);
    setClock(session.now_ns);
    this.model = new Model(session.permissions);
    this.model.addEventListener("change", (event) => this.#changed(event.detail));
    this.#head();
    this.#connect(session.beat_s);
    await this.model.load();
    this.open();
  }

  #connect(beat) {
    this.live = new Live(beat);
    this.live.addEventListener("beat", (event) => setClock(event.detail.now_ns));
    this.live.addEventListener("incident", (event) => this.model.take(event.detail));
    this.live.addEventListener("desk", (event) => this.model.takeDesk(event.detail));
    this.live.addEventListener("node", (event) => { this.model.takeNode(event.detail); this.#cover(); });
    this.live.addEventListener("reload", () => this.model.load().catch((error) => console.warn(error)));
    this.live.addEventListener("goodbye", () => this.#out("This login has ended. Log in again."));
    this.live.addEventListener("lost", (event) => this.#lost(event.detail.since));
    this.live.addEventListener("found", () => this.#found());
    this.live.start();
    clearInterval(this.covering);
    this.covering = setInterval(() => this.model?.refreshCoverage().catch(() => null), 60000);
  }

  /** Nodes report in bursts: look at the coverage once they have. */
  #cover() {
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.model?.refreshCoverage().catch(() => null), 3000);
  }

  #lost(since) {
    const clock = new Date(since).toTimeString().slice(0, 8);
    put(banner, h("b", {}, `Connection lost since ${clock}.`), " What you see is of then. Trying again…");
    banner.hidden = false;
    document.body.classList.add("stale");
  }

  #found() {
    banner.hidden = true;
    document.body.classList.remove("stale");
    announce("Connected again.");
  }

  #changed({ kind, incident, fresh }) {
    this.page?.update(kind);
    this.#title();
    if (kind !== "incident" || !incident) return;
    if (fresh && now() * 1e6 - incident.utc_ns < 300e9) {
      announce(`New incident: ${spoken(incident)}`, true);
      this.ring(incident);
    } else if (this.#announced.get(incident.incident_id) !== `${incident.class}${incident.state}` && !fresh) {
      announce(`Update: ${spoken(incident)}`);
    }
    this.#announced.set(incident.incident_id, `${incident.class}${incident.state}`);
  }

  /** Sound, if this person asked for it. */
  ring(incident) {
    if (pref("sound") && incident && ALERT_CLASSES.includes(incident.class) && incident.state !== "retracted") chime();
  }

  #title() {
    const waiting = this.model.list().filter((each) => !seen(each)).length;
    document.title = `${waiting ? `(${waiting}) ` : ""}${this.session?.title ?? "Gunshot sensor network"}`;
  }

  #head() {
    const may = (name) => this.session.permissions.includes(name);
    this.clock = h("span", { class: "clock" });
    const flip = (name, on, off) => h("button", {
      type: "button", "aria-pressed": String(Boolean(pref(name))), onclick: (event) => {
        setPref(name, !pref(name));
        event.currentTarget.setAttribute("aria-pressed", String(pref(name)));
        event.currentTarget.textContent = pref(name) ? on : off;
        if (name === "sound" && pref(name)) allowSound().then(chime);
      },
    }, pref(name) ? on : off);
    put(head, h("strong", {}, this.session.title),
      h("nav", { "aria-label": "Pages" }, PAGES.filter((page) => may(page.needs)).map((page) => h("a", { href: page.path }, page.words))), this.clock,
      flip("sound", "Sound on", "Sound off"),
      h("button", { type: "button", onclick: () => this.#theme() }, "Light / dark"), h("button", { type: "button", "aria-label": "Keys", onclick: showHelp }, "?"),
      h("button", { type: "button", class: "who", title: "Change your password", onclick: () => changePassword((old, fresh) => this.#password(old, fresh)) }, `${this.session.name}, ${this.session.role}`),
      h("button", { type: "button", onclick: () => post("/api/logout").catch(() => null).then(() => this.#out("")) }, "Log out"));
    head.hidden = false;
    // A browser lets a page sound only after a click on it: the first one anywhere will do.
    if (pref("sound")) addEventListener("pointerdown", () => allowSound(), { once: true });
    this.#clock();
  }

  /** The stream stands still meanwhile: its login is one of those that a new password ends. */
  async #password(old, fresh) {
    this.live.stop();
    try {
      this.session = await post("/api/password", { old, new: fresh });
      setToken(this.session.token);
    } finally {
      if (this.session) this.#connect(this.session.beat_s);
    }
    await this.model.load();
  }

  #theme() {
    const theme = pref("theme") === "night" ? "day" : "night";
    setPref("theme", theme);
    document.documentElement.dataset.theme = theme;
    this.page?.town?.repaint();
  }

  #clock() {
    if (!this.clock) return;
    const time = new Date(now());
    put(this.clock, h("b", {}, time.toTimeString().slice(0, 8)), ` ${time.toISOString().slice(11, 16)} UTC`);
  }

  open() {
    if (!this.session) return;
    const alone = /^\/incident\/([^/]+)$/.exec(location.pathname);
    const page = PAGES.find((each) => each.path === location.pathname && this.session.permissions.includes(each.needs)) ?? PAGES[0];
    if (this.page?.town && this.page.constructor === MapPage) this.lastBoxText = this.page.town.box();
    this.page?.close();
    put(main);
    main.className = alone ? "incident" : page.path.slice(1);
    for (const link of head.querySelectorAll("nav a")) {
      if (!alone && link.getAttribute("href") === page.path) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    this.page = alone ? new IncidentPage(main, this, decodeURIComponent(alone[1])) : new page.make(main, this);
    this.#title();
  }

  #go(path) {
    if (location.pathname !== path) history.pushState(null, "", path);
    this.open();
  }

  #link(event) {
    const link = event.target.closest?.("a[href^='/']");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || link.getAttribute("href").startsWith("/api/")) return;
    event.preventDefault();
    this.#go(link.getAttribute("href"));
  }

  #key(event) {
    if (!this.session || !pref("keys") || typing(event) || document.querySelector("dialog[open]")) return;
    const name = event.key.toLowerCase();
    if (name === "?") { showHelp(); return; }
    const page = /^[1-5]$/.test(name) ? PAGES[Number(name) - 1] : null;
    if (page && this.session.permissions.includes(page.needs)) { this.#go(page.path); return; }
    if (this.page?.key(name)) event.preventDefault();
  }
}

new Shell().start();
