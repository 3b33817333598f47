"""The public network: what `Network` computes, and the means to train and keep it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from mlpcore import training
from mlpcore.network import Network
from mlpcore.training import Callback, Checkpoint, EarlyStopping, History, Optimizer, State
from mlpcore.training.progress import Progress

if TYPE_CHECKING:
    from mlpcore import io


class MLP(Network):
    """A multilayer perceptron, or with ``members=E`` a stack of E of them in the same arrays.

    Each hidden layer is ``a = f(norm(x @ W + b))``, the output layer ``x @ W + b`` gives logits,
    and the output's link turns them into predictions.

    Args:
        sizes: inputs, hidden widths and outputs, such as ``[784, 256, 10]``; a hidden width may be
            a list with one a member, ``[784, [64, 256], 10]``.
        activation: of the hidden layers: one name, or a list with one for each; a NumPy array of
            names gives each member its own. Parameters go in brackets,
            ``"leaky_relu(negative_slope=0.2)"``. See `mlpcore.functions.activations`.
        output: the link: ``"softmax"`` for classes, ``"sigmoid"`` for independent yes or no,
            ``"identity"`` for values, ``"exponential"`` for counts.
        loss: ``"auto"`` takes the link's own; with the identity also ``"absolute_error"`` and
            ``"huber(delta=1.0)"``. Every loss works on the logits.
        init: ``"auto"`` by activation, or a name such as ``"he_normal"`` or ``"normal(std=0.1)"``.
            See `mlpcore.functions.initializers`.
        init_scale: multiplies the initial weights; one number, or an array with one a member.
        normalization: ``None``, ``"batch"`` or ``"layer"``, between affine map and activation;
            ``"layer"`` takes one width for all members.
        dropout: the rate in [0, 1), one number, a list with one a hidden layer, or a NumPy array
            with one a member.
        label_smoothing: in [0, 1), for the softmax; one number, or an array with one a member.
        members: how many networks the stack has, or ``None`` for a single one.
        dtype: ``"float32"`` or ``"float64"``, of every array.
        backend: ``"cpu"``, ``"gpu"``, ``"gpu:1"`` or ``"auto"``; or an array library's namespace.
        precision: what products multiply in: ``"auto"`` is the ``dtype``; of a float32 network on
            a GPU also ``"tf32"``, whose operands are rounded to 10 bits of fraction,
            ``"bfloat16"``, to 7, or ``"float16"``, to 10 in a smaller range, into which gradients
            are scaled; features, activations or weights beyond 65504 become NaN, and training
            diverges. All else is in float32: what the products add up and give, biases,
            activations, normalization, losses, gradients, parameters and updates; and
            `loss_and_gradients` as a whole. Models are saved without it.
        seed: keys every random draw; for a stack also one seed a member, which then draws what a
            single network with that seed draws. ``(seed, member)`` names one member of a stack.

    Where a text holds a number, as in ``"huber(delta=0.5)"``, a list in its place has one value a
    member: ``"huber(delta=[0.5, 1.0])"``.

    Raises:
        ValueError: for impossible sizes, rates or names; the message lists the known ones.

    >>> import numpy as np
    >>> import mlpcore as mc
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> y = np.array([0, 1, 1, 0])
    >>> net = mc.MLP([2, 8, 2], activation="tanh", seed=1)
    >>> history = net.fit(X, y, optimizer=mc.Adam(0.05), epochs=200, progress=False)
    >>> net.predict(X).argmax(axis=-1)
    array([0, 1, 1, 0])
    """

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        optimizer: Optimizer | str | None = None,
        batch_size: int = 256,
        epochs: int = 20,
        shuffle: bool = True,
        sample_weight: Any = None,
        class_weight: Any = None,
        rows: Any = None,
        validation_data: tuple[Any, ...] | None = None,
        validation_rows: Any = None,
        metrics: Iterable[str] = (),
        early_stopping: EarlyStopping | int | None = None,
        callbacks: Iterable[Callback] = (),
        progress: Progress = "auto",
        checkpoint: Checkpoint | str | os.PathLike[str] | None = None,
        state: State | None = None,
        stream: bool | None = None,
    ) -> History:
        """Train in mini-batches.

        Args:
            X: features ``(n, n_features)``; for a stack also ``(E, n, n_features)``.
            y: labels ``(n,)`` from 0, probabilities or values ``(n, n_out)``.
            optimizer: such as ``mc.Adam(1e-3)``, the default, or a name. For a stack every
                hyperparameter may be an array with one value a member.
            batch_size: rows a step; the last batch of an epoch takes what is left.
            epochs: passes over the data.
            shuffle: a new order each epoch, a stack's members each their own.
            sample_weight: not negative, ``(n,)``, or ``(E, n)``; the loss is the weighted mean.
            class_weight: ``"balanced"``, or weights by label.
            rows: row numbers ``(m,)`` of X to train on, for a stack also ``(E, m)``: folds and
                bootstraps over one copy of the data. A row may come more than once.
            validation_data: ``(X, y)`` or ``(X, y, sample_weight)``, measured after each epoch.
            validation_rows: in its place, rows of X as in ``rows``; they keep their sample weights.
            metrics: ``"accuracy"`` or ``"r2"``, on the training and the validation data.
            early_stopping: a patience in epochs, or `mlpcore.EarlyStopping`.
            callbacks: each called with an `mlpcore.Epoch`; ``True`` ends the training.
            progress: a bar always, never, or with ``"auto"`` where somebody watches.
            checkpoint: a directory for the run, or an `mlpcore.Checkpoint`. The same call goes
                on where a run was cut off, in the same bits (on a GPU within rounding); one that
                has ended returns at once.
            state: a `mlpcore.training.State` to go on from, in place of an optimizer; ``epochs``
                more are trained, and the state is where they end.
            stream: of a GPU, leave X in the host's memory, or in the file that it is mapped from,
                and copy the rows of the next batches while it computes; ``None`` does so with an X
                that would take more than half of the device's free memory. Same draws, same bits.

        Returns:
            The `mlpcore.History`. Ctrl-C ends the training and returns the history so far.

        Raises:
            mlpcore.DivergenceError: for a loss or parameters that are no longer finite; the last
                finite parameters are kept. Of a stack, diverged members stop and the rest go on.
            ValueError, TypeError: for data that do not fit; the message names the argument.
        """
        return training.fit(
            self,
            X,
            y,
            optimizer=optimizer,
            batch_size=batch_size,
            epochs=epochs,
            shuffle=shuffle,
            sample_weight=sample_weight,
            class_weight=class_weight,
            rows=rows,
            validation_data=validation_data,
            validation_rows=validation_rows,
            metrics=metrics,
            early_stopping=early_stopping,
            callbacks=callbacks,
            progress=progress,
            checkpoint=checkpoint,
            state=state,
            stream=stream,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to a safetensors file, all that defines it in the metadata."""
        from mlpcore import io

        io.save(self, path)

    def export_onnx(
        self, path: str | os.PathLike[str], preprocessing: io.Preprocessing | None = None
    ) -> None:
        """Write `predict` to an ONNX file, for any length of batch.

        It takes ``X`` and gives ``predictions``, and with a softmax ``labels``. With
        ``preprocessing``, which `mlpcore.io.load_preprocessing` reads from a model of
        ``mlpcore train``, it takes the columns of a table instead and gives the target's own labels
        or unit. See `mlpcore.io.export_onnx`.
        """
        from mlpcore import io

        io.export_onnx(self, path, preprocessing)

    def export_python(
        self, path: str | os.PathLike[str], preprocessing: io.Preprocessing | None = None
    ) -> None:
        """Write `forward` and `predict` to one Python file that needs nothing but NumPy.

        With ``preprocessing`` the file has ``predict_table`` too. See `mlpcore.io.export_python`.
        """
        from mlpcore import io

        io.export_python(self, path, preprocessing)

    def torch_state_dict(self) -> dict[str, np.ndarray]:
        """Parameters and running statistics by the names of a ``torch.nn.Sequential``.

        ``module.load_state_dict({name: torch.from_numpy(a) for name, a in state.items()})`` takes
        them over. See `mlpcore.io.torch_state_dict` for the layers.
        """
        from mlpcore import io

        return io.torch_state_dict(self)

    def load_torch_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the parameters and running statistics of such a ``torch.nn.Sequential``."""
        from mlpcore import io

        io.load_torch_state_dict(self, state)

    @classmethod
    def load(cls, path: str | os.PathLike[str], backend: Any = "cpu") -> Self:
        """Read a network back, onto any backend; no code in the file is ever run."""
        from mlpcore import io

        network: Self = io.load(cls, path, backend)
        return network


def load(path: str | os.PathLike[str], backend: Any = "cpu") -> MLP:
    """Read a network from a file that `MLP.save` wrote."""
    return MLP.load(path, backend)
