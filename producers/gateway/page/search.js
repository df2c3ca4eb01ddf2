// Search in the transcript: all of it, also what is not shown. Matches are highlighted without a change of the elements.

import { $, say } from "./elements.js";

const MATCHES = "match", CURRENT = "current-match";

export class Search {
  constructor(transcript) {
    this.transcript = transcript;
    this.matches = [];
    this.current = -1;
    this.sought = "";
    $("query").addEventListener("input", () => {
      this.sought = "";
      this.run(true);
    });
    $("query").addEventListener("keydown", event => {
      if (event.key === "Enter") this.step(event.shiftKey ? -1 : 1);
      if (event.key === "Escape") this.clear();
    });
    $("found-next").onclick = () => this.step(1);
    $("found-before").onclick = () => this.step(-1);
  }

  clear() {
    this.begin("");
  }

  /** Of another transcript. `sought` is searched in it once it is there, unless it has none of that. */
  begin(sought) {
    $("query").value = this.sought = "";
    this.run(false);
    this.sought = sought;
  }

  /** All of what was sought if it is there like this, else the first of its words that is. */
  suggest(lines) {
    const whole = this.sought.replaceAll('"', " ").trim(), words = whole.split(/\s+/);
    const first = whole && [whole, ...words].find(text => found(lines, text).length);
    if (!first) return;
    this.sought = "";
    $("query").value = first;
  }

  /** Searches again, also when the lines have changed. `moves`: to the first match that follows what is shown. */
  run(moves) {
    const lines = this.transcript.lines;
    if (this.sought && !$("query").value) this.suggest(lines);
    const query = $("query").value.trim().replace(/\s+/g, " "), here = this.matches[this.current];
    moves ||= !this.matches.length;  // the text may come after the question
    this.matches = query ? found(lines, query) : [];
    const from = moves ? this.transcript.view.first : here?.line ?? 0;
    this.current = this.matches.findIndex(match => match.line >= from);
    if (this.current < 0 && this.matches.length) this.current = 0;
    this.show(moves);
  }

  step(by) {
    if (!this.matches.length) return;
    this.current = (this.current + by + this.matches.length) % this.matches.length;
    this.show(true);
  }

  show(moves) {
    const count = this.matches.length, isAsked = $("query").value.trim() !== "";
    say($("found"), count ? `${this.current + 1} of ${count}` : isAsked ? "not found" : "");
    $("found-next").hidden = $("found-before").hidden = count === 0;
    if (moves && count) {
      this.transcript.unfollow();
      this.transcript.view.reveal(this.matches[this.current].line);
    }
    this.highlight();
  }

  /** Of the rows that are shown. Called whenever they change. */
  highlight() {
    if (!("highlights" in CSS)) return;
    const all = [], view = this.transcript.view;
    this.matches.forEach((match, index) => {
      const said = view.element(match.line)?.querySelector(".said");
      if (said) all.push([range(said, match), index]);
    });
    CSS.highlights.set(MATCHES, new Highlight(...all.map(([each]) => each)));
    const current = new Highlight(...all.filter(([, index]) => index === this.current).map(([each]) => each));
    current.priority = 1;
    CSS.highlights.set(CURRENT, current);
  }
}

/** { line, start, end } of every match, in order; upper and lower case are the same, with accents or without. */
function found(lines, query) {
  const pattern = new RegExp(plain(query).split(" ").map(RegExp.escape ?? escape).join("\\s+"), "giu"), matches = [];
  lines.forEach((line, index) => {
    if (line.kind !== "segment") return;
    for (const match of plain(line.text).matchAll(pattern)) matches.push({ line: index, start: match.index, end: match.index + match[0].length });
  });
  return matches;
}

/** Without accents, where places in the text stay the same. */
function plain(text) {
  const bare = text.normalize("NFD").replace(/[\u0300-\u036f]/g, "");
  return bare.length === text.length ? bare : text;
}

function escape(text) {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}

function range(element, { start, end }) {
  const made = new Range(), walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let at = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const length = node.data.length;
    if (start >= at && start < at + length) made.setStart(node, start - at);
    if (end > at && end <= at + length) made.setEnd(node, end - at);
    at += length;
  }
  return made;
}
