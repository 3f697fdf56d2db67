# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures for namespace tests: `lab` is a fresh Lab; `started` is one with sockwarden running; `engine` is a stand-in."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from lab import Lab  # noqa: E402
from offline import Engine  # noqa: E402


@pytest.fixture
def lab():
    with Lab() as the_lab:
        yield the_lab


@pytest.fixture
def started():
    with Lab() as the_lab:
        the_lab.start()
        yield the_lab


@pytest.fixture
def engine(tmp_path):
    with Engine(tmp_path) as the_engine:
        yield the_engine
