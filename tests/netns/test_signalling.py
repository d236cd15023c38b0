# SPDX-License-Identifier: BSD-2-Clause
"""The verdict on every Mobility Header that was captured in the whole run;
runs last."""
import os

import pytest

from lib import capture


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
