// The transcript: its lines beside the player, the word being spoken marked, steps by the arrow keys.

import { ask } from "./dialog.js";
import { $, button, make, say } from "./elements.js";
import { UNSURE_WORD, lineAt, wordAt } from "./lines.js";
import { names, setSpeaker } from "./names.js";
import { VirtualList } from "./virtual.js";
import { REMOVED, clock, stretch } from "./wording.js";

const ROW_PX = 36;
const STEP_S = 5;  // of the arrow keys where there are no words

export class Transcript {
  constructor(player, onRender) {
    this.player = player;
    this.lines = [];
    this.task = "";
    this.line = -1;
    this.word = -1;
    this.isFollowing = true;
    this.list = $("text");
    this.view = new VirtualList(this.list, {
      rowPx: ROW_PX, key: line => line.key, render: line => this.row(line), finish: addWords, onRender: () => { this.mark(); onRender(); },
    });
    const { box } = this.view;
    box.addEventListener("click", event => this.clicked(event));
    box.addEventListener("keydown", event => this.pressed(event));
    for (const type of ["wheel", "touchmove"]) box.addEventListener(type, () => this.unfollow(), { passive: true });
    $("return").onclick = () => this.follow();
    player.onTime = time => this.at(time);
  }

  show(task, lines) {
    if (task !== this.task) {
      Object.assign(this, { task, line: -1, word: -1 });
      this.follow();
      this.view.box.scrollTop = 0;
      this.view.heights.clear();
    }
    this.lines = lines;
    this.view.box.hidden = !lines.length;
    this.view.set(lines);
    this.at(this.player.time, false);
  }

  renamed() {
    this.view.refresh();
  }

  // What is being spoken

  at(time, isMoving = true) {
    const line = this.player.hasMoved ? lineAt(this.lines, time) : -1, word = wordAt(this.lines[line], time);
    if (line === this.line && word === this.word) return;
    const isNewLine = line !== this.line;
    Object.assign(this, { line, word });
    if (isMoving && isNewLine && line >= 0 && this.isFollowing) this.view.reveal(line);
    this.mark();
  }

  mark() {
    for (const old of this.list.querySelectorAll(".now, [aria-current]")) {
      old.classList.remove("now");
      old.removeAttribute("aria-current");
    }
    const row = this.view.finishedElement(this.line);
    if (!row) return;
    row.classList.add("now");
    row.setAttribute("aria-current", "true");
    row.querySelectorAll(".word")[this.word]?.classList.add("now");
  }

  follow() {
    this.isFollowing = true;
    $("return").hidden = true;
    if (this.line >= 0) this.view.reveal(this.line);
  }

  unfollow() {
    if (!this.player.isPlaying) return;
    this.isFollowing = false;
    $("return").hidden = false;
  }

  // Clicks and keys

  clicked(event) {
    if (!getSelection().isCollapsed) return;  // text is being selected
    const row = event.target.closest("li"), line = this.lines[row?.ariaPosInSet - 1];
    if (!line) return;
    if (event.target.closest(".speaker, .name-speaker")) this.nameSpeaker(line).catch(error => say($("about"), error.message));
    else this.playFrom(Number(event.target.closest(".word")?.dataset.start ?? line.start));
  }

  playFrom(time) {
    this.follow();
    this.player.play(time);
  }

  pressed(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const isButton = event.target.closest("button") !== null;
    const actions = {
      ArrowDown: () => this.stepLine(1), ArrowUp: () => this.stepLine(-1),
      ArrowRight: () => this.stepWord(1), ArrowLeft: () => this.stepWord(-1),
      Home: () => this.seek(0), End: () => this.seek(this.lines.at(-1)?.start ?? 0),
    };
    if (!isButton) Object.assign(actions, { " ": () => this.player.toggle(), Enter: () => this.player.toggle() });
    if (!(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  }

  stepLine(by) {
    let next = this.line + by;
    while (this.lines[next] && this.lines[next].kind !== "segment") next += by;
    if (this.lines[next]) this.seek(this.lines[next].start);
  }

  stepWord(by) {
    const words = this.lines[this.line]?.words;
    if (!words) {
      if (this.line < 0 || !this.lines.some(line => line.words)) return this.seek(Math.max(0, this.player.time + by * STEP_S));
      return this.stepLine(by);
    }
    const word = words[this.word + by];
    if (word) return this.seek(word.start);
    let next = this.line + by;
    while (this.lines[next] && this.lines[next].kind !== "segment") next += by;
    const line = this.lines[next];
    if (line) this.seek(by > 0 || !line.words ? line.start : line.words.at(-1).start);
  }

  seek(time) {
    this.follow();
    this.player.seek(time);
  }

  // Rows

  row(line) {
    const row = make("li", undefined, line.kind), time = button(clock(line.start), "time", null);
    time.title = stretch(line.start, line.end ?? null);
    time.setAttribute("aria-label", "Play from " + clock(line.start));
    row.append(time);
    if (line.kind === "segment") this.fill(row, line);
    else row.append(line.kind === "removed" ? removed(line) : warning(line));
    return row;
  }

  fill(row, line) {
    const speaker = this.speakerOf(line), text = make("p", line.text, "said");
    if (speaker) row.prepend(button(speaker, "speaker", null));
    else row.append(nameButton(line));
    if (line.isUnsure) {
      text.classList.add("unsure");
      text.title = "The model is unsure of this line.";
    }
    row.insertBefore(text, row.querySelector(".time").nextSibling);
  }

  speakerOf(line) {
    return names(this.task).speakers.find(mark => mark.start === line.start)?.name;
  }

  async nameSpeaker(line) {
    const before = this.speakerOf(line) || "", all = names(this.task).speakers.map(mark => mark.name);
    const fields = [{ name: "name", label: "Name", value: before, choices: [...new Set(all)] }];
    if (all.filter(name => name === before).length > 1) {
      fields.push({ name: "everywhere", label: `wherever ${before} is named`, type: "checkbox", value: true });
    }
    const text = `Who speaks from ${clock(line.start)} on? An empty name removes it.`;
    const task = this.task, given = await ask({ title: "Speaker", text, fields, ok: "Save" });
    if (given === null) return;
    await setSpeaker(task, line.start, given.name.trim(), { before, everywhere: given.everywhere });
    this.view.refresh();
  }
}

/** Elements of the words in place of the text. A fast scroll has no time for thousands of them. */
function addWords(row, { words }) {
  if (words) row.querySelector(".said").replaceChildren(...words.flatMap(word => [word.before, wordElement(word)]));
}

function wordElement(word) {
  const element = make("span", word.text, word.probability < UNSURE_WORD ? "word unsure" : "word");
  element.dataset.start = word.start;
  if (word.probability < UNSURE_WORD) element.title = `The model is unsure of this word: ${Math.round(word.probability * 100)} %`;
  return element;
}

function nameButton(line) {
  const name = button("speaker", "name-speaker quiet", null);
  name.setAttribute("aria-label", "Name who speaks from " + clock(line.start) + " on");
  return name;
}

function removed(line) {
  const text = make("p", undefined, "aside");
  text.append(make("s", line.text), ` removed, probably not spoken: ${REMOVED[line.reason] || line.reason}`);
  return text;
}

function warning(line) {
  const until = line.end === null ? " From here on." : line.end - line.start < 1 ? "" : ` Until ${clock(line.end)}.`;
  return make("p", line.text + until, "aside");
}
