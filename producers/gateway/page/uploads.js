// Files to the gateway: chosen, dropped or recorded. A few are sent at a time; the others wait for their turn.

import { $, say } from "./elements.js";
import { Upload } from "./upload.js";

// A browser has six HTTP/1.1 connections to a server, for all its tabs; lists, streams of events and players need some of them.
const AT_ONCE = 2;
const TICK_MS = 1000;
const MANY = 4;  // waiting files that can be stopped together

export class Uploads {
  /** `onAccepted(task, { isSingle, isAsked })`: a file has become a job. `isSingle`: it was chosen alone, and no other is on its way. */
  constructor(options, onAccepted) {
    Object.assign(this, { options, onAccepted, all: [] });
    $("files").onchange = event => { this.send([...event.target.files]); event.target.value = ""; };
    $("form").onsubmit = event => event.preventDefault();
    $("stop-waiting").onclick = () => this.waiting.forEach(upload => upload.stop());
    for (const type of ["dragover", "dragleave", "drop"]) document.addEventListener(type, event => {
      event.preventDefault();
      $("drop").classList.toggle("over", type === "dragover");
      if (type === "drop") this.send([...event.dataTransfer.files]);
    });
    addEventListener("online", () => this.again());
    addEventListener("beforeunload", event => {
      if (this.all.some(upload => upload.state !== "refused" || upload.isRecorded)) event.preventDefault();
    });
  }

  get waiting() {
    return this.all.filter(upload => upload.state === "waiting");
  }

  /** `fields`: in place of those of the form. `isAsked`: the reader wants to see the job. */
  send(files, { fields = {}, isRecorded = false, isAsked = false } = {}) {
    const given = { ...this.options.fields(), ...fields }, isSingle = files.length === 1;
    const onChange = upload => this.changed(upload, { isSingle, isAsked });
    for (const file of files) this.all.push(new Upload(file, given, { isRecorded, onChange, onAgain: upload => this.again(upload) }));
    this.next();
  }

  changed(upload, { isSingle, isAsked }) {
    if (upload.isEnded) this.all = this.all.filter(other => other !== upload);
    this.next();
    if (upload.state !== "accepted") return;
    this.onAccepted(upload.task, { isSingle: isSingle && this.all.every(other => other.state === "refused"), isAsked });
  }

  /** At once what waits for its time, and `refused`. */
  again(refused = null) {
    for (const upload of this.waiting) if (upload.waitsUntil) upload.wait();
    if (refused?.state === "refused") refused.wait();
    this.next();
  }

  /** Starts what may be started: nothing until the time that the server gave with a refusal, which is about all files. */
  next() {
    const waiting = this.waiting, delayed = waiting.filter(upload => upload.waitsUntil), now = Date.now();
    clearTimeout(this.timer);
    if (delayed.some(upload => upload.waitsUntil > now)) {
      delayed.forEach(upload => upload.tick());
      this.timer = setTimeout(() => this.next(), TICK_MS);
    } else {
      const free = AT_ONCE - this.all.filter(upload => upload.state === "sending").length;
      waiting.slice(0, Math.max(0, free)).forEach(upload => upload.start());
    }
    this.show();
  }

  show() {
    const count = this.waiting.length;
    $("waiting").hidden = count < MANY;
    say($("waiting").querySelector("span"), `${count.toLocaleString("en")} files wait to be sent.`);
  }
}
