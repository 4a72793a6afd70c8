/** The page: session, socket, jobs, panels, and who tells whom. */

import { asset, openSession, post, redeemCodeInAddress } from "./api.js";
import { lookupTable } from "./colour.js";
import { drawDetails } from "./details.js";
import { JobList, Jobs, scanName } from "./jobs.js";
import { LiveSocket } from "./live.js";
import { LossPanel } from "./loss.js";
import { link } from "./link.js";
import { PicturePanel } from "./panels.js";

const PLANES = {
  object_phase: "phase",
  object_amplitude: "amplitude",
  probe_amplitude: "amplitude",
  probe_phase: "cyclic",
};
const $ = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));

const jobs = new Jobs();
const live = new LiveSocket();
const list = new JobList($("jobs"), pick);
/** @type {Record<string, any>} a `PicturePanel` for each plane, and the `LossPanel` */
const panels = {};
let chosen = /** @type {?string} */ (null); // id of the job on screen
let asked = new URLSearchParams(location.hash.slice(1)).get("job"); // id the user asked for

async function buildPanels() {
  const light = matchMedia("(prefers-color-scheme: light)");
  const [figures, palettes] = await Promise.all([
    asset(`/assets/figures.json?theme=${light.matches ? "light" : "dark"}`),
    asset("/assets/colours.json"),
  ]);
  light.addEventListener("change", () => location.reload());
  $("job").hidden = false; // BokehJS measures the elements it draws into
  const views = await window.Bokeh.embed.embed_items(figures.docs_json, figures.render_items);
  const { document: figuresDocument } = [...views[0].roots][0].model;
  const tables = Object.fromEntries(
    Object.entries(palettes).map(([name, palette]) => [name, lookupTable(palette)]),
  );
  for (const [plane, name] of Object.entries(PLANES)) {
    panels[plane] = new PicturePanel(
      figuresDocument,
      plane,
      { usual: tables[name], cyclic: tables.cyclic },
      { usual: palettes[name], cyclic: palettes.cyclic },
    );
  }
  panels.loss = new LossPanel(figuresDocument);
  link(panels.object_phase, panels.object_amplitude);
  link(panels.probe_amplitude, panels.probe_phase);
  for (const panel of [panels.object_phase, panels.object_amplitude]) {
    panel.figure.on_event("mousemove", readOut);
    panel.figure.on_event("mouseleave", () => { $("readout").innerHTML = "&nbsp;"; });
  }
}

/** Values under the pointer. @param {{x: number, y: number}} at */
function readOut({ x, y }) {
  const phase = panels.object_phase.valueAt(x, y);
  const amplitude = panels.object_amplitude.valueAt(x, y);
  if (phase === null || Number.isNaN(phase.value)) {
    $("readout").innerHTML = "&nbsp;";
    return;
  }
  $("readout").textContent = `x ${x.toFixed(3)} µm   y ${y.toFixed(3)} µm   `
    + `phase ${phase.value.toFixed(3)} rad   amplitude ${amplitude?.value.toFixed(3) ?? "–"}`;
}

/** A picked job stays until another is picked or `follow newest` is ticked. @param {string} id */
function pick(id) {
  asked = id;
  history.replaceState(null, "", `#job=${encodeURIComponent(id)}`);
  redraw();
}

function redraw() {
  const wanted = (asked && jobs.get(asked)) || (asked ? null : jobs.newest);
  $("follow").checked = asked === null;
  list.draw(jobs.all, wanted?.id);
  const empty = !wanted;
  $("empty").hidden = !empty;
  $("job").hidden = empty;
  if (empty) return;
  if (wanted.id !== chosen) {
    chosen = wanted.id;
    Object.values(panels).forEach((panel) => panel.clear());
    $("note").hidden = true;
    live.subscribe([{ job: wanted.id, planes: [...Object.keys(PLANES), "loss"] }]);
  }
  drawDetails(wanted, jobs.frcOf(wanted.id));
}

/** @param {any} event of the socket, with a frame */
function showFrame({ detail: { header, data } }) {
  if (header.job !== chosen) return;
  panels[header.plane].show(header, data);
  $("note").hidden = !header.note;
  $("note").textContent = header.note ? `Scale: ${header.note}` : "";
}

/** @param {string} state @param {string} text */
function setConnection(state, text) {
  document.body.dataset.connection = state;
  $("connection-text").textContent = text;
}

/** @param {string} text */
function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

/** A failed call: no session opens the form, anything else is told. @param {any} error */
function complain(error) {
  if (error.status === 401) askForKey();
  else notice(error.message);
}

function askForKey() {
  live.close();
  setConnection("locked", "not signed in");
  if (!$("login").open) $("login").showModal();
}

async function reload() {
  await jobs.load();
  if (asked && !jobs.get(asked)) await jobs.fetch(asked).catch(complain);
  notice("");
}

live.addEventListener("open", () => {
  setConnection("live", "live");
  reload().catch(complain);
});
live.addEventListener("lost", () => {
  if (document.body.dataset.connection === "locked") return;
  const when = new Date().toLocaleTimeString([], { hour12: false });
  if (document.body.dataset.connection !== "lost") setConnection("lost", `connection lost at ${when}, reconnecting`);
  // A closed socket may mean an ended session: only an ordinary call can tell.
  jobs.load().catch((error) => error.status === 401 && askForKey());
});
live.addEventListener("message", (/** @type {any} */ { detail }) => {
  if (detail.kind === "tick") notice(detail.ledger ? "" : "The queue does not answer; what is shown may be old.");
  else if (detail.kind === "problem") notice(detail.detail);
  else jobs.take(detail).catch(complain);
});
live.addEventListener("frame", showFrame);
jobs.addEventListener("change", redraw);

$("fit").addEventListener("click", () => panels.object_phase.fit());
$("follow").addEventListener("change", (/** @type {any} */ { target }) => {
  asked = target.checked ? null : chosen;
  history.replaceState(null, "", asked ? `#job=${encodeURIComponent(asked)}` : location.pathname);
  redraw();
});
$("cancel").addEventListener("click", () => {
  const job = chosen === null ? undefined : jobs.get(chosen);
  if (job === undefined) return;
  $("confirm-text").textContent = `${scanName(job)}, job ${job.id}. It stops after the current epoch and gives no final result.`;
  $("confirm").dataset.job = job.id;
  $("confirm").returnValue = "keep";
  $("confirm").showModal();
});
$("confirm").addEventListener("close", () => {
  const { job } = $("confirm").dataset;
  if ($("confirm").returnValue !== "cancel") return;
  post(`/jobs/${encodeURIComponent(job)}/cancel`).then(() => jobs.fetch(job)).catch(complain);
});
$("login").addEventListener("cancel", (/** @type {Event} */ event) => event.preventDefault());
$("login-form").addEventListener("submit", async (/** @type {Event} */ event) => {
  event.preventDefault();
  try {
    await openSession($("login-key").value);
    $("login-key").value = "";
    $("login").close();
    live.connect();
  } catch (error) {
    $("login-error").textContent = /** @type {Error} */ (error).message;
    $("login-error").hidden = false;
  }
});

try {
  await redeemCodeInAddress();
} catch (error) {
  notice(`The one-time code was refused: ${/** @type {Error} */ (error).message}`);
}
try {
  await buildPanels();
  await reload();
  live.connect();
} catch (error) {
  complain(error);
}
window.addEventListener("hashchange", () => {
  const id = new URLSearchParams(location.hash.slice(1)).get("job");
  if (id) pick(id);
});
