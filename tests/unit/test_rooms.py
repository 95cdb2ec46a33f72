"""The plan of the package: which room may import which, held against the imports themselves."""

from __future__ import annotations

from graphlib import TopologicalSorter

import grimp
import pytest

# From the ground up. A room imports rooms of lower floors only, never one beside it.
FLOORS = (
    ("errors", "keys", "records"),
    ("methods",),
    ("presets", "io"),
    ("cli", "sheet"),
    ("slices", "nn"),
    ("clustering", "scores"),
    ("cohorts",),
    ("histology",),
    ("stmfg", "multist", "spahgc", "figures"),
    ("regions", "characterise"),
    ("report", "results", "explore", "exports"),
    ("synthetic",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


@pytest.fixture(scope="module")
def imports():
    """Every import of the package, also those inside functions and for type checkers."""
    return grimp.build_graph("tissuegraph", include_external_packages=True, cache_dir=None)


def room_of(module: str) -> str:
    return module.split(".")[1]


def own_modules(imports) -> list[str]:
    return sorted(module for module in imports.modules if module.startswith("tissuegraph."))


def test_every_room_has_a_floor(imports):
    assert {room_of(module) for module in own_modules(imports)} == set(FLOOR)


def test_rooms_import_only_rooms_of_lower_floors(imports):
    wrong = [
        f"{importer} -> {imported}"
        for importer in own_modules(imports)
        for imported in imports.find_modules_directly_imported_by(importer)
        if imported.startswith("tissuegraph.")
        and room_of(importer) != room_of(imported)
        and FLOOR[room_of(imported)] >= FLOOR[room_of(importer)]
    ]
    assert not wrong


def test_no_module_imports_itself_in_a_circle(imports):
    arrows = {module: imports.find_modules_directly_imported_by(module) for module in own_modules(imports)}
    list(TopologicalSorter(arrows).static_order())  # raises CycleError that names the circle


@pytest.mark.parametrize("room", ["report", "figures", "sheet", "io", "presets", "methods"])
def test_rooms_that_need_no_network_reach_no_torch(imports, room):
    heavy = [name for name in ("torch", "torch_geometric") if name in imports.modules]
    assert heavy
    reached = [
        module
        for module in own_modules(imports)
        if room_of(module) == room and any(name in imports.find_upstream_modules(module) for name in heavy)
    ]
    assert not reached
