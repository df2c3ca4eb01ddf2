// The state of the system in one line: queue, workers, cache, dead letters. What the server does not report is not shown.

import { ASYNC, request } from "./api.js";
import { $, make } from "./elements.js";
import { length, size } from "./wording.js";

const QUEUE = { jobs: "jobs?state=PENDING,STARTED&limit=1", health: "health" };
const ALL = { ...QUEUE, stats: "stats", models: "models", gpus: "gpu-status", figures: "cache-stats" };

export class Strip {
  constructor() {
    this.known = {};
    this.reading = Promise.resolve();
  }

  update() {
    return this.after(ALL);
  }

  /** When the list shows other numbers. */
  updateQueue() {
    return this.after(QUEUE);
  }

  /** One after the other, so that no older answer comes last. */
  after(paths) {
    this.reading = this.reading.then(() => this.read(paths));
    return this.reading;
  }

  async read(paths) {
    const answers = await Promise.all(Object.entries(paths).map(async ([name, path]) => [name, await optional("api/" + path)]));
    Object.assign(this.known, Object.fromEntries(answers));
    const newest = this.known.jobs?.jobs[0];
    this.known.newest = newest ? await optional(`${ASYNC}/status/${newest.task_id}?segments=false`) : null;
    this.show(this.known);
  }

  show({ jobs, health, newest, models, gpus, stats, figures }) {
    const items = [queue(jobs, health, newest), workers(models, gpus, stats), cache(figures), letters(health)].filter(Boolean);
    const as = JSON.stringify(items);
    if (as === this.as) return;
    this.as = as;
    $("strip").hidden = !items.length;
    $("strip").replaceChildren(...items.map(([term, ...facts]) => {
      const item = make("div");
      item.append(make("dt", term), ...facts.map(fact => make("dd", fact)));
      return item;
    }));
  }
}

async function optional(path) {
  try { return await request(path); } catch { return null; }
}

/** `health`: counts the audio of what waits; `newest`: the status of the job that was submitted last of those that have not ended. */
function queue(jobs, health, newest) {
  if (!jobs) return null;
  const files = (jobs.counts.PENDING || 0) + (jobs.counts.STARTED || 0);
  if (!files) return ["Queue", "empty"];
  const facts = [files === 1 ? "1 file" : `${files} files`];
  if (health?.queue.audio_s) facts.push(length(health.queue.audio_s) + " of audio");
  const wait = newest && expected(newest);
  if (wait) facts.push((files === 1 ? "ends in " : "the newest ends in ") + wait);
  return ["Queue", ...facts];
}

function expected({ estimate, progress }) {
  if (estimate) return `${length(estimate.min)} to ${length(estimate.max)}`;
  return progress.eta_s == null ? null : "about " + length(progress.eta_s);
}

function workers(models, gpus, stats) {
  const loaded = models?.models.filter(model => model.workers) ?? [];
  if (!loaded.length) return null;
  const device = gpus?.gpus.map(gpu => gpu.name).join(", ") || gpus?.device;
  const facts = loaded.map(model => [model.workers + " × " + model.id, size(model.memory_bytes)].join(", "));
  if (device) facts.push(device === "cpu" ? "CPU" : device);
  const factor = stats && !stats.stale ? stats.windows.hour.totals.real_time_factor : null;
  if (factor) facts.push((1 / factor).toFixed(1) + " × real time");
  return ["Workers", ...facts];
}

function cache(figures) {
  if (!figures?.cache_enabled || figures.hit_rate === null) return null;
  const jobs = figures.hits + figures.misses;
  return ["Cache", `answered ${Math.round(figures.hit_rate * 100)} % of ${jobs.toLocaleString("en")} ${jobs === 1 ? "job" : "jobs"}`];
}

function letters(health) {
  const count = health?.retention.dead_letters ?? null;
  return count === null ? null : ["Dead letters", count ? count.toLocaleString("en") : "none"];
}
