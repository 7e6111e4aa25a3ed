// What the notebook's model answers, computed here: no server is asked.
//
//   import { predict } from "./predict.js";
//   const predictions = await predict([{ age: 41, plan: "basic" }]);
//
// `rows` are what the service takes in schema.json's `field`: records by column, arrays of numbers, or texts. Prediction i answers
// row i. What can't be answered throws a BadRequest; its `problems` tell row, field and fault of each, as the service does.

import * as ort from "./runtime/ort.wasm.bundle.min.mjs";

const HERE = new URL(".", import.meta.url);
const MAX_PROBLEMS = 20;
const NEVER_MISSING = "null, and this field was never missing in the data";
const NOT_FINITE = "NaN, Infinity and numbers beyond 1.8e308 are not JSON; a missing number is null";
const NOT_SAFE = "beyond 2^53 a browser's numbers are no whole numbers any more: ask the service";
const INFINITIES = { Infinity: Infinity, "-Infinity": -Infinity };

export class BadRequest extends Error {
  constructor(problems) {
    super(problems.map(sentence).join("; "));
    this.name = "BadRequest";
    this.problems = problems;
  }
}

/** The predictions for rows. Throws BadRequest. */
export async function predict(rows) {
  return (await model()).predict(rows);
}

/** The form of a request, example rows, and the model's name and version: schema.json. */
export async function schema() {
  return (await model()).schema;
}

let loaded;

function model() {
  loaded ??= load();
  return loaded;
}

async function load() {
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = { wasm: new URL("runtime/ort-wasm-simd-threaded.wasm", HERE).href };
  const [schema, graph] = await Promise.all([
    fetched("schema.json").then((found) => found.json()),
    fetched("predict.onnx").then((found) => found.arrayBuffer()),
  ]);
  return new Model(schema, await ort.InferenceSession.create(graph, { logSeverityLevel: 3 }));
}

async function fetched(name) {
  const response = await fetch(new URL(name, HERE));
  if (!response.ok) throw new Error(`${name} can't be loaded: ${response.status}`);
  return response;
}

class Model {
  constructor(schema, session) {
    this.schema = schema;
    this.session = session;
    this.last = Promise.resolve();
  }

  /** Predict after what was asked before: a session computes one request at a time. */
  predict(rows) {
    const found = this.last.then(() => this.asked(rows));
    this.last = found.catch(() => undefined);
    return found;
  }

  async asked(rows) {
    const values = checked(rows, this.schema);
    if (rows.length === 0) return [];
    const feeds = Object.fromEntries(this.schema.inputs.map((input) => [input.name, tensor(input, values, rows.length)]));
    const answers = await this.session.run(feeds);
    const refused = answers.refused?.data ?? [];
    const problems = Array.from(refused, (each, row) => each && { row, field: null, message: "the model can't answer this row" });
    stopIfAny(problems.filter(Boolean));
    const columns = this.schema.outputs.map((output) => plain(answers[output.name].data, output));
    if (!this.schema.labels) return columns[0];
    return rows.map((_, row) => Object.fromEntries(this.schema.labels.map((label, place) => [label, columns[place][row]])));
  }
}

// What comes in ---------------------------------------------------------------------------------------------------------------

const TENSORS = {
  double: (values, shape) => new ort.Tensor("float64", Float64Array.from(values, (each) => each ?? NaN), shape),
  int64: (values, shape) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), shape),
  bool: (values, shape) => new ort.Tensor("bool", Uint8Array.from(values, Number), shape),
  text: (values, shape) => new ort.Tensor("string", values, shape),
};

function tensor({ name, kind, columns }, values, rows) {
  return TENSORS[kind](values.get(name) ?? values.get(null), [rows, columns]);
}

/** The values of the rows, by field, each read as its type. */
function checked(rows, schema) {
  if (!Array.isArray(rows)) {
    const what = schema.field === "rows" ? "rows must be a list of records" : "input must be a list";
    throw new BadRequest([{ row: null, field: null, message: `${what}, not ${shown(rows)}` }]);
  }
  const problems = [];
  const add = (row, field, message) => {
    problems.push({ row, field, message });
    if (problems.length >= MAX_PROBLEMS) stopIfAny(problems);
  };
  return schema.field === "rows" ? records(rows, schema, problems, add) : items(rows, schema, problems, add);
}

function records(rows, schema, problems, add) {
  rows.forEach((row, at) => {
    if (!isRecord(row)) add(at, null, `${shown(row)} is not a record, that is, an object of field names and values`);
  });
  stopIfAny(problems);
  const known = new Set(schema.fields.map(({ key }) => key));
  const required = schema.fields.filter((field) => field.required).map(({ key }) => key).sort();
  rows.forEach((row, at) => {
    for (const key of Object.keys(row)) if (!known.has(key)) add(at, key, "unknown field");
    for (const key of required) if (!Object.hasOwn(row, key)) add(at, key, "missing field");
  });
  const values = new Map();
  for (const field of schema.fields) {
    const read = READERS[field.reader] ?? READERS.texts;
    const fed = schema.inputs.find(({ name }) => name === field.key);
    const column = [];
    rows.forEach((row, at) => {
      if (!Object.hasOwn(row, field.key) && field.required) return;
      column.push(read(row[field.key] ?? null, field, (message) => add(at, field.key, message), fed));
    });
    values.set(field.key, column);
  }
  stopIfAny(problems);
  return values;
}

function items(rows, schema, problems, add) {
  const [field] = schema.fields;
  const read = READERS[field.reader] ?? READERS.texts;
  const [fed] = schema.inputs;
  const size = schema.shape[0];
  const values = [];
  rows.forEach((row, at) => {
    if (size === undefined) {
      values.push(read(row, field, (message) => add(at, null, message), fed));
    } else if (!Array.isArray(row)) {
      add(at, null, `${shown(row)} is not a list; the shape of a row is (${size},)`);
    } else if (row.length !== size) {
      add(at, null, `${row.length} items where ${size} are needed; the shape of a row is (${size},)`);
    } else {
      row.forEach((each, place) => values.push(read(each, field, (message) => add(at, `[${place}]`, message), fed)));
    }
  });
  stopIfAny(problems);
  return new Map([[null, values]]);
}

/** Each reads one value, and says what is wrong with it. `fed` is the graph's input that takes it, if any does. */
const READERS = {
  integers(value, field, fault, fed) {
    if (value === null) return missing(field, fault, fed);
    if (typeof value !== "number" || !Number.isInteger(value)) return fault(`${shown(value)} is not a whole number`);
    if (!Number.isSafeInteger(value)) return fault(NOT_SAFE);
    const [least, most] = field.range;
    if (value < least || value > most) return fault(`${shown(value)} is out of the range of ${field.dtype}`);
    return value;
  },
  floats(value, field, fault, fed) {
    if (value === null) return missing(field, fault, fed);
    if (Object.hasOwn(INFINITIES, value)) return INFINITIES[value];
    if (typeof value !== "number") return fault(`${shown(value)} is not a number`);
    if (!Number.isFinite(value)) return fault(NOT_FINITE);
    return field.dtype === "float32" ? Math.fround(value) : value;
  },
  booleans(value, field, fault, fed) {
    if (value === null) return missing(field, fault, fed);
    return typeof value === "boolean" ? value : fault(`${shown(value)} is not true or false`);
  },
  texts(value, field, fault, fed) {
    if (value === null) return missing(field, fault, fed);
    return typeof value === "string" ? value : fault(`${shown(value)} is not a text`);
  },
  one_of(value, field, fault, fed) {
    if (value === null) return missing(field, fault, fed);
    const expected = `one of the known categories ${cut(shown(field.categories))}`;
    return field.categories.includes(value) ? value : fault(`${shown(value)} is not ${expected}`);
  },
  objects: anything,
  anything,
};

function anything(value, field, fault, fed) {
  if (value === null) return missing(field, fault, fed);
  return !fed || typeof value === "string" ? value : fault(`${shown(value)} is not a text, and the graph takes nothing else`);
}

/** A missing value: only a number can be one for the graph. */
function missing(field, fault, fed) {
  if (!field.nullable && field.required) return fault(NEVER_MISSING);
  if (fed && fed.kind !== "double") return fault("null, which the graph can't take here: ask the service");
  return null;
}

// What goes out ---------------------------------------------------------------------------------------------------------------

/** The values of one output as JSON knows them, one for each row (a list of them where it has columns). */
function plain(data, { kind, columns }) {
  const values = Array.from(data, kind === "bool" ? Boolean : json);
  if (columns === null) return values;
  return Array.from({ length: values.length / columns }, (_, row) => values.slice(row * columns, (row + 1) * columns));
}

function json(value) {
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "number" || Number.isFinite(value)) return value;
  return Number.isNaN(value) ? null : value > 0 ? "Infinity" : "-Infinity";
}

// Words -----------------------------------------------------------------------------------------------------------------------

function stopIfAny(problems) {
  if (problems.length) throw new BadRequest(problems);
}

function sentence({ row, field, message }) {
  const where = [row === null ? "" : `row ${row}`, field === null ? "" : `field '${field}'`].filter(Boolean).join(", ");
  return where ? `${where}: ${message}` : message;
}

const isRecord = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const cut = (text) => (text.length <= 80 ? text : `${text.slice(0, 77)}...`);

/** A value as the service shows it. */
function shown(value) {
  return cut(written(value));
}

function written(value) {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return quoted(value);
  if (Array.isArray(value)) return `[${value.map(written).join(", ")}]`;
  if (typeof value !== "object") return String(value);
  return `{${Object.entries(value).map(([key, each]) => `${quoted(key)}: ${written(each)}`).join(", ")}}`;
}

function quoted(text) {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\t", "\\t").replaceAll("\r", "\\r");
  return quote + (quote === "'" ? escaped.replaceAll("'", "\\'") : escaped) + quote;
}
