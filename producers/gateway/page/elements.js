// Elements of the page. Text always becomes a text node: nothing that a file or a model says is ever parsed as markup.

export const $ = id => document.getElementById(id);

export function make(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

export function button(label, className, onclick) {
  const made = make("button", label, className);
  made.type = "button";
  made.onclick = onclick;
  return made;
}

export function bar(share) {
  const outer = make("span", undefined, "bar");
  outer.append(make("i"));
  setBar(outer, share);
  return outer;
}

export function setBar(outer, share) {
  const percent = Math.round(share * 100);
  outer.firstElementChild.style.width = percent + "%";
  if (outer.getAttribute("role") === "progressbar") outer.setAttribute("aria-valuenow", percent);
}

/** Downloads what is in memory. */
export function saveAs(content, filename) {
  const link = make("a");
  link.href = URL.createObjectURL(content);
  link.download = filename;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/** Sets text only if it differs, so that a live region announces changes alone. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function prefersStill() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
