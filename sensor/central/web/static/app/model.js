// What this page knows: the latest version of each incident, what people said of it, the sensors and their coverage.

import { at, get } from "./api.js";
import { now, setClock } from "./words.js";

const DAY_NS = 86400e9;

export class Model extends EventTarget {
  incidents = new Map();
  nodes = new Map();
  coverage = null;
  #may;

  constructor(permissions) {
    super();
    this.#may = (name) => permissions.includes(name);
  }

  /** Load everything of the last day. */
  async load() {
    const since = Math.round(now() * 1e6 - DAY_NS);
    const [found, nodes, coverage] = await Promise.all([
      get(`/api/incidents?since=${BigInt(since)}&limit=500`),
      this.#may("nodes") ? get("/api/nodes") : null,
      this.#may("coverage") ? get("/api/coverage") : null,
    ]);
    setClock(found.now_ns);
    this.incidents = new Map(found.incidents.map((each) => [each.incident_id, each]));
    if (nodes) this.nodes = new Map(nodes.nodes.map((each) => [`${each.site}/${each.node}`, each]));
    this.coverage = coverage;
    this.#tell("all");
  }

  async refreshCoverage() {
    if (!this.#may("coverage")) return;
    this.coverage = await get("/api/coverage");
    if (this.#may("nodes")) {
      const nodes = await get("/api/nodes");
      this.nodes = new Map(nodes.nodes.map((each) => [`${each.site}/${each.node}`, each]));
    }
    this.#tell("nodes");
  }

  /** A version came in. */
  take(incident) {
    const known = this.incidents.get(incident.incident_id);
    if (known && known.version >= incident.version) return;
    const desk = incident.desk ?? known?.desk ?? { acknowledged: [], decision: null, dispositions: [] };
    this.incidents.set(incident.incident_id, { ...incident, desk });
    this.#tell("incident", { incident: this.incidents.get(incident.incident_id), fresh: !known });
  }

  /** Somebody said something of an incident. */
  takeDesk({ incident_id: id, desk }) {
    const known = this.incidents.get(id);
    if (!known) return;
    this.incidents.set(id, { ...known, desk });
    this.#tell("incident", { incident: this.incidents.get(id), fresh: false });
  }

  takeNode(node) {
    const key = `${node.site}/${node.node}`;
    this.nodes.set(key, { ...this.nodes.get(key), ...node });
    this.#tell("nodes");
  }

  /** Newest first. */
  list() {
    return [...this.incidents.values()].sort((a, b) => b.utc_ns - a.utc_ns);
  }

  /** Those that wait for a person. */
  queue() {
    return this.list().filter((each) => !decided(each) && each.state !== "retracted");
  }

  async whole(id) { return get(at(id)); }

  #tell(kind, detail = {}) {
    this.dispatchEvent(new CustomEvent("change", { detail: { kind, ...detail } }));
  }
}

export function decided(incident) {
  return Boolean(incident.desk?.decision) || incident.state === "reviewed";
}
export function seen(incident) {
  return (incident.desk?.acknowledged.length ?? 0) > 0 || decided(incident) || incident.state === "retracted";
}
