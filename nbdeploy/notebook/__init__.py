"""The notebook as a value: cells, roles, settings, and each cell as plain Python. Pure: text in, values out."""
