// The form: one field for each that a row has, an example filled in, the answer or what is wrong below.

import { BadRequest, predict, schema as formOf } from "./predict.js";

const form = document.querySelector("form");
const fields = document.querySelector("#fields");
const answer = document.querySelector("output");
const controls = new Map(); // by the name that a problem gives the field

async function start(schema) {
  document.title = schema.name;
  document.querySelector("h1").textContent = schema.name;
  document.querySelector("#version").textContent = `version ${schema.version}`;
  for (const each of questions(schema)) fields.append(question(each, schema));
  let shown = 0;
  fill(schema.examples[shown], schema);
  const another = document.querySelector("#another");
  another.hidden = schema.examples.length < 2;
  another.addEventListener("click", () => {
    shown = (shown + 1) % schema.examples.length;
    fill(schema.examples[shown], schema);
    told(null);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void ask(schema);
  });
  form.dataset.ready = "true";
  document.querySelectorAll("button").forEach((each) => (each.disabled = false));
}

/** What the form asks for: the fields of a record that matter, the places of an array, or the one value of a row. */
function questions(schema) {
  if (schema.field === "rows") {
    const fed = new Set(schema.inputs.map(({ name }) => name));
    const asked = schema.fields.filter(({ key, required }) => required || fed.has(key));
    return asked.map((field) => ({ ...field, name: field.key, label: field.key }));
  }
  const [field] = schema.fields;
  const size = schema.shape[0];
  if (size === undefined) return [{ ...field, name: null, label: "input", long: true }];
  return Array.from({ length: size }, (_, place) => ({ ...field, name: `[${place}]`, label: `value ${place + 1}` }));
}

function question(field, schema) {
  const id = `field-${controls.size}`;
  const control = controlOf(field, schema);
  control.id = id;
  control.setAttribute("aria-describedby", `${id}-note ${id}-fault`);
  const label = element("label", { htmlFor: id, textContent: field.label });
  const note = element("small", { id: `${id}-note`, textContent: noteOf(field) });
  const fault = element("strong", { id: `${id}-fault`, className: "fault" });
  controls.set(field.name, { field, control, fault });
  const group = element("div", { className: field.long ? "long" : "" });
  group.append(label, control, note, fault);
  return group;
}

function controlOf(field, schema) {
  const choices = field.reader === "booleans" ? [true, false] : field.categories;
  if (!choices.length) {
    const control = element(field.long ? "textarea" : "input", { autocomplete: "off", spellcheck: false });
    if (["integers", "floats"].includes(field.reader)) control.inputMode = "decimal";
    else if (!field.long) suggest(control, field, schema);
    return control;
  }
  const control = element("select", {});
  const empty = mayBeEmpty(field) ? [["", ""]] : [];
  for (const [text, value] of [...empty, ...choices.map((each) => [String(each), JSON.stringify(each)])]) {
    control.append(element("option", { textContent: text, value }));
  }
  return control;
}

/** Offer the texts of the examples. */
function suggest(control, field, schema) {
  const texts = new Set(schema.examples.map((row) => row[field.key]).filter((each) => typeof each === "string"));
  const list = element("datalist", { id: `texts-${controls.size}` });
  for (const text of texts) list.append(element("option", { value: text }));
  document.body.append(list);
  control.setAttribute("list", list.id);
}

const KINDS = { integers: "a whole number", floats: "a number", booleans: "", one_of: "" };
const mayBeEmpty = (field) => field.nullable || !field.required;

function noteOf(field) {
  return [KINDS[field.reader] ?? "a text", mayBeEmpty(field) ? "may be empty" : ""].filter(Boolean).join(", ");
}

function fill(row, schema) {
  for (const [name, { field, control }] of controls) {
    const value = schema.field === "rows" ? row[name] : name === null ? row : row[Number(name.slice(1, -1))];
    control.value = control.tagName === "SELECT" ? (value == null ? "" : JSON.stringify(value)) : String(value ?? "");
  }
}

/** The row that stands in the form. An empty field is null, or not sent where it need not be. */
function rowOf(schema) {
  const values = Array.from(controls.values(), ({ field, control }) => [field, valueOf(field, control)]);
  if (schema.field !== "rows") return schema.shape.length ? values.map(([, value]) => value) : values[0][1];
  return Object.fromEntries(
    values.filter(([field, value]) => value !== null || field.required).map(([field, value]) => [field.key, value]),
  );
}

function valueOf(field, control) {
  const text = control.value;
  if (field.long) return text;
  if (text.trim() === "") return null;
  if (control.tagName === "SELECT") return JSON.parse(text);
  if (!["integers", "floats"].includes(field.reader)) return text;
  return Number.isNaN(Number(text)) || /infinity/i.test(text) ? text : Number(text);
}

async function ask(schema) {
  try {
    const [prediction] = await predict([rowOf(schema)]);
    told(null);
    show(prediction);
  } catch (problem) {
    if (!(problem instanceof BadRequest)) throw problem;
    told(problem.problems);
  }
}

function show(prediction) {
  answer.className = "";
  if (typeof prediction !== "object" || prediction === null) {
    answer.replaceChildren(element("b", { textContent: String(prediction) }));
    return;
  }
  const list = element("dl", {});
  for (const [name, value] of Object.entries(prediction)) {
    list.append(element("dt", { textContent: name }), element("dd", { textContent: String(value) }));
  }
  answer.replaceChildren(list);
}

/** Say what is wrong at each field, and go to the first. */
function told(problems) {
  for (const { control, fault } of controls.values()) {
    control.removeAttribute("aria-invalid");
    fault.textContent = "";
  }
  answer.textContent = "";
  const others = [];
  for (const { field, message } of problems ?? []) {
    const found = controls.get(field);
    if (found) {
      found.control.setAttribute("aria-invalid", "true");
      found.fault.textContent = message;
    } else others.push(message);
  }
  if (!problems) return;
  answer.className = "wrong";
  answer.textContent = others.join("; ") || "This row can't be answered: see the fields above.";
  document.querySelector("[aria-invalid]")?.focus();
}

function element(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}

try {
  await start(await formOf());
} catch (problem) {
  answer.textContent = `The model can't be loaded: ${problem.message}`;
  answer.className = "wrong";
}
