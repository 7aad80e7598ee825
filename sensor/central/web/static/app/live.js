// The live stream: connects, catches up, and says when it is blind.

import { get } from "./api.js";

export class Live extends EventTarget {
  #source = null;
  #last = "";
  #heardAt = 0;
  #beatMs;
  #lostSince = null;
  #timer = null;
  #again = null;

  constructor(beatSeconds) {
    super();
    this.#beatMs = beatSeconds * 1000;
  }

  start() {
    this.#heardAt = Date.now();
    this.#connect();
    this.#timer = setInterval(() => this.#watch(), 500);
    addEventListener("offline", () => this.#lose());
  }

  stop() {
    clearInterval(this.#timer);
    clearTimeout(this.#again);
    this.#source?.close();
    this.#source = null;
  }

  #connect() {
    this.#source?.close();
    const source = new EventSource(this.#last ? `/api/live?last=${encodeURIComponent(this.#last)}` : "/api/live");
    this.#source = source;
    for (const kind of ["beat", "incident", "desk", "node", "reload", "goodbye"]) {
      source.addEventListener(kind, (event) => this.#hear(kind, event));
    }
    source.addEventListener("error", () => this.#fail(source));
  }

  #hear(kind, event) {
    this.#heardAt = Date.now();
    if (event.lastEventId) this.#last = event.lastEventId;
    if (this.#lostSince !== null) {
      this.#lostSince = null;
      this.dispatchEvent(new CustomEvent("found"));
    }
    this.dispatchEvent(new CustomEvent(kind, { detail: JSON.parse(event.data) }));
  }

  #fail(source) {
    if (source !== this.#source) return;
    this.#lose();
    if (source.readyState === EventSource.CLOSED) {
      // The browser gave up: the server refused. Either the login has ended, or it is not ready yet.
      clearTimeout(this.#again);
      this.#again = setTimeout(() => {
        get("/api/session").then((session) => {
          if (session.name) this.#connect();
          else document.dispatchEvent(new CustomEvent("logged-out"));
        }, () => this.#fail(source));
      }, 2000);
    }
  }

  #watch() {
    const silent = Date.now() - this.#heardAt;
    if (silent > 3 * this.#beatMs) {
      this.#lose();
      // A proxy may hold a dead connection open for ever.
      if (silent > 5 * this.#beatMs && this.#source?.readyState === EventSource.OPEN) {
        this.#heardAt = Date.now() - 3 * this.#beatMs;
        this.#connect();
      }
    }
  }

  #lose() {
    if (this.#lostSince !== null) return;
    this.#lostSince = this.#heardAt;
    this.dispatchEvent(new CustomEvent("lost", { detail: { since: this.#heardAt } }));
  }
}
