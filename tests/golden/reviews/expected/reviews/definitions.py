"""Functions and classes of the notebook that the served code uses.

Made by nbdeploy from reviews.ipynb; the comments name the cells.
"""

from __future__ import annotations

from html import unescape

from .constants import LINK, NUMBER, STRETCHED, TAG


# cell 6
def clean(text):
    text = unescape(TAG.sub(" ", text)).lower()
    text = LINK.sub(" somelink ", text)
    text = NUMBER.sub(" somenumber ", text)
    text = STRETCHED.sub(r"\1\1", text)
    return " ".join(text.split())
