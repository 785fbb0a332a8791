"""Fit BG/NBD with lifetimes to histories in a file; print the time and the parameters as JSON.

It runs in an environment of its own: `make .venv-lifetimes/ready`.
"""

import json
import sys
import time

import numpy as np
from lifetimes import BetaGeoFitter

frequency, recency, age = np.loadtxt(sys.argv[1], delimiter=",")
begun = time.perf_counter()
fitted = BetaGeoFitter().fit(frequency, recency, age)
took = time.perf_counter() - begun
print(json.dumps({"took": took, **{name: float(value) for name, value in fitted.params_.items()}}))
