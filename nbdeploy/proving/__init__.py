"""The gates: each shows one thing about a package, by asking it. `prove.py` asks them in order."""
