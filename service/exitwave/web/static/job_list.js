/** The list of jobs on the left. */

import { create, within } from "./dom.js";
import { epochText, fillChip, recipeName, scanName, stateName, verdictOf } from "./job_text.js";

/** @typedef {import("./records.js").Job} Job */

/** Draws the list into an element, changing only what differs. */
export class JobList {
  /**
   * @param {HTMLElement} element
   * @param {(id: string) => void} select called when the user selects a job
   */
  constructor(element, select) {
    this.element = element;
    this.select = select;
    /** @type {Map<string, HTMLElement>} */
    this.items = new Map();
  }

  /** @param {Job[]} jobs newest first @param {string|undefined} selected id */
  draw(jobs, selected) {
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
      fill(item, job, job.id === selected);
    });
  }

  /** @param {string} id */
  #create(id) {
    const item = create("li");
    item.dataset.testid = "job-item";
    item.dataset.job = id;
    item.innerHTML = `<button type="button"><span class="row"><b class="scan"></b><span class="chip"></span></span>
      <span class="row quiet"><span class="sample"></span><span class="recipe"></span></span>
      <progress max="1" value="0" aria-label="Progress"></progress>
      <span class="row quiet"><time></time><span class="epoch"></span></span></button>`;
    within(item, "button").addEventListener("click", () => this.select(id));
    this.items.set(id, item);
    return item;
  }
}

/** @param {HTMLElement} item @param {Job} job @param {boolean} isSelected */
function fill(item, job, isSelected) {
  const verdict = verdictOf(job);
  const { progress } = job;
  const done = job.state === "succeeded" ? 1 : (progress?.epochs ? progress.epoch / progress.epochs : 0);
  item.dataset.state = job.state;
  item.dataset.verdict = verdict;
  item.classList.toggle("selected", isSelected);
  within(item, "button").setAttribute("aria-current", String(isSelected));
  within(item, ".scan").textContent = scanName(job);
  // In the narrow list a doubt stands for the state, which is then known to be succeeded.
  const chip = within(item, ".chip");
  fillChip(chip, verdict && verdict !== "good" ? verdict : stateName(job), job);
  chip.title = verdict && `${job.state}: ${verdict}`;
  within(item, ".sample").textContent = job.spec.scan.sample || job.spec.scan.uid.slice(0, 8);
  within(item, ".recipe").textContent = recipeName(job);
  within(item, "progress", HTMLProgressElement).value = done;
  within(item, ".epoch").textContent = epochText(job);
  const time = new Date(job.submitted_at);
  const shown = within(item, "time", HTMLTimeElement);
  shown.dateTime = job.submitted_at;
  shown.textContent = time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}
