// A job until its end: its status, and from then on the events of its stream, which has the segments in order of time. A page that
// nobody sees has no stream: all tabs of a browser share six HTTP/1.1 connections to a server.

import { ASYNC, events, request } from "./api.js";

const AGAIN_MS = 1500;  // after a lost connection

/** Calls `show(status)` whenever something has changed, until the job has ended or `signal` says so. Throws Failed 404. */
export async function watch(task, show, signal) {
  const id = encodeURIComponent(task);
  let status = null, last = null;
  while (!signal.aborted) {
    const seen = whileSeen(signal);
    try {
      if (status === null) {
        status = await request(`${ASYNC}/status/${id}?segments=false`, { signal });  // the stream has them
        show(status);
      }
      if (status.ended_at) return;
      for await (const event of events(`${ASYNC}/${id}/events`, last, seen.signal)) {
        status = changed(status, event);
        last = event.id;
        show(status);
      }
      if (status.ended_at) return;
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 404) throw error;
    } finally {
      seen.end();
    }
    while (document.hidden) await new Promise(done => document.addEventListener("visibilitychange", done, { once: true }));
    await new Promise(done => setTimeout(done, AGAIN_MS));
  }
}

/** A signal that is aborted by another one, or once the page is hidden. */
function whileSeen(signal) {
  const hidden = new AbortController(), look = () => { if (document.hidden) hidden.abort(); };
  document.addEventListener("visibilitychange", look);
  look();
  return { signal: AbortSignal.any([signal, hidden.signal]), end: () => document.removeEventListener("visibilitychange", look) };
}

function changed(status, { event, data }) {
  const { segments } = status.progress, body = JSON.parse(data);
  switch (event) {
    case "status": return { ...body, progress: { ...body.progress, segments } };
    case "progress": return { ...status, progress: { ...body, segments: [...segments, ...body.segments] } };
    case "restart": return { ...status, progress: { ...status.progress, segments: [] } };
    default: return status;
  }
}
