/** The chosen job's head: title, state, facts, failure, what can be done with it. */

import { fillChip, recipeName, scanName, stateName, verdictOf } from "./jobs.js";
import { drawVerdict } from "./verdict.js";

const $ = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));

/**
 * @param {import("./jobs.js").Job} job
 * @param {import("./jobs.js").Job} [frc] the finished job that tells its resolution
 */
export function drawDetails(job, frc) {
  const { sample } = job.spec.scan;
  $("job-title").textContent = sample ? `${scanName(job)} · ${sample}` : scanName(job);
  const verdict = verdictOf(job);
  fillChip($("job-state"), stateName(job), job);
  fillChip($("job-verdict"), verdict, job);
  $("job-verdict").hidden = !verdict || verdict === "good";
  drawVerdict(job);
  const linked = job.spec.parent ? `   frc of job ${job.spec.parent}` : "";
  $("job-ids").textContent = `scan ${job.spec.scan.uid}   job ${job.id}${linked}`;
  drawFacts(facts(job));
  const quality = job.result?.quality;
  // A false picture has a perfect PRTF: it is no praise where there is a doubt.
  const prtf_cycles_per_px = verdict && verdict !== "good" ? null : quality?.prtf_cycles_per_px ?? null;
  drawQuality(quality && { ...quality, prtf_cycles_per_px, frc: quality.frc ?? frc?.result.quality.frc });
  const failure = failureText(job);
  $("failure").textContent = failure;
  $("failure").hidden = !failure;
  $("cancel").hidden = !["queued", "running"].includes(job.state);
  $("cancel").disabled = job.cancel_requested;
  const ready = job.state === "succeeded";
  $("download").hidden = !ready;
  if (ready) $("download").href = `/api/v1/jobs/${encodeURIComponent(job.id)}/result?format=cxi`;
}

/**
 * Name, value, and a longer text to show on hover.
 * @param {import("./jobs.js").Job} job @returns {[string, string, string?][]}
 */
function facts(job) {
  const { progress, spec } = job;
  const last = job.attempts.at(-1);
  const epochs = progress?.epochs || 0;
  const seconds = progress?.seconds_per_epoch;
  const left = job.state === "running" && seconds ? (epochs - progress.epoch) * seconds : null;
  return [
    ["Epoch", epochs ? `${progress.epoch} / ${epochs}` : progress?.phase ?? "–"],
    ["Per epoch", seconds ? `${seconds.toPrecision(seconds < 1 ? 2 : 3)} s` : "–"],
    ["Left", left === null ? "–" : duration(left)],
    ["Recipe", recipeName(job) || "–"],
    ["Patterns", spec.scan.n_frames === null ? "–" : String(spec.scan.n_frames)],
    ["Attempt", job.attempt ? String(job.attempt) : "–"],
    ["Device", last?.device || "–", last?.worker],
  ];
}

/**
 * A line under the facts: how good the result is, as far as it is known.
 * @param {Record<string, any>|undefined} quality
 */
function drawQuality(quality) {
  const line = $("quality");
  const entries = quality ? qualityTexts(quality) : [];
  line.hidden = !entries.length;
  line.replaceChildren(...entries.map(([name, value, more]) => {
    const entry = document.createElement("span");
    const bold = document.createElement("b");
    bold.textContent = value;
    entry.append(`${name} `, bold);
    entry.title = more;
    return entry;
  }));
}

/**
 * Name, value, and what it means.
 * @param {Record<string, any>} quality @returns {[string, string, string][]}
 */
function qualityTexts({ held_out, grid_power, prtf_cycles_per_px, overlap, frc }) {
  /** @type {[string, string, string][]} */
  const texts = [];
  if (held_out) {
    const { patterns, poisson, amplitude } = held_out;
    texts.push(["Held-out Poisson loss", poisson.toPrecision(3),
      `Per pixel of ${patterns} patterns that were not fitted; amplitude loss ${amplitude.toPrecision(3)}`]);
  }
  if (frc) {
    texts.push(["FRC half period", `${frc.half_period_nm.toPrecision(3)} nm`,
      `Above half a bit up to ${frc.crossing_cycles_per_px.toFixed(3)} cycles/px, between two halves of the ${frc.halves}`]);
  }
  if (prtf_cycles_per_px !== null) {
    texts.push(["PRTF above 1/e to", `${prtf_cycles_per_px.toFixed(2)} cycles/px`,
      "Modelled over measured amplitude; 0.5 is the detector's edge"]);
  }
  if (grid_power !== null) {
    texts.push(["Grid power", percent(grid_power),
      "Share of the object's spectral power on the raster's reciprocal lattice"]);
  }
  if (overlap !== null) {
    texts.push(["Overlap", percent(overlap), "1 - step / probe diameter, estimated"]);
  }
  return texts;
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

/** @param {[string, string, string?][]} entries */
function drawFacts(entries) {
  const list = $("facts");
  for (const [name, value, more] of entries) {
    let entry = list.querySelector(`[data-fact="${name}"]`);
    if (entry === null) {
      entry = document.createElement("div");
      entry.dataset.fact = name;
      entry.append(document.createElement("dt"), document.createElement("dd"));
      entry.firstChild.textContent = name;
      list.append(entry);
    }
    const shown = entry.lastChild;
    if (shown.textContent !== value) shown.textContent = value;
    shown.title = more ?? "";
  }
}

/** @param {import("./jobs.js").Job} job @returns {string} */
function failureText({ failure, attempts, state }) {
  if (failure) return failure.message;
  const lost = attempts.filter((/** @type {Record<string, any>} */ { outcome }) => outcome === "lost");
  if (lost.length && state !== "succeeded") {
    const { number, reason } = lost.at(-1);
    return `Attempt ${number} was lost${reason ? `: ${reason}` : ""}.`;
  }
  return "";
}
