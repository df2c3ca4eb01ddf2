// Numbers, times and codes as people read them.

export const STATES = { PENDING: "waiting", STARTED: "running", SUCCESS: "done", FAILURE: "failed", REVOKED: "cancelled" };
export const FORMATS = {
  txt: "Text (.txt)",
  srt: "Subtitles (.srt)",
  vtt: "Web subtitles (.vtt)",
  tsv: "Table of times and text (.tsv)",
  json: "Everything, for programs (.json)",
};
export const REMOVED = {
  phantoms: "a phrase known from subtitles",
  repetition: "a repetition",
  letters: "no words",
  script: "another script than the language's",
  silence: "silence",
};

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds)), pad = n => String(n).padStart(2, "0");
  const rest = pad(Math.floor(whole / 60) % 60) + ":" + pad(whole % 60);
  return whole >= 3600 ? Math.floor(whole / 3600) + ":" + rest : rest;
}

export function stretch(start, end) {
  if (end === null) return "from " + clock(start);
  return clock(start) === clock(end) ? clock(start) : clock(start) + " – " + clock(end);
}

/** Day and time; the time alone on the day of `after`. */
export function moment(time, after = null) {
  const isSameDay = after !== null && new Date(time).toDateString() === new Date(after).toDateString();
  return new Date(time).toLocaleString([], isSameDay ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" });
}

/** A length in the unit that suits it. */
export function length(seconds) {
  if (seconds < 90) return Math.ceil(seconds) + " s";
  if (seconds < 5400) return Math.round(seconds / 60) + " min";
  return (seconds / 3600).toFixed(1) + " h";
}

export function size(bytes) {
  if (bytes < 1e6) return Math.round(bytes / 1e3) + " kB";
  return bytes < 1e9 ? Math.round(bytes / 1e6) + " MB" : (bytes / 1e9).toFixed(1) + " GB";
}

export function ago(time) {
  const seconds = Math.max(0, (Date.now() - Date.parse(time)) / 1000);
  if (seconds < 60) return "just now";
  if (seconds < 3600) return Math.floor(seconds / 60) + " min ago";
  if (seconds < 86400) return Math.floor(seconds / 3600) + " h ago";
  return new Date(time).toLocaleDateString();
}

const languages = new Intl.DisplayNames(["en"], { type: "language" });

export function languageName(code) {
  try { return languages.of(code); } catch { return code; }
}
