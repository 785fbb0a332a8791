"""What pm4py's alignments of some walks with a sequence cost; an oracle for our matcher."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta

import pandas as pd
import pm4py
from pm4py.objects.petri_net.obj import Marking, PetriNet
from pm4py.objects.petri_net.utils.petri_utils import add_arc_from_to

given = json.load(sys.stdin)
net = PetriNet("plan")
places = [PetriNet.Place(f"p{i}") for i in range(len(given["plan"]) + 1)]
net.places.update(places)
for i, name in enumerate(given["plan"]):
    step = PetriNet.Transition(f"t{i}", name)
    net.transitions.add(step)
    add_arc_from_to(places[i], step, net)
    add_arc_from_to(step, places[i + 1], net)
begin = datetime(2026, 1, 1, tzinfo=UTC)
rows = [
    {
        "case:concept:name": f"{i:06}",
        "concept:name": name,
        "time:timestamp": begin + timedelta(0, j),
    }
    for i, walk in enumerate(given["walks"])
    for j, name in enumerate(walk)
]
frame = pm4py.format_dataframe(pd.DataFrame(rows))
found = pm4py.conformance_diagnostics_alignments(
    frame, net, Marking({places[0]: 1}), Marking({places[-1]: 1})
)
# The cost of an alignment is 10,000 for each departure, and 1 for each step without a name.
print(json.dumps([one["cost"] // 10_000 for one in found]))
