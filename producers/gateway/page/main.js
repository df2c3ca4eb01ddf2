// Puts the parts of the page together, and repeats what keeps them up to date.

import { beginSession, request } from "./api.js";
import { $, say } from "./elements.js";
import { JobList } from "./jobs.js";
import { Options } from "./options.js";
import { Player } from "./player.js";
import { Recorder } from "./recorder.js";
import { Search } from "./search.js";
import { Strip } from "./strip.js";
import { Task } from "./task.js";
import { Transcript } from "./transcript.js";
import { Uploads } from "./uploads.js";

const READY_MS = 4000;

const strip = new Strip();
const jobs = new JobList(go, () => strip.updateQueue());
const options = new Options();
const uploads = new Uploads(options, accepted);
const player = new Player();
const transcript = new Transcript(player, () => search.highlight());
const search = new Search(transcript);
const task = new Task({ options, player, transcript, search, uploads, onChoose: go, onChanged: () => refresh() });
const recorder = new Recorder(file => uploads.send([file], { isRecorded: true }));
let isShownUnasked = false;  // the job of an upload, which nobody has touched since

/** Chooses a job; the browser's own back button returns to the one before. */
function go(id) {
  show(id, "pushState");
}

/** A file has become a job: it is shown, unless that would take the reader away from something. */
function accepted(id, { isSingle, isAsked }) {
  if (isAsked) return go(id);
  const isReading = location.hash !== "" && !isShownUnasked;
  if (!isSingle || isReading || player.isPlaying || recorder.isRecording) return refresh();
  show(id, isShownUnasked ? "replaceState" : "pushState");
  isShownUnasked = true;
}

function show(id, change) {
  history[change](null, "", id ? "#" + id : location.pathname + location.search);
  choose();
}

function choose() {
  isShownUnasked = false;
  const id = location.hash.slice(1);
  document.body.classList.toggle("reading", id !== "");
  jobs.choose(id);
  task.choose(id, jobs.text);
  refresh();
  if (id && matchMedia("(max-width: 820px), (max-height: 600px)").matches) scrollTo(0, 0);
}

function refresh() {
  jobs.update().then(() => jobs.view.refresh()).catch(() => {});
}

async function showReady() {
  let text = "ready", yes = true;
  try { await request("readyz", { timeoutMs: READY_MS }); }
  catch (error) { yes = false; text = error.message; }
  $("ready").className = yes ? "ready yes" : "ready";
  say($("ready").querySelector("span"), text);
}

async function repeat(work, everyMs) {
  for (;;) {
    if (!document.hidden) await work().catch(() => {});
    await new Promise(done => setTimeout(done, everyMs));
  }
}

for (const type of ["pointerdown", "keydown", "wheel"]) $("task").addEventListener(type, () => { isShownUnasked = false; }, { passive: true });
$("back").onclick = () => go("");
window.onpopstate = choose;
document.addEventListener("keydown", event => {
  const isTyping = event.target.closest?.("input, select, textarea, dialog");
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  ($("find").hidden || !task.task ? $("filter") : $("query")).focus();
});
document.addEventListener("click", event => {
  for (const menu of document.querySelectorAll(".menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

repeat(showReady, 3000);
await beginSession();
await options.update().catch(() => {});  // alone, since it asks for a key if one is needed
choose();
repeat(() => options.update(), 10000);
repeat(() => jobs.update(), 1500);
repeat(() => strip.update(), 10000);
