/** The jobs: what the page knows of them, and the list on the left. */

import { call } from "./api.js";

const KEPT = 100;

/** @typedef {Record<string, any>} Job record of GET /api/v1/jobs/{id} */

/** Newest first; dispatches `change` (detail: job id) after each change. */
export class Jobs extends EventTarget {
  /** @type {Map<string, Job>} */
  #jobs = new Map();
  /** Counts the questions; answers may come in another order. */
  #asked = 0;
  /** @type {Map<string, number>} the latest question about a job that was answered */
  #answered = new Map();
  /** @type {Map<string, {asked: number, event: Record<string, any>}>} the latest progress, and when it came */
  #heard = new Map();

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

  /** The finished job that tells the resolution of this one. @param {string} id */
  frcOf(id) {
    return this.all.find(({ spec, state }) => spec.parent === id && state === "succeeded");
  }

  /** Read the list afresh. */
  async load() {
    const asked = ++this.#asked;
    const page = await call(`/jobs?limit=${KEPT}`);
    /** @type {Map<string, Job>} */
    const jobs = new Map(page.jobs.map((/** @type {Job} */ job) => [job.id, job]));
    const isNewer = (/** @type {string} */ id) => (this.#answered.get(id) ?? 0) > asked;
    for (const [id, job] of this.#jobs) {
      if (isNewer(id)) jobs.set(id, job);
    }
    for (const id of jobs.keys()) {
      if (!isNewer(id)) this.#answered.set(id, asked);
    }
    this.#jobs = jobs;
    this.#changed(null);
  }

  /** Read one job afresh. @param {string} id */
  async fetch(id) {
    const asked = ++this.#asked;
    const job = await call(`/jobs/${encodeURIComponent(id)}`);
    if ((this.#answered.get(id) ?? 0) > asked) return;
    this.#answered.set(id, asked);
    // What was heard since the question is newer than the answer.
    const heard = this.#heard.get(id);
    const newer = heard !== undefined && heard.asked >= asked && heard.event.attempt === job.attempt;
    const running = job.state === "running";
    this.#jobs.set(id, newer && running ? { ...job, progress: heard.event.progress } : job);
    this.#changed(id);
  }

  /** Take in an event of the stream. @param {Record<string, any>} event */
  async take(event) {
    const job = this.#jobs.get(event.job_id);
    if (event.kind === "progress") {
      this.#heard.set(event.job_id, { asked: this.#asked, event });
    }
    if (event.kind !== "progress" || job === undefined) return this.fetch(event.job_id);
    // An old event read after the record must not turn a job back.
    if (["queued", "running"].includes(job.state)) {
      this.#jobs.set(job.id, { ...job, state: event.state, progress: event.progress });
      this.#changed(job.id);
    }
    return undefined;
  }

  /** @param {?string} id */
  #changed(id) {
    this.dispatchEvent(new CustomEvent("change", { detail: id }));
  }
}

/** Draws the list into an element, changing only what differs. */
export class JobList {
  /**
   * @param {HTMLElement} element
   * @param {(id: string) => void} choose called when the user picks a job
   */
  constructor(element, choose) {
    this.element = element;
    this.choose = choose;
    /** @type {Map<string, HTMLElement>} */
    this.items = new Map();
  }

  /** @param {Job[]} jobs newest first @param {string|undefined} chosen */
  draw(jobs, chosen) {
    const ids = new Set(jobs.map((job) => job.id));
    for (const [id, item] of this.items) {
      if (ids.has(id)) continue;
      item.remove();
      this.items.delete(id);
    }
    jobs.forEach((job, index) => {
      const item = this.items.get(job.id) ?? this.#create(job.id);
      if (this.element.children[index] !== item) {
        this.element.insertBefore(item, this.element.children[index] ?? null);
      }
      fill(item, job, job.id === chosen);
    });
  }

  /** @param {string} id */
  #create(id) {
    const item = document.createElement("li");
    item.dataset.testid = "job-item";
    item.dataset.job = id;
    item.innerHTML = `<button type="button"><span class="row"><b class="scan"></b><span class="chip"></span></span>
      <span class="row quiet"><span class="sample"></span><span class="recipe"></span></span>
      <progress max="1" value="0" aria-label="Progress"></progress>
      <span class="row quiet"><time></time><span class="epoch"></span></span></button>`;
    item.querySelector("button")?.addEventListener("click", () => this.choose(id));
    this.items.set(id, item);
    return item;
  }
}

/** What a scan is called: its number, else the start of its uid. @param {Job} job */
export function scanName({ spec: { scan } }) {
  return scan.scan_id === null ? `Scan ${scan.uid.slice(0, 8)}` : `Scan ${scan.scan_id}`;
}

/** Name of its recipe; a job of another kind than a reconstruction says so. @param {Job} job */
export function recipeName({ spec: { kind, recipe } }) {
  return kind === "frc" ? `frc ${recipe.name ?? ""}` : recipe.name ?? "";
}

/** State for people: a cancel that was asked for shows. @param {Job} job */
export function stateName(job) {
  return job.cancel_requested && job.state === "running" ? "cancelling" : job.state;
}

/** The word of its verdict, empty while there is none. @param {Job} job */
export function verdictOf({ result }) {
  return result?.verdict?.verdict ?? "";
}

/**
 * State and verdict as chips show them; a state that succeeded is green only if the picture
 * is not known to be doubtful or none.
 * @param {HTMLElement} chip @param {string} text @param {Job} job
 */
export function fillChip(chip, text, job) {
  chip.textContent = text;
  chip.dataset.state = stateName(job);
  chip.dataset.verdict = verdictOf(job);
}

/** "12 / 180", or the phase before the first epoch. @param {Job} job */
export function epochText({ progress, state }) {
  if (!progress) return "";
  if (progress.epoch === 0) return state === "running" ? progress.phase : "";
  return `epoch ${progress.epoch} / ${progress.epochs}`;
}

/** @param {HTMLElement} item @param {Job} job @param {boolean} chosen */
function fill(item, job, chosen) {
  /** What `#create` put there. @param {string} selector @returns {any} */
  const part = (selector) => item.querySelector(selector);
  const verdict = verdictOf(job);
  const { progress } = job;
  const done = job.state === "succeeded" ? 1 : (progress?.epochs ? progress.epoch / progress.epochs : 0);
  item.dataset.state = job.state;
  item.dataset.verdict = verdict;
  item.classList.toggle("chosen", chosen);
  part("button").setAttribute("aria-current", String(chosen));
  part(".scan").textContent = scanName(job);
  // In the narrow list a doubt stands for the state, which is then known to be succeeded.
  fillChip(part(".chip"), verdict && verdict !== "good" ? verdict : stateName(job), job);
  part(".chip").title = verdict && `${job.state}: ${verdict}`;
  part(".sample").textContent = job.spec.scan.sample || job.spec.scan.uid.slice(0, 8);
  part(".recipe").textContent = recipeName(job);
  part("progress").value = done;
  part(".epoch").textContent = epochText(job);
  const time = new Date(job.submitted_at);
  part("time").dateTime = job.submitted_at;
  part("time").textContent = time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}
