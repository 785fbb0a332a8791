"""The views: each request is recorded before anything is answered."""

from __future__ import annotations

import json
from datetime import datetime

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

import journeymap as jm

from .journey import live


@csrf_exempt
@require_POST
def record(request: HttpRequest) -> JsonResponse:
    """Record an interaction; when this answers, it will not be lost."""
    try:
        data = json.loads(request.body)
        happened = jm.Interaction(
            data["customer"], data["touchpoint"], datetime.fromisoformat(data["at"]),
            id=data["id"], source="web", outcome=data.get("outcome"),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, jm.JourneyMapError) as error:
        return JsonResponse({"error": str(error)}, status=422)
    receipt = live.record(happened)
    if receipt.set_aside is not None:
        return JsonResponse({"error": receipt.set_aside}, status=422)
    return JsonResponse(
        {
            "stage": receipt.position and receipt.position.stage,
            "duplicate": receipt.duplicate,
            "news": [str(signal) for signal in receipt.signals],
        }
    )


@require_GET
def position(request: HttpRequest, customer: str) -> JsonResponse:
    """Answer where a customer stands."""
    here = live.position(customer)
    if here is None:
        return JsonResponse({"error": "there is no such customer"}, status=404)
    return JsonResponse({"stage": here.stage, "lap": here.lap, "at": here.at.isoformat()})


@require_GET
def health(request: HttpRequest) -> JsonResponse:
    """Answer whether the store can be reached."""
    try:
        live.stats()
    except jm.StoreError as error:
        return JsonResponse({"store": str(error)}, status=503)
    return JsonResponse({"store": "ok"})
