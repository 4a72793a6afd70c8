/** The chosen job's head: title, state, facts, failure, what can be done with it. */

import { scanName, stateName } from "./jobs.js";

const $ = (id) => document.getElementById(id);

/** @param {import("./jobs.js").Job} job */
export function drawDetails(job) {
  const { sample } = job.spec.scan;
  $("job-title").textContent = sample ? `${scanName(job)} · ${sample}` : scanName(job);
  const state = stateName(job);
  $("job-state").textContent = state;
  $("job-state").dataset.state = state;
  $("job-ids").textContent = `scan ${job.spec.scan.uid}   job ${job.id}`;
  drawFacts(facts(job));
  const failure = failureText(job);
  $("failure").textContent = failure;
  $("failure").hidden = !failure;
  $("cancel").hidden = !["queued", "running"].includes(job.state);
  $("cancel").disabled = job.cancel_requested;
  const ready = job.state === "succeeded";
  $("download").hidden = !ready;
  if (ready) $("download").href = `/api/v1/jobs/${encodeURIComponent(job.id)}/result?format=cxi`;
}

/** Name, value, and a longer text to show on hover. @returns {[string, string, string?][]} */
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
    ["Recipe", spec.recipe.name ?? "–"],
    ["Patterns", spec.scan.n_frames === null ? "–" : String(spec.scan.n_frames)],
    ["Attempt", job.attempt ? String(job.attempt) : "–"],
    ["Device", last?.device || "–", last?.worker],
  ];
}

/** @param {number} seconds */
function duration(seconds) {
  if (seconds < 120) return `${Math.ceil(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

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

function failureText({ failure, attempts, state }) {
  if (failure) return failure.message;
  const lost = attempts.filter(({ outcome }) => outcome === "lost");
  if (lost.length && state !== "succeeded") {
    const { number, reason } = lost.at(-1);
    return `Attempt ${number} was lost${reason ? `: ${reason}` : ""}.`;
  }
  return "";
}
