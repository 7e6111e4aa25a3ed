"""Score many rows with an exported package: files or tables in, files or tables out, in constant memory.

A source gives chunks of rows; a scorer, the package in clean processes, answers them; a target keeps them in parts, each of
which is there whole or not at all. A job that was killed goes on behind its last part.
"""
