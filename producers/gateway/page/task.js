// The chosen job: what is known of it, what can be done with it, its transcript.

import { ASYNC, BASE, request, send } from "./api.js";
import { ask } from "./dialog.js";
import { $, button, make, saveAs, say, setBar } from "./elements.js";
import { emptiness, linesOf, plainText, rawOf } from "./lines.js";
import { watch } from "./live.js";
import { fileName, forget, load, names, setFileName } from "./names.js";
import { FORMATS, clock, languageName, length, moment, stretch } from "./wording.js";

const NOTES_OPEN_MAX = 3;

export class Task {
  constructor({ options, player, transcript, search, uploads, onChoose, onChanged }) {
    Object.assign(this, { options, player, transcript, search, uploads, onChoose, onChanged });
    this.task = "";
    this.status = null;
    this.watching = new AbortController();
    $("rename").onclick = () => this.rename().catch(error => say($("about"), error.message));
    $("raw").onchange = () => this.showText(this.status);
  }

  /** `sought`: what the job was found by, if it was. */
  choose(task, sought = "") {
    this.watching.abort();
    this.watching = new AbortController();
    this.task = task;
    this.status = null;
    this.linksAs = this.notesAs = "";
    this.player.load(task);
    $("shown").hidden = $("rename").hidden = true;
    $("pick").hidden = false;
    say($("pick"), task ? "Loading …" : "Choose a job to read its transcript.");
    say($("task-title"), "Transcript");
    if (!task) return;
    this.search.begin(sought);
    watch(task, status => this.show(status), this.watching.signal).catch(error => {
      if (error.status === 404) forget(task);
      if (this.task === task) say($("pick"), error.message);
    });
  }

  show(status) {
    const ended = this.status && !this.status.ended_at && status.ended_at;
    if (this.status === null) this.loadNames(status.task_id);
    this.status = status;
    $("pick").hidden = true;
    $("shown").hidden = $("rename").hidden = false;
    say($("task-title"), fileName(status));
    $("about").className = status.state === "FAILURE" ? "about bad" : "about";
    say($("about"), about(status));
    $("task-bar").hidden = status.state !== "STARTED";
    setBar($("task-bar"), status.progress.share);
    this.showTracks(status.result?.audio_info);
    this.showLinks(status);
    this.showNotes(status.warnings);
    this.showText(status);
    if (ended) this.onChanged();
  }

  showText(status) {
    const { result } = status, segments = result ? result.transcription.segments : status.progress.segments;
    $("raw-choice").hidden = !result?.correction?.segments_changed;
    const isRaw = $("raw").checked && !$("raw-choice").hidden;
    const lines = linesOf(isRaw ? rawOf(segments) : segments, result?.removed, status.warnings);
    const hasText = lines.some(line => line.kind === "segment");
    $("find").hidden = $("keys").hidden = !hasText;
    const empty = result && !hasText ? emptiness(result) : null;
    $("nobody").hidden = empty === null;
    if (empty) say($("nobody"), empty.text);
    this.transcript.show(status.task_id, lines);
    this.search.run(false);
  }

  showTracks(audio) {
    const tracks = audio?.tracks ?? [];
    $("tracks").hidden = tracks.length < 2;
    if (tracks.length < 2 || this.tracksOf === this.task) return;
    this.tracksOf = this.task;
    const others = tracks.filter(track => track.index !== audio.track);
    $("tracks").replaceChildren(
      make("p", `Of ${tracks.length} audio tracks, ${trackName(tracks.find(track => track.index === audio.track))} was transcribed. The player plays the track that the browser chooses.`),
      ...others.map(track => act("Transcribe " + trackName(track), "", () => this.again(track))),
    );
  }

  /** The same file once more, with the options of the form and another track. */
  async again(track) {
    const status = this.status, audio = await (await send(`api/jobs/${status.task_id}/audio`)).blob();
    this.uploads.send([new File([audio], status.filename.split("/").pop())], { fields: { track: String(track.index) }, isAsked: true });
  }

  showNotes(warnings) {
    const as = JSON.stringify(warnings);
    if (as === this.notesAs) return;
    this.notesAs = as;
    const lines = warnings.map(warning => {
      const line = make("li");
      if (warning.start !== null) line.append(button(stretch(warning.start, warning.end), "time", () => this.transcript.playFrom(warning.start)));
      line.append(make("span", warning.message));
      return line;
    });
    $("notes").hidden = !lines.length;
    $("notes").open = lines.length <= NOTES_OPEN_MAX && !warnings.every(warning => this.options.warns(warning.code));
    $("notes").querySelector("summary").textContent = lines.length === 1 ? "A note on this transcript" : `${lines.length} notes on this transcript`;
    $("notes").querySelector("ul").replaceChildren(...lines);
  }

  showLinks(status) {
    const as = JSON.stringify([status.state, Boolean(status.result), names(status.task_id).filename]);
    if (as === this.linksAs) return;
    this.linksAs = as;
    $("links").replaceChildren(...this.links(status));
  }

  links(status) {
    const job = "api/jobs/" + status.task_id, shown = [];
    if (!status.ended_at) return [act("Cancel", "stop", () => request(`${ASYNC}/${status.task_id}`, { method: "DELETE" }))];
    if (status.result) shown.push(downloads(status));
    if (status.result?.transcription.segments.length) shown.push(act("Copy text", "", event => this.copy(event.target)));
    if (!status.result) shown.push(act("Retry", "", async () => this.onChoose((await request(job + "/retry", { method: "POST" })).task_id)));
    shown.push(act("Delete", "stop", () => this.remove(status)));
    return shown;
  }

  async remove(status) {
    const sure = await ask({ title: "Delete", text: `Delete ${fileName(status)} with its transcript?`, ok: "Delete", danger: true });
    if (sure === null) return;
    await request("api/jobs/" + status.task_id, { method: "DELETE" });
    forget(status.task_id);
    this.onChoose("");
  }

  async copy(copied) {
    await copyText(plainText(this.transcript.lines, names(this.task).speakers));
    copied.textContent = "Copied";
    setTimeout(() => { copied.textContent = "Copy text"; }, 2000);
  }

  async rename() {
    const task = this.task, fields = [{ name: "filename", label: "Name", value: fileName(this.status) }];
    const text = "The name on this page and of downloads. The file keeps its own.";
    const given = await ask({ title: "Rename", text, fields, ok: "Save" });
    if (given === null || task !== this.task) return;
    const filename = given.filename.trim();
    await setFileName(task, filename === this.status.filename ? "" : filename);
    if (task === this.task) this.renamed();
  }

  /** Without them the copies in this browser remain. */
  loadNames(task) {
    load(task).then(isNew => { if (isNew && this.task === task) this.renamed(); }).catch(() => {});
  }

  renamed() {
    if (this.status) this.show(this.status);
    this.transcript.renamed();
    this.onChanged();
  }
}

function about(status) {
  const { share } = status.progress, facts = [status.state === "STARTED" ? `transcribing, ${Math.round(share * 100)}% done` : status.message];
  if (status.result) {
    const { duration, language } = status.result.transcription;
    facts.push(clock(duration) + " of audio");
    if (language) facts.push(languageName(language));
    facts.push("model " + status.model.name, status.result.processing_time.toFixed(1) + " s of processing");
  } else {
    facts.push("model " + status.model.name);
    if (status.progress.eta_s != null) facts.push("about " + length(status.progress.eta_s) + " left");
  }
  facts.push("submitted " + moment(status.submitted_at));
  if (status.ended_at) facts.push("ended " + moment(status.ended_at, status.submitted_at));
  return facts.join(" · ");
}

function trackName(track) {
  const about = [track.language && languageName(track.language), track.title].filter(Boolean).join(", ");
  return `track ${track.index}` + (about ? ` (${about})` : "");
}

function downloads(status) {
  const menu = make("details", undefined, "menu"), list = make("ul");
  for (const [format, label] of Object.entries(FORMATS)) list.append(download(label, `${ASYNC}/${status.task_id}/transcript.${format}`));
  list.append(link("The file itself", `api/jobs/${status.task_id}/audio`));
  menu.append(make("summary", "Download", "act"), list);
  menu.addEventListener("keydown", event => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.firstChild.focus();
  });
  menu.addEventListener("focusout", event => { if (!menu.contains(event.relatedTarget)) menu.open = false; });
  return menu;
}

/** The response names the file. */
function link(label, path) {
  const item = make("li"), made = make("a", label);
  made.href = new URL(path, BASE);
  made.download = "";
  item.append(made);
  return item;
}

/** The content is fetched first: a page that was opened with an API key shows why, if it cannot be had. */
function download(label, path) {
  const item = link(label, path);
  item.firstChild.onclick = event => {
    event.preventDefault();
    send(path).then(async response => saveAs(await response.blob(), savedAs(response))).catch(error => say($("about"), error.message));
  };
  return item;
}

function savedAs(response) {
  const header = response.headers.get("Content-Disposition"), whole = /filename\*=UTF-8''([^;]+)/.exec(header);
  return whole ? decodeURIComponent(whole[1]) : /filename="([^"]*)"/.exec(header)[1];
}

function act(label, kind, run) {
  return button(label, ("act " + kind).trim(), event => run(event).catch(error => say($("about"), error.message)));
}

async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = make("textarea", text);  // without https the clipboard is reached through a selection alone
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
