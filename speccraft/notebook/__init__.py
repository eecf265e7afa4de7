"""What notebooks call, and commands too: a scenario that plans and builds, a build one can look into; each shows itself as HTML."""

from speccraft.notebook.build import Build, Clip, Difference, ReportPage, open_build
from speccraft.notebook.scenario import OpenScenario, load_scenario, look_ahead, training_work

__all__ = ["Build", "Clip", "Difference", "OpenScenario", "ReportPage", "load_scenario", "look_ahead", "open_build", "training_work"]
