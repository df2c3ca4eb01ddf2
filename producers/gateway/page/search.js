// Search in the transcript: all of it, also what is not shown. Matches are highlighted without a change of the elements.

import { $, say } from "./elements.js";

const MATCHES = "match", CURRENT = "current-match";

export class Search {
  constructor(transcript) {
    this.transcript = transcript;
    this.matches = [];
    this.current = -1;
    $("query").addEventListener("input", () => this.run(true));
    $("query").addEventListener("keydown", event => {
      if (event.key === "Enter") this.step(event.shiftKey ? -1 : 1);
      if (event.key === "Escape") this.clear();
    });
    $("found-next").onclick = () => this.step(1);
    $("found-before").onclick = () => this.step(-1);
  }

  clear() {
    $("query").value = "";
    this.run(false);
  }

  /** Searches again, also when the lines have changed. `moves`: to the first match that follows what is shown. */
  run(moves) {
    const query = $("query").value.trim().replace(/\s+/g, " ");
    const lines = this.transcript.lines, here = this.matches[this.current];
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

/** { line, start, end } of every match, in order; upper and lower case are the same. */
function found(lines, query) {
  const pattern = new RegExp(query.split(" ").map(RegExp.escape ?? escape).join("\\s+"), "giu"), matches = [];
  lines.forEach((line, index) => {
    if (line.kind !== "segment") return;
    for (const match of line.text.matchAll(pattern)) matches.push({ line: index, start: match.index, end: match.index + match[0].length });
  });
  return matches;
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
