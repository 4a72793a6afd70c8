/** A job in words, and in the chips that show its state and its verdict. */

/** @typedef {import("./records.js").Job} Job */

/** Name of a scan: its number, else the start of its uid. @param {Job} job */
export function scanName({ spec: { scan } }) {
  return scan.scan_id === null ? `Scan ${scan.uid.slice(0, 8)}` : `Scan ${scan.scan_id}`;
}

/** Name of its recipe; a job of another kind than a reconstruction says so. @param {Job} job */
export function recipeName({ spec: { kind, recipe } }) {
  return kind === "frc" ? `frc ${recipe.name ?? ""}` : recipe.name ?? "";
}

/** State for people: that a cancel was requested shows. @param {Job} job */
export function stateName(job) {
  return job.cancel_requested && job.state === "running" ? "cancelling" : job.state;
}

/** The verdict on its result; empty while there is none. @param {Job} job */
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
