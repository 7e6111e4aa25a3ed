"""What the notebook wrote down: numbers, names and lists that the served code reads.

Made by nbdeploy from reviews.ipynb; the comments name the cells.
"""

from __future__ import annotations

import re

LINK = re.compile(r"https?://\S+")  # cell 6
NUMBER = re.compile(r"\d+")  # cell 6
STRETCHED = re.compile(r"([a-z])\1{2,}")  # cell 6
TAG = re.compile(r"<[^>]+>")  # cell 6
