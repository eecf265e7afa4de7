from __future__ import annotations

import subprocess
import sys

import pytest


def test_importing_the_trainer_entry_points_loads_no_heavy_library_and_sets_nothing() -> None:
    code = (
        "import os, sys; before = dict(os.environ); import speccraft.trainer.run, speccraft.trainer.generate;"
        "heavy = {'torch', 'transformers', 'trl', 'lhotse'} & set(sys.modules); print(sorted(heavy), before == dict(os.environ))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[] True"


def test_going_offline_reaches_the_hub_client() -> None:
    code = (
        "from speccraft.trainer.offline import go_offline; go_offline();"
        "import huggingface_hub.constants as hub; print(hub.HF_HUB_OFFLINE, hub.HF_HUB_DISABLE_TELEMETRY)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == ["True", "True"]


@pytest.mark.slow
def test_the_core_needs_neither_trl_nor_lhotse() -> None:
    code = (
        "import sys, speccraft.trainer.model, speccraft.trainer.batch, speccraft.trainer.features;"
        "print(sorted({'trl', 'lhotse', 'peft', 'datasets'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
