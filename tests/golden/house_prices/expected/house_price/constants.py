"""What the notebook wrote down: numbers, names and lists that the served code reads.

Made by nbdeploy from house_prices.ipynb; the comments name the cells.
"""

from __future__ import annotations

DECAY_KM = 15.0  # cell 9
