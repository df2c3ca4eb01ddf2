// The names that a reader gives: of the file, and of who speaks from a time on. Kept in this browser, not on the server.

const PREFIX = "murmur-names ";
const cache = new Map();

/** { filename, speakers: [{ start, name }, …] in order of time }. */
export function names(task) {
  if (!cache.has(task)) cache.set(task, read(task));
  return cache.get(task);
}

export function fileName(job) {
  return names(job.task_id).filename || job.filename;
}

export function setFileName(task, filename) {
  write(task, { ...names(task), filename });
}

/** Names who speaks from `start` on; an empty name removes that. `everywhere`: wherever `before` is named. */
export function setSpeaker(task, start, name, { before = "", everywhere = false } = {}) {
  let speakers = names(task).speakers;
  if (everywhere) speakers = speakers.map(mark => mark.name === before ? { ...mark, name } : mark);
  else speakers = [...speakers.filter(mark => mark.start !== start), { start, name }];
  write(task, { ...names(task), speakers: speakers.filter(mark => mark.name).sort((one, other) => one.start - other.start) });
}

export function forget(task) {
  cache.delete(task);
  localStorage.removeItem(PREFIX + task);
}

function read(task) {
  try {
    const { filename = "", speakers = [] } = JSON.parse(localStorage.getItem(PREFIX + task)) || {};
    return { filename, speakers };
  } catch {  // damaged, or the browser keeps nothing
    return { filename: "", speakers: [] };
  }
}

function write(task, given) {
  cache.set(task, given);
  const isEmpty = !given.filename && !given.speakers.length;
  if (isEmpty) localStorage.removeItem(PREFIX + task);
  else localStorage.setItem(PREFIX + task, JSON.stringify(given));
}
