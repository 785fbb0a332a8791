"""The settings of the smallest Django project that follows its customers."""

from __future__ import annotations

import os

SECRET_KEY = os.environ.get("SECRET_KEY", "only-for-this-example")
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = ["follow"]
USE_TZ = True
JOURNEY_STORE = os.environ.get("JOURNEY_STORE", "sqlite:///journey.db")
JOURNEY_CALLS = os.environ.get("JOURNEY_CALLS", "calls.txt")
