"""Functions and classes of the notebook that the served code uses.

Made by nbdeploy from churn.ipynb; the comments name the cells.
"""

from __future__ import annotations


# cell 13
def tenure_band(months):
    if months < 6:
        return "new"
    if months < 24:
        return "settling"
    return "settled"
