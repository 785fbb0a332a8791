"""The addresses of the project."""

from __future__ import annotations

from django.urls import path
from follow import views

urlpatterns = [
    path("interactions", views.record),
    path("customers/<str:customer>", views.position),
    path("health", views.health),
]
