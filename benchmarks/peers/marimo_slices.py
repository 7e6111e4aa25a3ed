"""Slices by marimo: convert the notebook, then take the cell that defines a name with its ancestors in the dataflow graph.

Reads {"path": NOTEBOOK, "names": [...]} on stdin; the last line of stdout is {name: {"code": text} or {"refused": why}}. The
converter gives a name that is bound again a number (`x_1`); the last of them is the name's value at the end.
"""

import json
import re
import sys
from pathlib import Path

from marimo._ast.compiler import compile_cell
from marimo._convert.ipynb import convert_from_ipynb_to_notebook_ir
from marimo._runtime.dataflow import DirectedGraph, topological_sort

job = json.load(sys.stdin)
graph, order = DirectedGraph(), []
for number, cell in enumerate(convert_from_ipynb_to_notebook_ir(Path(job["path"]).read_text(encoding="utf-8")).cells):
    try:
        graph.register_cell(str(number), compile_cell(cell.code, cell_id=str(number)))
        order.append(str(number))
    except SyntaxError:
        continue
found = {}
for name in job["names"]:
    numbered = re.compile(rf"{re.escape(name)}(_\d+)?")
    defining = [(key, each) for key in order for each in graph.cells[key].defs if numbered.fullmatch(each)]
    if not defining:
        found[name] = {"refused": "no cell defines it"}
        continue
    cell, last = max(defining, key=lambda pair: int((pair[1][len(name) :] or "_0")[1:]))
    needed = topological_sort(graph, {cell, *graph.ancestors(cell)})
    code = "\n".join(graph.cells[key].code for key in needed)
    found[name] = {"code": code + (f"\n{name} = {last}" if last != name else "")}
print(json.dumps(found))
