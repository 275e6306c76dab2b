// Makes the page live. Without it the page still works: forms are sent, and links are followed.
// Whoever is on the page is known by a WebSocket, which also carries what is being written; that the notes have changed is
// known by a stream of events, and then the list is fetched anew, as the server shows it.

import { follow, meet } from "./live.js";

const element = (id) => document.getElementById(id);
const DAY = 864e5;
const STATUS_MS = 4000;
const UNITS = [["minute", 6e4], ["hour", 36e5], ["day", DAY], ["week", 7 * DAY]];
let fading;

export function tell(text) {
  const status = element("status");
  status.textContent = text;
  status.classList.remove("gone");
  clearTimeout(fading);
  fading = setTimeout(() => status.classList.add("gone"), STATUS_MS);
}

function when(time) {
  const passed = Date.now() - new Date(time);
  if (passed < UNITS[0][1]) return "just now";
  if (passed > 4 * UNITS[3][1]) return new Date(time).toLocaleDateString("en", { dateStyle: "medium" });
  const [unit, length] = UNITS.findLast(([, least]) => passed >= least);
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(-Math.floor(passed / length), unit);
}

function showTimes() {
  for (const time of document.querySelectorAll("time")) {
    time.title = new Date(time.dateTime).toLocaleString();
    time.textContent = when(time.dateTime);
  }
}

// Shows the list as the server has it now; notes that were there move to their new places.
async function refresh() {
  const answer = await fetch(location.href);
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const change = () => {
    for (const id of ["notes", "count"]) element(id).replaceWith(fresh.getElementById(id));
    showTimes();
    nameNotes();
  };
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (still || document.hidden || !document.startViewTransition) change();
  else document.startViewTransition(change);
}

function nameNotes() {
  for (const note of document.querySelectorAll(".note[id]")) note.style.viewTransitionName = note.id;
}

// Sends a form without leaving the page. The server answers with a redirect, which fetch follows, or with a problem.
async function send(form) {
  const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } });
  if (answer.ok) return "";
  const problem = await answer.json().catch(() => ({}));
  return problem.detail || `The server answers ${answer.status}.`;
}

async function save(event) {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  button.disabled = true;
  const problem = await send(form).catch(() => "The server does not answer. The note is still here: try again.");
  button.disabled = false;
  element("problem").textContent = problem;
  if (problem) return;
  if (form.dataset.note !== "0") return location.assign("/");
  form.reset();
  form.dispatchEvent(new Event("input"));
  element("title").focus();
  tell("The note is saved.");
}

function question(text) {
  const dialog = document.createElement("dialog");
  dialog.innerHTML = '<form method="dialog"><p></p><div class="row"><button class="quiet">Keep it</button>'
    + '<button class="danger" value="yes">Delete it</button></div></form>';
  dialog.querySelector("p").textContent = text;
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => { dialog.remove(); resolve(dialog.returnValue === "yes"); };
  });
}

async function remove(event) {
  const form = event.target.closest("form.remove");
  if (!form) return;
  event.preventDefault();
  const title = form.closest(".note").querySelector("h3").textContent;
  if (await question(`Delete “${title}”?`)) tell((await send(form)) || "The note is deleted.");
}

// A file may be dropped on the form; Ctrl-Enter sends it.
function serveForm(form) {
  const drop = form.querySelector(".drop");
  const over = (event, isOver) => { event.preventDefault(); drop.classList.toggle("over", isOver); };
  form.addEventListener("submit", save);
  form.addEventListener("dragover", (event) => over(event, true));
  form.addEventListener("dragleave", (event) => over(event, false));
  form.addEventListener("drop", (event) => { over(event, false); form.file.files = event.dataTransfer.files; });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
}

document.addEventListener("submit", remove);
setInterval(showTimes, UNITS[0][1]);
showTimes();
nameNotes();
if (element("form")) {
  serveForm(element("form"));
  meet(element("form"));
}
if (element("notes")) follow(refresh);
