// The lines of a transcript in order of time: what was said, what was removed, and where something is not right. Pure.

export const UNSURE_WORD = 0.5;  // a probability below this is marked
export const UNSURE_LINE = -1.0;  // likewise of avg_logprob, where there are no words
const LOST = ["no_text", "text_removed", "truncated", "damaged", "lost", "clock"];
const known = new WeakMap(), asTranscribed = new WeakMap();

/** { kind: "segment" | "removed" | "warning", start, end, text, … }. The order of equal starts: warning, removed, segment. */
export function linesOf(segments, removed = [], warnings = []) {
  const timed = warnings.filter(warning => warning.start !== null);
  const lines = [
    ...timed.map(warning => ({ kind: "warning", start: warning.start, end: warning.end, text: warning.message, code: warning.code })),
    ...removed.map(each => ({ kind: "removed", ...each })),
    ...segments.map(spoken),
  ];
  lines.sort((one, other) => one.start - other.start);
  lines.forEach((line, index) => {
    line.key = `${line.kind} ${line.start} ${line.end}`;
    if (line.key === lines[index - 1]?.key) line.key += "'";
  });
  return lines;
}

/** The same line for the same segment: a line that is shown already stays as it is. */
function spoken(segment) {
  if (!known.has(segment)) known.set(segment, lineOf(segment));
  return known.get(segment);
}

/** The segments as the model wrote them, where their texts were corrected. The same ones again for the same segments. */
export function rawOf(segments) {
  return segments.map(segment => {
    if (segment.raw_text === undefined) return segment;
    if (!asTranscribed.has(segment)) asTranscribed.set(segment, { ...segment, text: segment.raw_text, words: undefined });
    return asTranscribed.get(segment);
  });
}

function lineOf(segment) {
  const isOfText = segment.raw_text === undefined || segment.words?.map(word => word.word).join("").trim() === segment.text;
  const words = segment.words?.length && isOfText ? segment.words.map(wordOf) : null;
  if (words) words[0].before = "";
  const text = words ? words.map(word => word.before + word.text).join("") : segment.text;
  return { kind: "segment", start: segment.start, end: segment.end, text, words, isUnsure: !words && segment.avg_logprob < UNSURE_LINE };
}

function wordOf(word) {
  const text = word.word.trimStart();
  return { before: word.word.slice(0, word.word.length - text.length), text, start: word.start, end: word.end, probability: word.probability };
}

/** The last line of `kind` segment that has begun at this time, -1 before the first. */
export function lineAt(lines, time) {
  let found = lastBegun(lines, time);
  while (found >= 0 && lines[found].kind !== "segment") found -= 1;
  return found;
}

export function wordAt(line, time) {
  return line?.words ? lastBegun(line.words, time) : -1;
}

function lastBegun(things, time) {
  let low = -1, high = things.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (things[middle].start <= time + 0.001) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** What to say of a finished transcript without a line; `nobody` only if all of the file was heard and nobody speaks in it. */
export function emptiness(result) {
  const isWhole = !result.removed.length && !result.warnings.some(warning => LOST.includes(warning.code));
  if (isWhole && result.transcription.language === null) return { nobody: true, text: "Nobody speaks in this file." };
  if (result.removed.length) return { nobody: false, text: "No text is left: what the model wrote was removed, because probably nobody said it." };
  if (isWhole) return { nobody: false, text: "The model wrote no text for this file." };
  return { nobody: false, text: "There is no text. A part of this file could not be transcribed; the notes say which." };
}

/** The text to copy: a paragraph for each speaker. `speakers`: [{ start, name }, …]. */
export function plainText(lines, speakers) {
  const spokenLines = lines.filter(line => line.kind === "segment");
  if (!speakers.length) return spokenLines.map(line => line.text).join("\n");
  const paragraphs = [];
  let next = 0, name = "";
  for (const line of spokenLines) {
    const from = name;
    while (next < speakers.length && speakers[next].start <= line.start) name = speakers[next++].name;
    if (!paragraphs.length || name !== from) paragraphs.push(name ? `${name}: ${line.text}` : line.text);
    else paragraphs[paragraphs.length - 1] += " " + line.text;
  }
  return paragraphs.join("\n\n");
}
