"""What gunicorn serves: ``gunicorn --preload --workers 4 wsgi:application``.

The store is opened before gunicorn forks; each worker then opens connections of its own.
"""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
application = get_wsgi_application()
