// The state of the system in one line: queue, workers, cache, dead letters. What the server does not report is not shown.

import { ASYNC, request } from "./api.js";
import { $, make } from "./elements.js";
import { length, size } from "./wording.js";

export class Strip {
  async update() {
    const paths = ["jobs?state=PENDING&limit=1", "stats", "models", "gpu-status", "cache-stats", "health"];
    const [jobs, stats, models, gpus, figures, health] = await Promise.all(paths.map(path => optional("api/" + path)));
    const last = jobs?.jobs.length ? await optional(`${ASYNC}/status/${jobs.jobs[0].task_id}`) : null;
    const items = [queue(jobs, health, last), workers(models, gpus, stats), cache(figures), letters(health)].filter(Boolean);
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

/** `health`: counts the audio of what waits; `last`: the status of the job that was submitted last, if it waits. */
function queue(jobs, health, last) {
  if (!jobs) return null;
  const files = (jobs.counts.PENDING || 0) + (jobs.counts.STARTED || 0);
  if (!files) return ["Queue", "empty"];
  const facts = [files === 1 ? "1 file" : `${files} files`];
  if (health?.queue.audio_s) facts.push(length(health.queue.audio_s) + " of audio");
  if (last?.estimate) facts.push(`the last one ends in ${length(last.estimate.min)} to ${length(last.estimate.max)}`);
  return ["Queue", ...facts];
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
