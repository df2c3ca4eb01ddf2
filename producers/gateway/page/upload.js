// Files to the gateway: chosen, dropped or recorded, with their progress.

import { ASYNC, BASE, headers, signIn } from "./api.js";
import { $, bar, button, make, setBar } from "./elements.js";

const ACCEPTED = 202, UNAUTHORIZED = 401;

export class Uploads {
  constructor(options, onAccepted) {
    this.options = options;
    this.onAccepted = onAccepted;
    $("files").onchange = event => { [...event.target.files].forEach(file => this.send(file)); event.target.value = ""; };
    $("form").onsubmit = event => event.preventDefault();
    for (const type of ["dragover", "dragleave", "drop"]) document.addEventListener(type, event => {
      event.preventDefault();
      $("drop").classList.toggle("over", type === "dragover");
      if (type === "drop") [...event.dataTransfer.files].forEach(file => this.send(file));
    });
  }

  /** `more`: fields in place of those of the form. */
  send(file, more = {}) {
    const fields = { ...this.options.fields(), ...more }, line = new Line(file.name), form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append("file", file);
    this.post(form, line);
  }

  post(form, line) {
    const upload = new XMLHttpRequest(), sent = headers();  // fetch() reports no progress of what it sends
    upload.upload.onprogress = event => line.progress(event.total ? event.loaded / event.total : 0);
    upload.onload = () => {
      let body = {};
      try { body = JSON.parse(upload.response); } catch { body = { detail: `The server answered ${upload.status}.` }; }
      if (upload.status === UNAUTHORIZED) return signIn(sent.Authorization?.slice("Bearer ".length) ?? null).then(() => this.post(form, line));
      if (upload.status !== ACCEPTED) return line.refused(body.detail);
      line.remove();
      this.onAccepted(body.task_id);
    };
    upload.onerror = () => line.refused("The connection was lost.");
    upload.onabort = () => line.remove();
    line.onstop = () => upload.abort();
    upload.open("POST", new URL(ASYNC, BASE));
    for (const [name, value] of Object.entries(sent)) upload.setRequestHeader(name, value);
    upload.send(form);
  }
}

class Line {
  constructor(name) {
    this.element = make("li");
    this.state = make("span", "0 %");
    this.bar = bar(0);
    this.stop = button("Stop", "quiet", () => this.onstop());
    this.stop.setAttribute("aria-label", "Stop sending " + name);
    this.element.append(make("span", name, "name"), this.state, this.stop, this.bar);
    $("sent").append(this.element);
  }

  progress(share) {
    setBar(this.bar, share);
    this.state.textContent = share < 1 ? Math.round(share * 100) + " %" : "checking …";
  }

  refused(reason) {
    this.state.className = "chip FAILURE";
    this.state.textContent = "not sent";
    this.bar.replaceWith(make("span", reason, "meta"));
    this.stop.textContent = "Dismiss";
    this.onstop = () => this.remove();
  }

  remove() {
    this.element.remove();
  }
}
