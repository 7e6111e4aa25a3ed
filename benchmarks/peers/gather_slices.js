// Slices by gather's library (@msrvida/python-program-analysis): log every cell as executed, then a cell that reads the name.
// Reads {"cells": [code, ...], "names": [...]} on stdin; prints {name: {"code": text} or {"refused": why}}. argv[2]: its node_modules.
const gather = require(process.argv[2] + "/@msrvida/python-program-analysis");
const job = JSON.parse(require("fs").readFileSync(0, "utf8"));

function cell(text, number) {
  const made = { text, executionEventId: `e${number}`, persistentId: `p${number}`, executionCount: number + 1, hasError: false };
  made.deepCopy = () => made;
  return made;
}

function slice(name) {
  const slicer = new gather.ExecutionLogSlicer(new gather.DataflowAnalyzer());
  [...job.cells, name].forEach((text, number) => slicer.logExecution(cell(text, number)));
  const found = slicer.sliceLatestExecution(`p${job.cells.length}`);
  return found.cellSlices.slice(0, -1).map((each) => each.textSliceLines).join("\n");
}

const log = console.log;
console.log = () => {};
const answer = {};
for (const name of job.names) {
  try {
    answer[name] = { code: slice(name) };
  } catch (problem) {
    answer[name] = { refused: String(problem).slice(0, 200) };
  }
}
log(JSON.stringify(answer));
