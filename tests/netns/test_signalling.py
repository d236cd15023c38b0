# SPDX-License-Identifier: BSD-2-Clause
"""The verdict on every Mobility Header that was captured in the whole run;
runs last."""
import os

import pytest

from lib import capture, esp


@pytest.fixture
def evidence():
    if not os.path.exists(capture.EVIDENCE):
        pytest.skip("no test of this run has captured any signalling")
    return capture.EVIDENCE


def test_tshark_finds_no_fault(evidence):
    capture.assert_well_formed(evidence)


def test_scapy_verifies_every_checksum(evidence):
    n = capture.assert_checksums(evidence)
    print(f"{n} messages verified")
    assert n > 0


@pytest.mark.skipif(not esp.ON, reason="runs with protection")
def test_nothing_in_the_clear(evidence):
    """D4-1, D4-3, D6.10-9, D10-1, D10-3: not one Mobility Header in any capture of the
    run on a link of the core, but for those that a test put there itself."""
    print(capture.CLEAR)
    assert capture.CLEAR and not any(capture.CLEAR.values())
