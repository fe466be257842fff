"""Shows that nothing else happened: compares what each call changed with the declared effects.

references       the values that a reference of the contract stands for in a call
owned_documents  the documents of a check's own subjects, and of a bystander
changes          the differences of two snapshots, and the declared effects that explain them
observer         takes the snapshots around each call
"""

from suites.side_effects.observer import EffectObserver
from suites.side_effects.owned_documents import Subjects

__all__ = ["EffectObserver", "Subjects"]
