"""Estimators for scikit-learn: its own interface, trained by mlpcore.

Change one line, ``from sklearn.neural_network import MLPClassifier``, to get all of it. This is the
only part of mlpcore that imports scikit-learn.
"""

from mlpcore.backend.extras import require

require("sklearn", "sklearn")

from mlpcore.sklearn.classifier import MLPClassifier  # noqa: E402 (the error names the extra)
from mlpcore.sklearn.regressor import MLPRegressor  # noqa: E402
from mlpcore.sklearn.search import StackedSearchCV  # noqa: E402

__all__ = ["MLPClassifier", "MLPRegressor", "StackedSearchCV"]
