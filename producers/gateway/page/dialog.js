// One dialog for every question. Only one question is asked at a time.

import { $, make } from "./elements.js";

let last = Promise.resolve();

/** The values of the fields, by name; null if it was cancelled. Without `cancel` it must be answered. */
export function ask(question) {
  const answer = last.then(() => show(question));
  last = answer.catch(() => {});
  return answer;
}

function show({ title, text, fields = [], ok, cancel = "Cancel", danger = false }) {
  const dialog = $("dialog"), inputs = fields.map(input);
  $("dialog-title").textContent = title;
  $("dialog-text").textContent = text;
  $("dialog-fields").replaceChildren(...inputs.flatMap(([label, , list]) => list ? [label, list] : [label]));
  $("dialog-ok").textContent = ok;
  $("dialog-ok").className = danger ? "act stop" : "act main";
  $("dialog-cancel").textContent = cancel || "";
  $("dialog-cancel").hidden = cancel === null;
  dialog.showModal();
  return new Promise(resolve => {
    const end = answer => { dialog.close(); resolve(answer); };
    dialog.oncancel = event => { event.preventDefault(); if (cancel !== null) end(null); };
    $("dialog-cancel").onclick = () => end(null);
    dialog.querySelector("form").onsubmit = event => {
      event.preventDefault();
      end(Object.fromEntries(inputs.map(([, field]) => [field.name, field.type === "checkbox" ? field.checked : field.value])));
    };
  });
}

function input({ name, label, type = "text", value = "", required = false, choices = [] }) {
  const field = make("input"), whole = make("label");
  Object.assign(field, { name, type, required, autocomplete: "off" });
  if (type === "checkbox") {
    field.checked = value;
    whole.append(field, label);
  } else {
    field.value = value;
    whole.append(label, field);
  }
  if (!choices.length) return [whole, field];
  const list = make("datalist");
  list.id = "dialog-choices";
  list.append(...choices.map(choice => new Option(choice, choice)));
  field.setAttribute("list", list.id);
  return [whole, field, list];
}
