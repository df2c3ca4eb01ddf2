// The names that readers give: of the file, and of who speaks from a time on. The server has them; this browser keeps a copy, and
// names of an earlier version that the server does not have.

import { request } from "./api.js";

const PREFIX = "murmur-names ";
const cache = new Map();

/** { filename, speakers: [{ start, name }, …] in order of time }, as far as they are known here. */
export function names(task) {
  if (!cache.has(task)) cache.set(task, read(task));
  return cache.get(task);
}

export function fileName(job) {
  return names(job.task_id).filename || job.filename;
}

/** As the server has them now. Whether that is something new. */
export async function load(task) {
  const before = JSON.stringify(names(task)), { filename, speakers, changed_at } = await request(address(task));
  if (changed_at !== null) keep(task, { filename, speakers });
  return JSON.stringify(names(task)) !== before;
}

export async function setFileName(task, filename) {
  await change(task, known => ({ ...known, filename }));
}

/** Names who speaks from `start` on; an empty name removes that. `everywhere`: wherever `before` is named. */
export async function setSpeaker(task, start, name, { before = "", everywhere = false } = {}) {
  await change(task, known => {
    let { speakers } = known;
    if (everywhere) speakers = speakers.map(mark => mark.name === before ? { ...mark, name } : mark);
    else speakers = [...speakers.filter(mark => mark.start !== start), { start, name }];
    return { ...known, speakers: speakers.filter(mark => mark.name).sort((one, other) => one.start - other.start) };
  });
}

export function forget(task) {
  cache.delete(task);
  localStorage.removeItem(PREFIX + task);
}

/** To what others have changed meanwhile. */
async function change(task, changed) {
  await load(task);
  const body = JSON.stringify(changed(names(task))), headers = { "Content-Type": "application/json" };
  const { filename, speakers } = await request(address(task), { method: "PUT", headers, body });
  keep(task, { filename, speakers });
}

function address(task) {
  return `api/jobs/${encodeURIComponent(task)}/names`;
}

function read(task) {
  try {
    const { filename = "", speakers = [] } = JSON.parse(localStorage.getItem(PREFIX + task)) || {};
    return { filename, speakers };
  } catch {  // damaged, or the browser keeps nothing
    return { filename: "", speakers: [] };
  }
}

function keep(task, given) {
  cache.set(task, given);
  const isEmpty = !given.filename && !given.speakers.length;
  if (isEmpty) localStorage.removeItem(PREFIX + task);
  else localStorage.setItem(PREFIX + task, JSON.stringify(given));
}
