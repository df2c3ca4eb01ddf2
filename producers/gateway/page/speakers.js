// Downloads with the names of speakers, which are known to this browser alone: added to the server's file. Pure.

import { linesOf, plainText } from "./lines.js";

const ROUNDING_S = 0.001;  // of the times in subtitles
const CUE_TIME = /^(?:(\d+):)?(\d\d):(\d\d)[.,](\d{3}) -->/;
const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
const WRITERS = { txt: ({ segments }, speakers) => plainText(linesOf(segments), speakers) + "\n", srt: subtitles(prefixed), vtt: subtitles(voiced) };

/** The content of a download. `file`: { format, text, segments }; `speakers`: [{ start, name }, …] in order of time. Other formats stay as they are. */
export function withSpeakers(file, speakers) {
  const write = WRITERS[file.format];
  return write && speakers.length ? write(file, speakers) : file.text;
}

function subtitles(write) {
  return ({ text }, speakers) => {
    let next = 0, name = "";
    return text.split("\n\n").map(block => {
      const lines = block.split("\n"), at = lines.findIndex(line => CUE_TIME.test(line)), before = name;
      if (at < 0) return block;
      while (next < speakers.length && speakers[next].start <= seconds(lines[at]) + ROUNDING_S) name = speakers[next++].name;
      if (name && at + 1 < lines.length) lines[at + 1] = write(lines[at + 1], name, name !== before);
      return lines.join("\n");
    }).join("\n\n");
  };
}

function prefixed(line, name, isNew) {
  return isNew ? `${name}: ${line}` : line;
}

/** As WebVTT says who speaks, in every cue. */
function voiced(line, name) {
  return `<v ${name.replace(/[&<>]/g, letter => ESCAPES[letter])}>${line}`;
}

function seconds(cue) {
  const [, hours = 0, minutes, whole, thousandths] = CUE_TIME.exec(cue);
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(whole) + Number(thousandths) / 1000;
}
