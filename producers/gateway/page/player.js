// The player: the job's own audio, and the position of the reader where it cannot be played.

import { BASE, send } from "./api.js";
import { $, say } from "./elements.js";

export class Player {
  constructor() {
    this.audio = $("player");
    this.onTime = () => {};
    this.task = "";
    this.position = 0;
    this.hasMoved = false;
    this.isAvailable = false;
    for (const type of ["timeupdate", "seeked"]) this.audio.addEventListener(type, () => this.report());
    this.audio.addEventListener("play", () => { this.hasMoved = true; this.run(); });
    this.audio.addEventListener("loadedmetadata", () => this.loaded());
    this.audio.addEventListener("error", () => this.failed());
    $("speed").onchange = () => { this.audio.playbackRate = Number($("speed").value); };
  }

  get time() {
    return this.isAvailable ? this.audio.currentTime : this.position;
  }

  get isPlaying() {
    return !this.audio.paused;
  }

  load(task) {
    if (task === this.task) return;
    this.audio.pause();
    Object.assign(this, { task, position: 0, hasMoved: false, isAvailable: false });
    $("playing").hidden = !task;
    $("unplayable").hidden = true;
    if (task) this.audio.src = this.url;
    else this.audio.removeAttribute("src");
  }

  get url() {
    return new URL(`api/jobs/${encodeURIComponent(this.task)}/audio`, BASE).href;
  }

  loaded() {
    this.isAvailable = true;
    this.audio.playbackRate = Number($("speed").value);
    if (this.audio.duration === Infinity) this.findEnd();
    else if (this.position) this.audio.currentTime = this.position;
  }

  /** What a browser has recorded does not state its length, which is found by a jump to the end. Without it nothing can be sought. */
  findEnd() {
    this.audio.addEventListener("durationchange", () => { this.audio.currentTime = this.position; }, { once: true });
    this.audio.currentTime = Number.MAX_SAFE_INTEGER;
  }

  async failed() {
    if (!this.audio.getAttribute("src")) return;
    const task = this.task;
    let why = "This browser cannot play the format of this file.";
    try { await send(this.url, { method: "HEAD" }); }
    catch (error) { if (error.status) why = error.status === 410 ? "The audio is no longer in the store, so it cannot be played." : error.message; }
    if (task !== this.task) return;
    this.isAvailable = false;
    $("playing").hidden = true;
    $("unplayable").hidden = false;
    say($("unplayable"), why);
  }

  seek(time) {
    this.hasMoved = true;
    this.position = time;
    if (this.isAvailable) this.audio.currentTime = time;
    else this.onTime(time);
  }

  play(time) {
    this.seek(time);
    if (!$("playing").hidden) this.audio.play().catch(() => {});  // a pause meanwhile, or `failed`
  }

  toggle() {
    if (this.isPlaying) this.audio.pause();
    else this.play(this.time);
  }

  report() {
    this.onTime(this.audio.currentTime);
  }

  /** While it plays every frame counts: `timeupdate` comes four times a second, words are shorter. */
  run() {
    if (this.audio.paused) return;
    this.report();
    requestAnimationFrame(() => this.run());
  }
}
