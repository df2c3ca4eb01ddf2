// The list of jobs: newest first, older ones as the list is scrolled, what is visible kept up to date.

import { request } from "./api.js";
import { $, bar, button, make, say } from "./elements.js";
import { VirtualList } from "./virtual.js";
import { STATES, ago, clock, languageName } from "./wording.js";

const PAGE_JOBS = 100;
const PAGE_OLDER_JOBS = 500;
const ROW_PX = 62;
const FILTER_MS = 250;

export class JobList {
  /** `onCounts`: the numbers of jobs in each state are others. */
  constructor(onChoose, onCounts) {
    Object.assign(this, { onChoose, onCounts });
    this.chosen = "";
    this.state = "";
    this.text = "";
    this.view = new VirtualList($("jobs"), {
      rowPx: ROW_PX, key: job => job.task_id, render: job => this.row(job), onRender: (_, last) => this.loadOlder(last),
    });
    this.forget();
    $("jobs").addEventListener("keydown", event => this.step(event));
    $("filter").addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.filter(this.state, $("filter").value.trim()), FILTER_MS);
    });
  }

  forget() {
    this.jobs = [];
    this.marks = [];  // where pages end: the place of their last job, and the cursor that follows it
    this.cursor = null;  // of what follows the oldest known job
    this.loading = null;
    this.generation = (this.generation || 0) + 1;
  }

  filter(state, text = this.text) {
    if (state === this.state && text === this.text) return;
    this.state = state;
    this.text = text;
    this.forget();
    this.view.box.scrollTop = 0;
    this.update().catch(() => {});
  }

  choose(task) {
    this.chosen = task;
    for (const row of $("jobs").querySelectorAll("button")) row.setAttribute("aria-current", String(row.dataset.task === task));
  }

  /** The newest jobs, and those that are visible. */
  async update() {
    const generation = this.generation, newest = await this.page(null, PAGE_JOBS);
    if (generation !== this.generation) return;
    this.counts(newest.counts);
    $("partly").hidden = newest.transcripts_searched !== false;
    let page = newest, after = null;
    while (this.merge(page, after) && page.next_cursor) {  // more new jobs than fit on a page: up to a known one
      after = page.jobs.at(-1);
      page = await this.page(page.next_cursor, PAGE_OLDER_JOBS);
      if (generation !== this.generation) return;
    }
    const visible = this.jobs[this.view.first], mark = visible && this.marks.findLast(mark => before(mark.job, visible));
    if (mark && !newest.jobs.some(job => job.task_id === visible.task_id)) {
      const seen = await this.page(mark.cursor, PAGE_JOBS);
      if (generation !== this.generation) return;
      this.merge(seen, mark.job);
    }
    this.show();
  }

  page(cursor, limit) {
    const query = new URLSearchParams({ limit });
    if (this.state) query.set("state", this.state);
    if (this.text) query.set("text", this.text);
    if (cursor) query.set("cursor", cursor);
    return request("api/jobs?" + query);
  }

  /** Replaces what is known of the stretch that this page covers. Whether a stretch that is not known follows it. */
  merge(page, after) {
    const known = new Map(this.jobs.map(job => [job.task_id, job]));
    const rows = page.jobs.map(row => this.kept(known.get(row.task_id), row)), last = rows.at(-1);
    const above = after === null ? [] : this.jobs.filter(job => !before(after, job));
    const below = page.next_cursor === null ? [] : this.jobs.filter(job => before(last, job));
    this.jobs = [...above, ...rows, ...below];
    if (!below.length) this.cursor = page.next_cursor;
    if (page.next_cursor !== null) {
      this.marks = this.marks.filter(mark => mark.job.task_id !== last.task_id);
      this.marks.push({ job: last, cursor: page.next_cursor });
      this.marks.sort((one, other) => before(one.job, other.job) ? -1 : 1);
    }
    return below.length > 0 && !rows.some(row => known.has(row.task_id));
  }

  /** The object that is shown already, if nothing has changed: its row then stays. */
  kept(known, row) {
    row.as = JSON.stringify(row);
    row.at = Date.parse(row.submitted_at);
    return known !== undefined && known.as === row.as ? known : row;
  }

  loadOlder(last) {
    if (this.loading || this.cursor === null || last < this.jobs.length) return;
    const generation = this.generation, end = this.jobs.at(-1);
    this.loading = this.page(this.cursor, PAGE_OLDER_JOBS).then(page => {
      if (generation !== this.generation) return;
      this.loading = null;
      this.merge(page, end);
      this.show();
    }).catch(() => { this.loading = null; });
  }

  show() {
    const minute = Math.floor(Date.now() / 60000);
    $("none").hidden = this.jobs.length > 0;
    $("filter").hidden = !this.jobs.length && !this.state && !this.text;
    say($("none"), this.state || this.text ? "No such jobs." : "No jobs yet. Drop a file above, or into the watched folder.");
    this.view.box.hidden = !this.jobs.length;
    this.view.set(this.jobs);
    if (minute !== this.minute) this.view.refresh();  // "5 min ago"
    this.minute = minute;
  }

  /** How many jobs are in each state, as buttons that filter the list. */
  counts(counts) {
    const states = Object.keys(STATES).filter(state => counts[state] || state === this.state);
    const as = JSON.stringify([counts, this.state]);
    if (as === this.countsAs) return;
    this.countsAs = as;
    this.onCounts();
    const focused = document.activeElement?.dataset.state;
    $("counts").replaceChildren(...states.map(state => {
      const count = button(`${counts[state] || 0} ${STATES[state]}`, "count", () => this.filter(this.state === state ? "" : state));
      count.dataset.state = state;
      count.setAttribute("aria-pressed", String(this.state === state));
      return count;
    }));
    if (focused) $("counts").querySelector(`[data-state="${focused}"]`)?.focus();
  }

  row(job) {
    const row = make("li"), choose = button("", "", () => this.onChoose(job.task_id)), name = make("span", job.given_name || job.filename, "name");
    choose.dataset.task = job.task_id;
    choose.setAttribute("aria-current", String(job.task_id === this.chosen));
    name.title = job.filename;
    choose.append(name, make("span", STATES[job.state], "chip " + job.state));
    choose.append(make("span", facts(job).join(" · "), "meta"), make("span", ago(job.submitted_at), "when"));
    if (job.state === "STARTED") choose.append(bar(job.share));
    row.append(choose);
    return row;
  }

  step(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };
    if (!(event.key in steps) || !event.target.dataset.task) return;
    event.preventDefault();
    const now = this.jobs.findIndex(job => job.task_id === event.target.dataset.task);
    const next = Math.max(0, Math.min(this.jobs.length - 1, now + steps[event.key]));
    this.view.reveal(next, { still: true });
    this.view.show();
    this.view.element(next)?.querySelector("button").focus({ preventScroll: true });
  }
}

/** Whether a job is listed before another. */
function before(one, other) {
  if (one.at !== other.at) return one.at > other.at;
  return one.submitted_at !== other.submitted_at ? one.submitted_at > other.submitted_at : one.task_id > other.task_id;
}

function facts(job) {
  const facts = [job.source === "drop" ? "dropped" : "uploaded"];
  if (job.duration !== null) facts.push(clock(job.duration));
  if (job.language) facts.push(languageName(job.language));
  if (job.cached) facts.push("from the cache");
  if (job.state === "FAILURE") facts.push(job.message);
  return facts;
}
