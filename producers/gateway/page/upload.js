// One file on its way to the gateway: its requests, and its line in the form.

import { ASYNC, BASE, headers, signIn } from "./api.js";
import { $, bar, button, make, saveAs, say, setBar } from "./elements.js";
import { inTurn } from "./turns.js";
import { length } from "./wording.js";

const ACCEPTED = 202, UNAUTHORIZED = 401;
const FINAL = [400, 409, 413, 415, 422];  // the same file with the same options would be refused again
const UNREACHABLE = [408, 502, 504];  // of a proxy
const AGAIN_S = [5, 10, 20, 40, 60];  // after the first, second … lost connection

export class Upload {
  /** `fields`: of the submission. `isRecorded`: there is no other copy of the file. `onChange` is called when `state` has changed:
   *  "waiting", not before the time `waitsUntil`; "sending"; "refused"; "accepted" as the job `task`; "stopped". */
  constructor(file, fields, { isRecorded = false, onChange, onAgain }) {
    Object.assign(this, { file, fields, isRecorded, onChange, waitsUntil: 0, losses: 0, task: null });
    this.key = newKey();
    this.line = new Line(file, { onStop: () => this.stop(), onAgain: () => onAgain(this) });
    this.wait();
  }

  get isEnded() {
    return this.state === "accepted" || this.state === "stopped";
  }

  wait() {
    Object.assign(this, { state: "waiting", waitsUntil: 0 });
    this.line.show("waiting");
  }

  start() {
    const form = new FormData(), request = this.request = new XMLHttpRequest();  // fetch() reports no progress of what it sends
    for (const [name, value] of Object.entries(this.fields)) form.append(name, value);
    form.append("file", this.file);
    const sent = { ...headers(), "Idempotency-Key": this.key };  // the job may exist although the response was lost
    request.upload.onprogress = event => this.progress(event.total ? event.loaded / event.total : 0);
    request.onload = () => this.answered(request, sent);
    request.onerror = () => this.lost();
    request.open("POST", new URL(ASYNC, BASE));
    for (const [name, value] of Object.entries(sent)) request.setRequestHeader(name, value);
    this.state = "sending";
    this.line.show("waiting");
    inTurn(() => new Promise(done => {
      if (this.state !== "sending" || this.request !== request) return done();
      request.onloadend = done;
      request.send(form);
      this.progress(0);
    }));
  }

  progress(share) {
    this.line.show(share < 1 ? Math.round(share * 100) + " %" : "checking …", { share });
  }

  stop() {
    this.request?.abort();
    this.end("stopped");
  }

  end(state) {
    this.line.element.remove();
    this.change(state);
  }

  change(state) {
    this.state = state;
    this.onChange(this);
  }

  async answered(request, sent) {
    const { status } = request, body = parsed(request), afterS = secondsUntil(request.getResponseHeader("Retry-After"));
    if (status === ACCEPTED) {
      this.task = body.task_id;
      this.end("accepted");
    } else if (status === UNAUTHORIZED) {
      await signIn(sent.Authorization?.slice("Bearer ".length) ?? null);
      if (this.state === "sending") this.start();
    } else if (afterS !== null) this.later(body.detail, afterS);
    else if (UNREACHABLE.includes(status)) this.lost(body.detail);
    else this.refuse(body.detail, !FINAL.includes(status));
  }

  async lost(reason = "The connection was lost.") {
    const isReadable = await this.file.slice(0, 1).arrayBuffer().then(() => true, () => false);
    if (this.state !== "sending") return;
    if (isReadable) this.later(reason, AGAIN_S[Math.min(this.losses++, AGAIN_S.length - 1)]);
    else this.refuse("The file cannot be read any more: it was changed, moved or deleted.", false);
  }

  later(reason, afterS) {
    this.reason = reason;
    this.waitsUntil = Date.now() + afterS * 1000;
    this.change("waiting");
  }

  /** Of one with `waitsUntil`: says how long it waits. */
  tick() {
    const text = "again in " + length(Math.max(0, this.waitsUntil - Date.now()) / 1000);
    this.line.show(text, { reason: this.reason, canRepeat: true, canSave: this.isRecorded });
  }

  refuse(reason, canRepeat) {
    this.line.show("not sent", { chip: "FAILURE", reason, canRepeat, canSave: this.isRecorded, stop: "Dismiss" });
    this.change("refused");
  }
}

class Line {
  constructor(file, { onStop, onAgain }) {
    this.name = file.name;
    this.state = make("span");
    this.state.setAttribute("aria-live", "off");  // the form announces lines and reasons, but not each percent
    this.stop = button("Stop", "quiet", onStop);
    this.bar = bar(0);
    this.reason = make("span", "", "meta");
    this.again = button("Send again", "act", onAgain);
    this.save = button("Save the file", "act", () => saveAs(file, file.name));
    for (const each of [this.again, this.save]) each.setAttribute("aria-label", `${each.textContent}: ${this.name}`);
    const actions = make("span", undefined, "links");
    actions.append(this.again, this.save);
    this.element = make("li");
    this.element.append(make("span", this.name, "name"), this.state, this.stop, this.bar, this.reason, actions);
    $("sent").append(this.element);
  }

  show(text, { chip = "", share = null, reason = "", canRepeat = false, canSave = false, stop = "Stop" } = {}) {
    say(this.state, text);
    this.state.className = chip && "chip " + chip;
    this.bar.hidden = share === null;
    setBar(this.bar, share ?? 0);
    say(this.reason, reason);
    this.reason.hidden = !reason;
    this.again.hidden = !canRepeat;
    this.save.hidden = !canSave;
    say(this.stop, stop);
    this.stop.setAttribute("aria-label", stop === "Stop" ? "Stop sending " + this.name : `${stop} ${this.name}`);
  }
}

/** Works without https, too, where there is no crypto.randomUUID. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, "0")).join("");
}

function parsed(request) {
  try { return JSON.parse(request.response); } catch { return { detail: `The server answered ${request.status}.` }; }
}

/** Of a Retry-After, in seconds or as a date. Null without one. */
function secondsUntil(header) {
  const seconds = Number(header ?? NaN), until = Number.isNaN(seconds) ? (Date.parse(header) - Date.now()) / 1000 : seconds;
  return Number.isNaN(until) ? null : Math.max(1, until);
}
