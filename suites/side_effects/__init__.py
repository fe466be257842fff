"""Compares the changes that each request makes in the database with the effects in the contract.

references       finds the values that a reference of the contract stands for
owned_documents  reads the documents of a check's users and products, and of a bystander
changes          compares two snapshots, and finds changes that no declared effect explains
observer         takes a snapshot before and after each request
"""

from suites.side_effects.observer import EffectObserver
from suites.side_effects.owned_documents import Subjects

__all__ = ["EffectObserver", "Subjects"]
