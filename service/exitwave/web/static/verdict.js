/** Whether a job's picture is one: the line above its figures, and the labels on its pictures. */

import { verdictOf } from "./jobs.js";

const $ = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));
const PICTURES = ["object_phase", "object_amplitude"];
/** What is on the page; drawn anew it would take a reader's selection away. */
/** @type {?string} */
let drawn = null;

/** @param {import("./jobs.js").Job} job */
export function drawVerdict(job) {
  const { result, spec, ended_at } = job;
  const key = `${job.id} ${ended_at}`;
  if (key === drawn) return;
  drawn = key;
  const word = verdictOf(job);
  const judged = result?.verdict ?? null;
  const isMissing = Boolean(result) && spec.kind === "reconstruction" && !judged;
  $("verdict").hidden = !judged && !isMissing;
  $("verdict").open = false;
  $("verdict").dataset.verdict = word;
  const reason = judged ? why(judged) : "";
  $("verdict-word").textContent = (word || "not judged") + (reason && ":");
  $("verdict-why").textContent = reason;
  $("verdict-more").replaceChildren(...(result ? moreOf(result) : []).flatMap(entry));
  PICTURES.forEach((plane) => label(plane, word));
}

/**
 * What the worst rule found; of a good picture how many remarks there are.
 * @param {Record<string, any>} judged
 */
function why({ verdict, rules }) {
  if (!rules.length) return "";
  if (verdict !== "good") return rules[0].text;
  return rules.length === 1 ? "1 remark" : `${rules.length} remarks`;
}

/** @typedef {[string, string, string?]} Row name, text, and a quiet addition */

/** @param {Record<string, any>} result @returns {Row[]} */
function moreOf({ verdict, preparation, start }) {
  /** @type {Row[]} */
  const rows = [];
  for (const { rule, says, text, advice } of verdict?.rules ?? []) {
    rows.push([says === "good" ? "remark" : says, text, rule.replaceAll("_", " ")]);
    if (advice) rows.push(["what to do", advice]);
  }
  const figures = Object.assign({}, verdict?.figures, ...(verdict?.rules ?? []).map((/** @type {Record<string, any>} */ rule) => rule.figures));
  const texts = Object.entries(figures).map(([name, value]) => `${name.replaceAll("_", " ")} ${number(value)}`);
  if (texts.length) rows.push(["figures", texts.join(", ")]);
  for (const { text } of preparation?.left_out ?? []) rows.push(["left out", text]);
  for (const { text } of preparation?.notes ?? []) rows.push(["note", text]);
  if (preparation) rows.push(orientationOf(preparation));
  if (start) rows.push(startOf(start));
  return rows;
}

/** @param {Record<string, any>} preparation @returns {Row} */
function orientationOf({ orientation, orientations_tried: tried }) {
  const text = orientation === "none" ? "positions as they are" : orientation;
  const losses = [...tried].sort((a, b) => a.loss - b.loss)
    .map((one) => `${one.orientation} ${number(one.loss)}`);
  return ["orientation", text, losses.length ? `loss of ${losses.join(", ")}` : ""];
}

/** @param {Record<string, any>} start @returns {Row} */
function startOf({ chosen, tried, runs, seconds }) {
  const { kind, defocus_y_px2: y, defocus_x_px2: x, loss } = chosen;
  const defocus = y === x ? number(y) : `${number(y)} (y), ${number(x)} (x)`;
  const text = y || x ? `${kind} with a defocus of ${defocus} px²` : kind;
  const more = [];
  if (loss !== null) more.push(`loss ${number(loss)}`);
  if (tried.length > 1) more.push(`of ${tried.length} tried in ${number(seconds)} s`);
  if (runs > 1) more.push(`run ${runs}: what ran before it found no picture`);
  return ["began with", text, more.join(", ")];
}

/** Infinity and NaN come as texts. @param {number|string} value */
function number(value) {
  return typeof value === "number" ? String(Number(value.toPrecision(3))) : value;
}

/** @param {Row} row */
function entry([name, text, more]) {
  const term = document.createElement("dt");
  term.textContent = name;
  const value = document.createElement("dd");
  value.textContent = text;
  if (more) {
    const quiet = document.createElement("span");
    quiet.textContent = ` ${more}`;
    value.append(quiet);
  }
  return [term, value];
}

/**
 * A picture that is doubtful or none says so itself, to eyes and to screen readers.
 * @param {string} plane @param {string} word
 */
function label(plane, word) {
  const stamp = $(`stamp-${plane}`);
  const isGood = word === "" || word === "good";
  stamp.hidden = isGood;
  stamp.dataset.verdict = word;
  stamp.textContent = word;
  stamp.setAttribute("aria-label", `Verdict on this picture: ${word}`);
  const plot = $(`figure-${plane}`);
  plot.dataset.label ??= plot.getAttribute("aria-label");
  plot.setAttribute("aria-label", isGood ? plot.dataset.label : `${plot.dataset.label}, ${word}`);
}
