/** The page: session, websocket, jobs and panels, and what each tells the others. */

import { openSession, post, redeemCodeInAddress } from "./api.js";
import { byId } from "./dom.js";
import { drawDetails } from "./job_details.js";
import { JobList } from "./job_list.js";
import { scanName } from "./job_text.js";
import { Jobs } from "./jobs.js";
import { LiveSocket } from "./live_socket.js";
import { PanelGrid } from "./panel_grid.js";

const jobs = new Jobs();
const socket = new LiveSocket();
const panels = new PanelGrid();
const list = new JobList(byId("jobs"), select);
const confirmation = byId("confirm", HTMLDialogElement);
const login = byId("login", HTMLDialogElement);
const follow = byId("follow", HTMLInputElement);
/** @type {?string} id of the job on the page */
let shownJob = null;
/** Id of the job that the user selected; null: follow the newest. */
let selectedJob = new URLSearchParams(location.hash.slice(1)).get("job");

async function buildPanels() {
  const light = matchMedia("(prefers-color-scheme: light)");
  light.addEventListener("change", () => location.reload());
  byId("job").hidden = false; // BokehJS measures the elements it draws into
  await panels.build(byId("panels"), light.matches ? "light" : "dark");
}

/** A selected job stays until another is, or `follow newest` is ticked. @param {string} id */
function select(id) {
  selectedJob = id;
  history.replaceState(null, "", `#job=${encodeURIComponent(id)}`);
  redraw();
}

function redraw() {
  const job = selectedJob === null ? jobs.newest : jobs.get(selectedJob);
  follow.checked = selectedJob === null;
  list.draw(jobs.all, job?.id);
  byId("empty").hidden = job !== undefined;
  byId("job").hidden = job === undefined;
  if (job === undefined) return;
  if (job.id !== shownJob) {
    shownJob = job.id;
    panels.clear();
    showNote("");
    socket.subscribe([{ job: job.id, planes: panels.planes }]);
  }
  drawDetails(job, jobs.frcOf(job.id));
}

/** @param {any} event of the socket, with a frame */
function showFrame({ detail: { header, data } }) {
  if (header.job !== shownJob) return;
  panels.show(header, data);
  showNote(header.note);
}

/** What is to be known of the scale. @param {string} text */
function showNote(text) {
  byId("note").hidden = !text;
  byId("note").textContent = text && `Scale: ${text}`;
}

/** @param {string} state @param {string} text */
function showConnection(state, text) {
  document.body.dataset.connection = state;
  byId("connection-text").textContent = text;
}

/** @param {string} text */
function showNotice(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
}

/** A failed request: without a session the key is asked for; else the error is shown. @param {any} error */
function handleError(error) {
  if (error.status === 401) askForKey();
  else showNotice(error.message);
}

function askForKey() {
  socket.close();
  showConnection("locked", "not signed in");
  if (!login.open) login.showModal();
}

async function loadJobs() {
  await jobs.load();
  if (selectedJob && !jobs.get(selectedJob)) await jobs.fetch(selectedJob).catch(handleError);
  showNotice("");
}

socket.addEventListener("open", () => {
  showConnection("live", "live");
  loadJobs().catch(handleError);
});
socket.addEventListener("lost", () => {
  const { connection } = document.body.dataset;
  if (connection === "locked") return;
  const when = new Date().toLocaleTimeString([], { hour12: false });
  if (connection !== "lost") showConnection("lost", `connection lost at ${when}, reconnecting`);
  // A closed socket may mean an ended session: only an ordinary request can tell.
  jobs.load().catch((error) => error.status === 401 && askForKey());
});
socket.addEventListener("message", (/** @type {any} */ { detail }) => {
  if (detail.kind === "tick") showNotice(detail.ledger ? "" : "The queue does not answer; what is shown may be out of date.");
  else if (detail.kind === "problem") showNotice(detail.detail);
  else jobs.take(detail).catch(handleError);
});
socket.addEventListener("frame", showFrame);
jobs.addEventListener("change", redraw);

follow.addEventListener("change", () => {
  selectedJob = follow.checked ? null : shownJob;
  history.replaceState(null, "", selectedJob ? `#job=${encodeURIComponent(selectedJob)}` : location.pathname);
  redraw();
});
byId("cancel").addEventListener("click", () => {
  const job = shownJob === null ? undefined : jobs.get(shownJob);
  if (job === undefined) return;
  byId("confirm-text").textContent = `${scanName(job)}, job ${job.id}. It stops after the current epoch and leaves no final result.`;
  confirmation.dataset.job = job.id;
  confirmation.returnValue = "keep";
  confirmation.showModal();
});
confirmation.addEventListener("close", () => {
  const { job = "" } = confirmation.dataset;
  if (confirmation.returnValue !== "cancel") return;
  post(`/jobs/${encodeURIComponent(job)}/cancel`).then(() => jobs.fetch(job)).catch(handleError);
});
login.addEventListener("cancel", (event) => event.preventDefault());
byId("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const key = byId("login-key", HTMLInputElement);
  try {
    await openSession(key.value);
    key.value = "";
    login.close();
    socket.connect();
  } catch (error) {
    byId("login-error").textContent = /** @type {Error} */ (error).message;
    byId("login-error").hidden = false;
  }
});

try {
  await redeemCodeInAddress();
} catch (error) {
  showNotice(`The one-time code was refused: ${/** @type {Error} */ (error).message}`);
}
try {
  await buildPanels();
  await loadJobs();
  socket.connect();
} catch (error) {
  handleError(error);
}
window.addEventListener("hashchange", () => {
  const id = new URLSearchParams(location.hash.slice(1)).get("job");
  if (id) select(id);
});
