"""Slices by ipyflow: run the notebook under its tracer, then ask it for the code of each name.

Reads {"cells": [code, ...], "names": [...]} on stdin; the last line of stdout is {name: {"code": text} or {"refused": why}}.
"""

import json
import os
import sys

from IPython.core.interactiveshell import InteractiveShell

job = json.load(sys.stdin)
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "ipyflow")
for source in job["cells"]:
    shell.run_cell(source, store_history=True)
shell.run_cell("from ipyflow import code as _code_of", store_history=True)
found = {}
for name in job["names"]:
    shell.user_ns.pop("_found", None)
    result = shell.run_cell(f"_found = str(_code_of({name}))", store_history=True)
    error = result.error_in_exec or result.error_before_exec
    found[name] = {"code": shell.user_ns["_found"]} if error is None else {"refused": repr(error)[:200]}
out.write(json.dumps(found) + "\n")
out.flush()
os._exit(0)
