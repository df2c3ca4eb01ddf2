// The options of a submission: models and languages as the server has them, and the rest as its description lists it.

import { BASE, headers, request } from "./api.js";
import { $, make, say } from "./elements.js";
import { languageName } from "./wording.js";

const LISTED = ["file", "prompt", "priority"];  // the last two are other names of initial_prompt and lane
const AS_CONFIGURED = "as configured";

export class Options {
  constructor() {
    this.models = [];
    this.modelsAs = this.modelAs = "";
    this.language = "auto";
    $("served").addEventListener("change", () => this.showModel());
    $("form").querySelector(".options-more").addEventListener("toggle", () => this.describe(), { once: true });
  }

  /** The fields to send: those that say something. */
  fields() {
    const fields = { words: String($("words").checked) };
    for (const field of $("form").querySelectorAll("select[name], input[name]:not([type=checkbox])")) {
      const isShown = !field.closest("label").hidden;
      if (isShown && field.value.trim() !== "") fields[field.name] = field.value.trim();
    }
    return fields;
  }

  async update() {
    this.models = (await request("api/models")).models;
    const ids = this.models.map(model => model.id).join();
    if (ids !== this.modelsAs) {
      this.modelsAs = ids;
      $("served").replaceChildren(...this.models.map(model => new Option(model.id, model.id, model.default, model.default)));
      $("served").parentElement.hidden = this.models.length === 1;
    }
    this.showModel();
    return this.models;
  }

  showModel() {
    const model = this.models.find(model => model.id === $("served").value), as = JSON.stringify([model.id, model.languages, model.warnings]);
    if (as === this.modelAs) return;
    this.modelAs = as;
    say($("model"), "model " + model.id);
    $("about-model").hidden = !model.warnings.length;
    say($("about-model"), model.warnings.map(warning => warning.message).join(" "));
    this.showLanguages(model.languages);
  }

  /** Whether the page says this of a model already. */
  warns(code) {
    return this.models.some(model => model.warnings.some(warning => warning.code === code));
  }

  showLanguages(codes) {
    const names = codes.map(code => [languageName(code), code]).sort(([a], [b]) => a.localeCompare(b, "en"));
    const one = names.length === 1;
    if ($("language").options.length > 1) this.language = $("language").value;  // of a single language nobody chose it
    const options = (one ? names : [["detect", "auto"], ...names]).map(([name, code]) => new Option(name, code));
    $("language").replaceChildren(...options);
    if (options.some(option => option.value === this.language)) $("language").value = this.language;
    $("kind").parentElement.hidden = one && codes[0] === "en";
  }

  /** The fields of the form that have no place of their own, from the description of the API. Without it they are left out. */
  async describe() {
    const response = await fetch(new URL("openapi.json", BASE), { headers: headers() }).catch(() => null);
    if (!response?.ok) return;
    const whole = await response.json();
    const schema = resolved(whole, whole.paths["/api/transcribe/async"].post.requestBody.content["multipart/form-data"].schema);
    const placed = new Set([...LISTED, ...[...$("form").querySelectorAll("[name]")].map(field => field.name)]);
    const others = Object.entries(schema.properties).filter(([name]) => !placed.has(name));
    $("rest-fields").replaceChildren(...others.map(([name, property]) => described(name, resolved(whole, property))));
    $("rest").hidden = !others.length;
  }
}

function resolved(whole, schema) {
  if (!schema.$ref) return schema;
  return schema.$ref.slice(2).split("/").reduce((place, name) => place[name], whole);
}

/** Choices where the description has them, else a text. */
function fieldOf({ type, enum: values = [] }) {
  const choices = type === "boolean" ? [["on", "true"], ["off", "false"]] : values.map(value => [value, value]);
  const field = make(choices.length ? "select" : "input");
  if (choices.length) field.append(...[[AS_CONFIGURED, ""], ...choices].map(([text, value]) => new Option(text, value)));
  else Object.assign(field, { autocomplete: "off", placeholder: AS_CONFIGURED });
  return field;
}

function described(name, property) {
  const label = make("label"), about = property.description || "", field = fieldOf(property);
  Object.assign(field, { name, title: about });
  label.append(name, field, make("span", about, "meaning"));
  return label;
}
