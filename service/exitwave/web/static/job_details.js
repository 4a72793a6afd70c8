/** The head of the selected job: title, state, facts, quality, failure, what can be done. */

import { byId, create, within } from "./dom.js";
import { fillChip, recipeName, scanName, stateName, verdictOf } from "./job_text.js";
import { drawVerdict } from "./verdict.js";

/** @typedef {import("./records.js").Job} Job */
/** @typedef {import("./records.js").Quality} Quality */
/** @typedef {[name: string, value: string, help?: string]} Entry `help` is shown on hover */

/**
 * @param {Job} job
 * @param {Job} [frc] the succeeded job that has its resolution
 */
export function drawDetails(job, frc) {
  const { sample } = job.spec.scan;
  byId("job-title").textContent = sample ? `${scanName(job)} · ${sample}` : scanName(job);
  const verdict = verdictOf(job);
  fillChip(byId("job-state"), stateName(job), job);
  fillChip(byId("job-verdict"), verdict, job);
  byId("job-verdict").hidden = !verdict || verdict === "good";
  drawVerdict(job);
  const linked = job.spec.parent ? `   frc of job ${job.spec.parent}` : "";
  byId("job-ids").textContent = `scan ${job.spec.scan.uid}   job ${job.id}${linked}`;
  drawFacts(factsOf(job));
  drawQuality(qualityEntries(job, frc));
  const failure = failureText(job);
  byId("failure").textContent = failure;
  byId("failure").hidden = !failure;
  const cancel = byId("cancel", HTMLButtonElement);
  cancel.hidden = !["queued", "running"].includes(job.state);
  cancel.disabled = job.cancel_requested;
  const download = byId("download", HTMLAnchorElement);
  download.hidden = job.state !== "succeeded";
  download.href = `/api/v1/jobs/${encodeURIComponent(job.id)}/result?format=cxi`;
}

/** @param {Job} job @returns {Entry[]} */
function factsOf(job) {
  const { progress, spec } = job;
  const last = job.attempts.at(-1);
  const epoch = progress?.epoch ?? 0;
  const epochs = progress?.epochs ?? 0;
  const seconds = progress?.seconds_per_epoch;
  const left = job.state === "running" && seconds ? (epochs - epoch) * seconds : null;
  return [
    ["Epoch", epochs ? `${epoch} / ${epochs}` : progress?.phase ?? "–"],
    ["Per epoch", seconds ? `${seconds.toPrecision(seconds < 1 ? 2 : 3)} s` : "–"],
    ["Time left", left === null ? "–" : duration(left)],
    ["Recipe", recipeName(job) || "–"],
    ["Patterns", spec.scan.n_frames === null ? "–" : String(spec.scan.n_frames)],
    ["Attempt", job.attempt ? String(job.attempt) : "–"],
    ["Device", last?.device || "–", last?.worker],
  ];
}

/**
 * A line under the facts: how good the result is, as far as it is known.
 * @param {Entry[]} entries
 */
function drawQuality(entries) {
  const line = byId("quality");
  line.hidden = !entries.length;
  line.replaceChildren(...entries.map(([name, value, help = ""]) => {
    const entry = create("span", "", `${name} `);
    entry.append(create("b", "", value));
    entry.title = help;
    return entry;
  }));
}

/**
 * @param {Job} job
 * @param {Job} [frc] the succeeded job that has its resolution
 * @returns {Entry[]}
 */
function qualityEntries(job, frc) {
  const quality = job.result?.quality;
  if (!quality) return [];
  const { held_out: heldOut, raster_artefact: rasterArtefact, prtf_cycles_per_px: prtf, overlap } = quality;
  const resolution = quality.frc ?? frc?.result?.quality?.frc;
  const verdict = verdictOf(job);
  /** @type {Entry[]} */
  const entries = [];
  if (heldOut) {
    const { patterns, poisson, amplitude } = heldOut;
    entries.push(["Held-out Poisson loss", poisson.toPrecision(3),
      `Per pixel of ${patterns} diffraction patterns that were not fitted; amplitude loss ${amplitude.toPrecision(3)}`]);
  }
  if (resolution) {
    entries.push(["FRC half period", `${resolution.half_period_nm.toPrecision(3)} nm`,
      `Above half a bit up to ${resolution.crossing_cycles_per_px.toFixed(3)} cycles/px, between two halves of the ${resolution.halves}`]);
  }
  // A false picture has a perfect PRTF: it is no praise where there is a doubt.
  if (prtf !== null && (!verdict || verdict === "good")) {
    entries.push(["PRTF above 1/e to", `${prtf.toFixed(2)} cycles/px`,
      "Modelled over measured amplitude; 0.5 is the detector's edge"]);
  }
  if (rasterArtefact !== null) {
    entries.push(["Raster-grid artefact", percent(rasterArtefact),
      "Share of the object's spectral power on the raster's reciprocal lattice"]);
  }
  if (overlap !== null) {
    entries.push(["Overlap", percent(overlap),
      "Of neighbouring scan positions: 1 - step / probe diameter, estimated"]);
  }
  return entries;
}

/** @param {number} share */
function percent(share) {
  return `${(100 * share).toFixed(Math.abs(share) < 0.1 ? 1 : 0)} %`;
}

/** @param {number} seconds */
function duration(seconds) {
  if (seconds < 120) return `${Math.ceil(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** @param {Entry[]} entries */
function drawFacts(entries) {
  const list = byId("facts");
  for (const [name, value, help = ""] of entries) {
    const found = list.querySelector(`[data-fact="${name}"]`);
    const shown = found ? within(found, "dd") : addFact(list, name);
    if (shown.textContent !== value) shown.textContent = value;
    shown.title = help;
  }
}

/** @param {HTMLElement} list @param {string} name @returns {HTMLElement} where its value goes */
function addFact(list, name) {
  const fact = create("div");
  fact.dataset.fact = name;
  const value = create("dd");
  fact.append(create("dt", "", name), value);
  list.append(fact);
  return value;
}

/** @param {Job} job @returns {string} */
function failureText({ failure, attempts, state }) {
  if (failure) return failure.message;
  const lost = attempts.filter(({ outcome }) => outcome === "lost").at(-1);
  if (lost === undefined || state === "succeeded") return "";
  return `Attempt ${lost.number} was lost${lost.reason ? `: ${lost.reason}` : ""}.`;
}
