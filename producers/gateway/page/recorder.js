// A recording from the microphone, sent like any other file.

import { $, say } from "./elements.js";
import { clock } from "./wording.js";

const TYPES = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];

export class Recorder {
  constructor(onRecorded) {
    this.onRecorded = onRecorded;
    this.recorder = null;
    if (!navigator.mediaDevices?.getUserMedia || !("MediaRecorder" in window)) {
      $("record").disabled = true;
      say($("recording"), window.isSecureContext
        ? "This browser cannot record."
        : "Recording needs https, or this page at localhost: browsers give no other page the microphone.");
    }
    $("record").onclick = () => this.isRecording ? this.end(true) : this.begin();
    $("discard").onclick = () => this.end(false);
    addEventListener("beforeunload", event => { if (this.isRecording) event.preventDefault(); });
  }

  get isRecording() {
    return this.recorder !== null;
  }

  async begin() {
    let stream;
    say($("recording"), "waiting for the microphone …");
    try { stream = await navigator.mediaDevices.getUserMedia({ audio: true }); }
    catch (error) { return say($("recording"), why(error)); }
    const type = TYPES.find(type => MediaRecorder.isTypeSupported(type)), parts = [];
    const recorder = this.recorder = new MediaRecorder(stream, type ? { mimeType: type } : {});
    recorder.ondataavailable = event => parts.push(event.data);
    recorder.onstop = () => {
      stream.getTracks().forEach(track => track.stop());
      if (this.isKept) this.onRecorded(new File(parts, name(recorder.mimeType), { type: recorder.mimeType }));
    };
    recorder.start(1000);
    this.show(Date.now());
  }

  end(isKept) {
    this.isKept = isKept;
    this.recorder.stop();
    this.recorder = null;
    clearInterval(this.timer);
    $("record").textContent = "Record";
    $("discard").hidden = true;
    say($("recording"), "");
  }

  show(began) {
    const elapsed = () => say($("recording"), "recording, " + clock((Date.now() - began) / 1000));
    $("record").textContent = "Stop and transcribe";
    $("discard").hidden = false;
    this.timer = setInterval(elapsed, 1000);
    elapsed();
  }
}

function name(type) {
  const now = new Date(), pad = n => String(n).padStart(2, "0");
  const day = [now.getFullYear(), pad(now.getMonth() + 1), pad(now.getDate())].join("-");
  const ending = /mp4/.test(type) ? "m4a" : /ogg/.test(type) ? "ogg" : "webm";
  return `recording ${day} ${pad(now.getHours())}.${pad(now.getMinutes())}.${pad(now.getSeconds())}.${ending}`;
}

function why(error) {
  if (error.name === "NotAllowedError") return "The browser does not allow this page the microphone: change that in the page's permissions.";
  if (error.name === "NotFoundError") return "There is no microphone.";
  return "The microphone cannot be used: " + error.message;
}
