// Usage: node predict.mjs GRAPH SIGNATURE ROWS: prints what the graph answers to rows of JSON, by output.
import { readFileSync } from "node:fs";
import { InferenceSession, Tensor, env } from "onnxruntime-web";

env.wasm.numThreads = 1;
env.logLevel = "fatal";

const [graph, signatureFile, rowsFile] = process.argv.slice(2);
const signature = JSON.parse(readFileSync(signatureFile, "utf-8"));
const rows = JSON.parse(readFileSync(rowsFile, "utf-8"));

const TENSORS = {
  double: (values) => new Tensor("float64", Float64Array.from(values, (each) => each ?? NaN), shape(values)),
  int64: (values) => new Tensor("int64", BigInt64Array.from(values, BigInt), shape(values)),
  bool: (values) => new Tensor("bool", Uint8Array.from(values, Number), shape(values)),
  text: (values) => new Tensor("string", values, shape(values)),
};
const shape = (values) => [rows.length, values.length / rows.length];

const session = await InferenceSession.create(readFileSync(graph));
const feeds = {};
for (const { name, kind } of signature.inputs) {
  const values = rows.flatMap((row) => (Array.isArray(row) ? row : typeof row === "object" ? [row[name]] : [row]));
  feeds[name] = TENSORS[kind](values);
}
const answers = await session.run(feeds);
const plain = (value) => (typeof value === "bigint" ? Number(value) : value);
const told = signature.outputs.map(({ name }) => [name, Array.from(answers[name].data, plain)]);
console.log(JSON.stringify(Object.fromEntries(told)));
