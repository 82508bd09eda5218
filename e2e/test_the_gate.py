"""The last test of a whole run: all scenarios of the table ran, in every browser named there."""

from __future__ import annotations

import pytest

from e2e.beside import alone
from e2e.gate import Gate


@alone
def test_every_scenario_has_passed_in_its_browsers_and_told_its_faults_and_effects(
    request: pytest.FixtureRequest,
) -> None:
    gate = request.config.pluginmanager.get_plugin("weft-gate")
    assert isinstance(gate, Gate)
    assert not (complaints := gate.complaints()), "\n".join(complaints)
