// Uploads of all tabs of a browser take turns, since the tabs share its six HTTP/1.1 connections to a server.

const SLOTS = ["murmur-upload-1", "murmur-upload-2", "murmur-upload-3"];

/** Calls `work` when it is its turn; the turn ends with the promise that it returns. At once where the browser has no locks, as
 *  without https. */
export async function inTurn(work) {
  if (!navigator.locks) return work();
  const has = new AbortController();
  await Promise.allSettled(SLOTS.map(slot => navigator.locks.request(slot, { signal: has.signal }, async () => {
    if (has.signal.aborted) return;  // two became free in the same moment
    has.abort();  // ends the requests for the others
    await work();
  })));
}
