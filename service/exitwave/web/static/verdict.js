/** The verdict on a job's result: the line above its figures, and the stamps on its pictures. */

import { byId, create, within } from "./dom.js";
import { verdictOf } from "./job_text.js";

/** @typedef {import("./records.js").Figure} Figure */
/**
 * What is on the page; drawn anew it would take a reader's selection away.
 * @type {?string}
 */
let drawn = null;

/** @param {import("./records.js").Job} job */
export function drawVerdict(job) {
  const { result, spec, ended_at } = job;
  const key = `${job.id} ${ended_at}`;
  if (key === drawn) return;
  drawn = key;
  const verdict = verdictOf(job);
  const judged = result?.verdict ?? null;
  const isMissing = Boolean(result) && spec.kind === "reconstruction" && !judged;
  byId("verdict").hidden = !judged && !isMissing;
  byId("verdict", HTMLDetailsElement).open = false;
  byId("verdict").dataset.verdict = verdict;
  const reason = judged ? why(judged) : "";
  byId("verdict-word").textContent = (verdict || "not judged") + (reason && ":");
  byId("verdict-why").textContent = reason;
  byId("verdict-more").replaceChildren(...(result ? rowsOf(result) : []).flatMap(entry));
  for (const panel of document.querySelectorAll(".panel:has(.stamp)")) stampPanel(panel, verdict);
}

/**
 * What the worst rule found; of a good picture how many remarks there are.
 * @param {import("./records.js").Verdict} judged
 */
function why({ verdict, rules }) {
  if (!rules.length) return "";
  if (verdict !== "good") return rules[0].text;
  return rules.length === 1 ? "1 remark" : `${rules.length} remarks`;
}

/** @typedef {[string, string, string?]} Row name, text, and a quiet addition */

/** @param {import("./records.js").Result} result @returns {Row[]} */
function rowsOf({ verdict, preparation, start }) {
  /** @type {Row[]} */
  const rows = [];
  for (const { rule, says, text, advice } of verdict?.rules ?? []) {
    rows.push([says === "good" ? "remark" : says, text, rule.replaceAll("_", " ")]);
    if (advice) rows.push(["what to do", advice]);
  }
  /** @type {Record<string, Figure>} */
  const figures = Object.assign({}, verdict?.figures, ...(verdict?.rules ?? []).map((rule) => rule.figures));
  const texts = Object.entries(figures).map(([name, value]) => `${name.replaceAll("_", " ")} ${number(value)}`);
  if (texts.length) rows.push(["figures", texts.join(", ")]);
  for (const { text } of preparation?.left_out ?? []) rows.push(["left out", text]);
  for (const { text } of preparation?.notes ?? []) rows.push(["note", text]);
  if (preparation) rows.push(orientationOf(preparation));
  if (start) rows.push(startOf(start));
  return rows;
}

/** @param {import("./records.js").Preparation} preparation @returns {Row} */
function orientationOf({ orientation, orientations_tried: tried }) {
  const text = orientation === "none" ? "positions as they are" : orientation;
  const losses = [...tried].sort((a, b) => a.loss - b.loss)
    .map((one) => `${one.orientation} ${number(one.loss)}`);
  return ["orientation", text, losses.length ? `loss of ${losses.join(", ")}` : ""];
}

/** @param {import("./records.js").Start} start @returns {Row} */
function startOf({ chosen, tried, runs, seconds }) {
  const { kind, defocus_y_px2: y, defocus_x_px2: x, loss } = chosen;
  const defocus = y === x ? number(y) : `${number(y)} (y), ${number(x)} (x)`;
  const text = y || x ? `${kind} with a defocus of ${defocus} px²` : kind;
  const more = [];
  if (loss !== null) more.push(`loss ${number(loss)}`);
  if (tried.length > 1) more.push(`of ${tried.length} tried in ${number(seconds)} s`);
  if (runs > 1) more.push(`run ${runs}: what ran before it found no picture`);
  return ["initial guess", text, more.join(", ")];
}

/** @param {Figure} value */
function number(value) {
  return typeof value === "number" ? String(Number(value.toPrecision(3))) : value;
}

/** @param {Row} row */
function entry([name, text, more]) {
  const value = create("dd", "", text);
  if (more) value.append(create("span", "", ` ${more}`));
  return [create("dt", "", name), value];
}

/**
 * Write a verdict that is not good onto a panel, for eyes and for screen readers.
 * @param {Element} panel @param {string} verdict
 */
function stampPanel(panel, verdict) {
  const stamp = within(panel, ".stamp");
  const isGood = verdict === "" || verdict === "good";
  stamp.hidden = isGood;
  stamp.dataset.verdict = verdict;
  stamp.textContent = verdict;
  stamp.ariaLabel = `Verdict on this picture: ${verdict}`;
  const plot = within(panel, ".plot");
  plot.dataset.label ??= plot.ariaLabel ?? "";
  plot.ariaLabel = isGood ? plot.dataset.label : `${plot.dataset.label}, ${verdict}`;
}
