"""Decide what will be done: a scenario and its rows become a plan, and a plan says what there is, what is missing and what it costs."""

from speccraft.plan.fates import Admitted, Plan, TurnedAway, conditions, language_of, plan
from speccraft.plan.read import day, plan_of

__all__ = ["Admitted", "Plan", "TurnedAway", "conditions", "day", "language_of", "plan", "plan_of"]
