/** The jobs that the page knows, kept up to date by events. */

import { call } from "./api.js";

const LARGEST_LIST = 100;

/** @typedef {import("./records.js").Job} Job */
/** @typedef {import("./records.js").Event} JobEvent */

/** Newest first; dispatches `change` (detail: job id) after each change. */
export class Jobs extends EventTarget {
  /** @type {Map<string, Job>} */
  #jobs = new Map();
  /** Number of the last request; responses may come in another order. */
  #lastRequest = 0;
  /** @type {Map<string, number>} by job: the newest request whose response was taken in */
  #newestResponse = new Map();
  /** @type {Map<string, {lastRequest: number, event: JobEvent}>} by job: its newest progress, and the last request before it */
  #newestProgress = new Map();

  /** @returns {Job[]} newest first */
  get all() {
    return [...this.#jobs.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
  }

  /** @param {string} id @returns {Job|undefined} */
  get(id) {
    return this.#jobs.get(id);
  }

  /** The newest running job, else the newest. @returns {Job|undefined} */
  get newest() {
    return this.all.find((job) => job.state === "running") ?? this.all[0];
  }

  /** The succeeded frc job of this one, which has its resolution. @param {string} id */
  frcOf(id) {
    return this.all.find(({ spec, state }) => spec.parent === id && state === "succeeded");
  }

  /** Read the list afresh. */
  async load() {
    const request = ++this.#lastRequest;
    const page = await call(`/jobs?limit=${LARGEST_LIST}`);
    /** @type {Map<string, Job>} */
    const jobs = new Map(page.jobs.map((/** @type {Job} */ job) => [job.id, job]));
    const isNewer = (/** @type {string} */ id) => (this.#newestResponse.get(id) ?? 0) > request;
    for (const [id, job] of this.#jobs) {
      if (isNewer(id)) jobs.set(id, job);
    }
    for (const id of jobs.keys()) {
      if (!isNewer(id)) this.#newestResponse.set(id, request);
    }
    this.#jobs = jobs;
    this.#dispatchChange(null);
  }

  /** Read one job afresh. @param {string} id */
  async fetch(id) {
    const request = ++this.#lastRequest;
    const job = await call(`/jobs/${encodeURIComponent(id)}`);
    if ((this.#newestResponse.get(id) ?? 0) > request) return;
    this.#newestResponse.set(id, request);
    // Progress that came since the request is newer than the response.
    const newest = this.#newestProgress.get(id);
    const isNewer = newest !== undefined && newest.lastRequest >= request
      && newest.event.attempt === job.attempt && job.state === "running";
    this.#jobs.set(id, isNewer ? { ...job, progress: newest.event.progress } : job);
    this.#dispatchChange(id);
  }

  /** Take in an event of the stream. @param {JobEvent} event */
  async take(event) {
    const job = this.#jobs.get(event.job_id);
    if (event.kind === "progress") {
      this.#newestProgress.set(event.job_id, { lastRequest: this.#lastRequest, event });
    }
    if (event.kind !== "progress" || job === undefined) {
      await this.fetch(event.job_id);
    } else if (["queued", "running"].includes(job.state)) {
      // Else an old event, read after the record, would turn an ended job back.
      this.#jobs.set(job.id, { ...job, state: event.state, progress: event.progress });
      this.#dispatchChange(job.id);
    }
  }

  /** @param {?string} id */
  #dispatchChange(id) {
    this.dispatchEvent(new CustomEvent("change", { detail: id }));
  }
}
