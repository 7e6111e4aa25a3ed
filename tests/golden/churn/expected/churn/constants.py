"""What the notebook wrote down: numbers, names and lists that the served code reads.

Made by nbdeploy from churn.ipynb; the comments name the cells.
"""

from __future__ import annotations

import pandas as pd

TEXT_COLUMNS = ["contract", "internet_service", "payment_method", "autopay"]  # cell 2
EXPORT_DATE = pd.Timestamp("2024-01-31 00:00:00")  # cell 2
# A call costs 12. Of those about to leave it keeps enough to be worth 40 each: call from a probability of 12 / 40 on.
THRESHOLD = 0.3  # cell 2
