// Requests to the gateway: paths below the page's own, errors as sentences, the key of an installation that asks for one.

import { ask } from "./dialog.js";

export const BASE = new URL("..", import.meta.url);  // behind a reverse proxy the page has a prefix, and so have the paths
export const ASYNC = "api/transcribe/async";
const KEY = "murmur-key";  // of sessionStorage: gone with the tab
const SESSION = "api/browser-session";  // a cookie, with which the player and links may read
const SESSION_MS = 30 * 60 * 1000;  // half of its life
const UNAUTHORIZED = 401;
const TIMEOUT_MS = 30000;  // a page whose requests never end shows what is long over
let asking = null, renewing = 0;

export class Failed extends Error {
  constructor(status, body) {
    super(body.detail || `The server answered ${status}.`);
    this.status = status;
    this.reason = body.reason;
  }
}

export function headers() {
  const key = sessionStorage.getItem(KEY);
  return key ? { Authorization: "Bearer " + key } : {};
}

/** The response of a request that succeeded. Asks for a key if the server wants one. `timeoutMs`: of each try, until its body has
 *  arrived. Throws Failed, a TypeError without a connection, or a TimeoutError. */
export async function send(path, { timeoutMs = null, ...options } = {}) {
  for (;;) {
    await asking;  // what would be refused like the request that has asked for a key
    const sent = sessionStorage.getItem(KEY), signals = timeoutMs === null ? [] : [AbortSignal.timeout(timeoutMs)];
    const signal = AbortSignal.any(options.signal ? [options.signal, ...signals] : signals);
    const response = await fetch(new URL(path, BASE), { ...options, signal, headers: { ...headers(), ...options.headers } });
    if (response.ok) return response;
    if (response.status !== UNAUTHORIZED) throw new Failed(response.status, await problem(response));
    await signIn(sent);
  }
}

/** The document of a response. Throws an error whose message is a sentence. */
export async function request(path, { timeoutMs = TIMEOUT_MS, ...options } = {}) {
  try { return await (await send(path, { timeoutMs, ...options })).json(); }
  catch (error) {
    if (error instanceof TypeError) throw new Error("The gateway cannot be reached.");
    throw error.name === "TimeoutError" ? new Error("The gateway does not answer.") : error;
  }
}

async function problem(response) {
  try { return await response.json(); } catch { return {}; }
}

/** Until a key is there that differs from `refused`. Many requests at once ask once. */
export async function signIn(refused) {
  if (sessionStorage.getItem(KEY) !== refused) return;
  asking ??= askForKey(refused !== null).finally(() => { asking = null; });
  await asking;
}

async function askForKey(wrong) {
  const given = await ask({
    title: "API key",
    text: (wrong ? "That key is not accepted. " : "") + "This installation needs a key. It is kept until this tab is closed.",
    fields: [{ name: "key", label: "Key", type: "password", required: true }],
    ok: "Continue",
    cancel: null,
  });
  sessionStorage.setItem(KEY, given.key.trim());
  await beginSession();
}

/** For the player and links, which cannot send the key. Without a key none is needed. */
export async function beginSession() {
  clearTimeout(renewing);
  if (sessionStorage.getItem(KEY) === null) return;
  await fetch(new URL(SESSION, BASE), { method: "POST", headers: headers() }).catch(() => {});  // a wrong key is noticed by the next request
  renewing = setTimeout(beginSession, SESSION_MS);
}

/** The events of a stream, as { event, id, data }. Ends with the stream. */
export async function* events(path, lastId, signal) {
  const more = lastId === null ? {} : { "Last-Event-ID": lastId };
  const response = await send(path, { headers: { Accept: "text/event-stream", ...more }, signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const event = parsed(block);
      if (event.data) yield event;
    }
  }
}

function parsed(block) {
  const event = { event: "message", id: null, data: "" };
  for (const line of block.split("\n")) {
    const [, field, value] = /^(\w*): ?(.*)$/.exec(line) || [];
    if (field === "data") event.data += value;
    else if (field === "event" || field === "id") event[field] = value;
  }
  return event;
}
