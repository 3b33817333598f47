"""What each kernel takes: arrays and their axes, parameters, scratch, and the launches it needs."""

from __future__ import annotations

from dataclasses import dataclass

#: Activations by the name of the primitive, and the functor of each in kernels/include.
ACTIVATIONS = {
    "identity": "Identity",
    "step": "Step",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "relu": "Relu",
    "leaky_relu": "LeakyRelu",
    "elu": "Elu",
    "selu": "Selu",
    "gelu": "Gelu",
    "gelu_tanh": "GeluTanh",
    "silu": "Silu",
    "mish": "Mish",
    "softplus": "Softplus",
    "hard_sigmoid": "HardSigmoid",
    "hard_tanh": "HardTanh",
    "exponential": "Exponential",
}
#: Update rules likewise.
UPDATES = {
    "sgd": "Sgd",
    "momentum": "Momentum",
    "nesterov": "Nesterov",
    "rmsprop": "Rmsprop",
    "adagrad": "Adagrad",
    "adam": "Adam",
}


@dataclass(frozen=True)
class Slot:
    """A place for an array.

    Attributes:
        name: of the argument.
        axes: its trailing axes by name; ``*`` for any shape.
        kind: ``""`` the storage type for matrices and the computing one for anything less, ``#``
            int64, ``~`` any type, ``!`` the storage type, ``@`` a matrix or labels, ``=`` the
            computing type, ``^`` the storage type in integers of its size.
        optional: may be ``None``.
        absent: the kernel has a place here which this signature leaves empty.
    """

    name: str
    axes: tuple[str, ...] = ()
    kind: str = ""
    optional: bool = False
    absent: bool = False

    @property
    def matrix(self) -> bool:
        """Whether it is stored in the storage type."""
        if self.kind == "=":
            return False
        return self.axes == ("*",) or len(self.axes) == 2 or self.kind in ("~", "!")


@dataclass(frozen=True)
class Option:
    """A parameter: a real number, or an integer (``#``); ``None`` stands for the largest."""

    name: str
    integer: bool
    default: float | None


@dataclass(frozen=True)
class Stage:
    """One launch: how the threads share the work, the kernel, and the file that it is in."""

    share: str
    kernel: str
    file: str


@dataclass(frozen=True)
class Signature:
    """All that a call of a kernel is checked against.

    Attributes:
        merges: one member after another may be taken as one long member.
        guarded: in a plan it leaves the members alone that have stopped.
        storage: the storage type, where no array tells it.
        rows, columns: the axes that the kernel calls rows and columns.
    """

    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]
    options: tuple[Option, ...]
    scratch: tuple[str, ...]
    stages: tuple[Stage, ...]
    merges: bool = False
    guarded: bool = False
    storage: str = ""
    rows: str = "n"
    columns: str = "k"


def _slots(text: str) -> tuple[Slot, ...]:
    return tuple(map(_slot, text.split()))


def _slot(text: str) -> Slot:
    if text == "-":
        return Slot(text, absent=True)
    name, _, axes = text.partition(":")
    kind = next((mark for mark in "#~!@=^" if mark in axes), "")
    names = tuple(axis for axis in axes.rstrip("#~!@=^?").split(",") if axis)
    return Slot(name, names, kind, axes.endswith("?"))


def _option(text: str) -> Option:
    name, _, default = text.partition("=")
    number = None if not default else float("inf") if default == "none" else float(default)
    return Option(name.rstrip("#"), name.endswith("#"), number)


def _stage(text: str, file: str) -> Stage:
    share, kernel = text.split()
    elsewhere, _, name = kernel.rpartition("/")
    return Stage(share, name, elsewhere or file)


def _signature(
    file: str,
    arrays: str,
    stages: str,
    *,
    options: str = "",
    scratch: str = "",
    merges: bool = False,
    guarded: bool = False,
    storage: str = "",
    rows: str = "n",
    columns: str = "k",
) -> Signature:
    """``arrays`` is ``"inputs -> outputs"``, ``stages`` launches with commas between."""
    inputs, _, outputs = arrays.partition("->")
    return Signature(
        _slots(inputs),
        _slots(outputs),
        tuple(map(_option, options.split())),
        tuple(scratch.split()),
        tuple(_stage(stage, file) for stage in stages.split(",")),
        merges,
        guarded,
        storage,
        rows,
        columns,
    )


def _activations() -> dict[str, Signature]:
    found = {}
    own = {"leaky_relu": "negative_slope=0.01", "elu": "alpha=1"}
    for name in ACTIVATIONS:
        options, back = own.get(name, ""), f"{name}_backward"

        def signature(
            arrays: str, stages: str, scratch: str = "", merges: bool = True, options: str = options
        ) -> Signature:
            return _signature(
                "activations", arrays, stages, options=options, scratch=scratch, merges=merges
            )

        found[name] = signature("x:* - -> y:* -", f"columns {name}")
        found[back] = signature("dy:* x:*? y:*? -> dx:* -", f"columns {back}")
        found[f"bias_{name}"] = signature(
            "x:n,k bias:k -> y:n,k sum:n,k?", f"columns {name}", merges=False
        )
        found[f"{back}_bias"] = signature(
            "dy:n,k x:n,k? y:n,k? -> dx:n,k db:k",
            f"parts {back}, join columns/activation_backward_total",
            "sums",
            merges=False,
        )
    return found


def _rows() -> dict[str, Signature]:
    def signature(name: str, arrays: str) -> Signature:
        return _signature("softmax", arrays, f"rows {name}", merges=True)

    found = {}
    for name in ("softmax", "log_softmax"):
        back = f"{name}_backward"
        found[name] = signature(name, "x:n,k -> y:n,k")
        found[back] = signature(back, "dy:n,k x:n,k? y:n,k -> dx:n,k")
    found["logsumexp"] = signature("logsumexp", "x:n,k -> y:n")
    back = "logsumexp_backward"
    found[back] = signature(back, "dy:n x:n,k y:n? -> dx:n,k")
    return found


def _losses() -> dict[str, Signature]:
    found = {}
    own = {"softmax_cross_entropy": "label_smoothing=0", "huber": "delta=1"}
    names = ("squared_error", "absolute_error", "huber", "poisson_nll")
    for name in (*own, "sigmoid_binary_cross_entropy", *names):
        softmax = name == "softmax_cross_entropy"
        target, share = ("target:n,k@", "rows") if softmax else ("target:n,k", "columns")
        for ending, outputs in {
            "": "loss: -",
            "_gradient": "- dz:n,k",
            "_value_and_gradient": "loss: dz:n,k",
        }.items():
            found[name + ending] = _signature(
                "losses",
                f"z:n,k {target} sample_weight:n? -> {outputs}",
                f"weights loss_weights, {share} {name}, total loss_total",
                options=own.get(name, ""),
                scratch="shares weights",
            )
    return found


def _normalizations() -> dict[str, Signature]:
    def signature(arrays: str, stages: str, scratch: str = "") -> Signature:
        return _signature("normalization", arrays, stages, options="epsilon=1e-5", scratch=scratch)

    given = "dy:n,k x:n,k gamma:k mean:{0} variance:{0} -> dx:n,k dgamma:k dbeta:k"
    return {
        "normalize": signature(
            "x:n,k gamma:k beta:k mean:k variance:k -> y:n,k", "columns normalize"
        ),
        "batch_norm": signature(
            "x:n,k gamma:k beta:k -> y:n,k mean:k variance:k",
            "parts batch_norm_statistics, join batch_norm_statistics_total, columns batch_norm",
            "sums sums",
        ),
        "batch_norm_backward": signature(
            given.format("k"),
            "parts batch_norm_backward_sums, "
            "join columns/norm_backward_total, columns batch_norm_backward",
            "sums sums",
        ),
        "layer_norm": signature(
            "x:n,k gamma:k beta:k -> y:n,k mean:n variance:n", "rows layer_norm"
        ),
        "layer_norm_backward": signature(
            given.format("n"),
            "parts layer_norm_backward_sums, "
            "join columns/norm_backward_total, rows layer_norm_backward",
            "sums sums",
        ),
    }


def _updates() -> dict[str, Signature]:
    shared = "learning_rate step=1 l2=0 weight_decay=0 clip_value=none clip_norm=none"
    own = {
        "sgd": (0, ""),
        "momentum": (1, "momentum=0.9"),
        "nesterov": (1, "momentum=0.9"),
        "rmsprop": (1, "rho=0.9 epsilon=1e-8"),
        "adagrad": (1, "epsilon=1e-10"),
        "adam": (2, "beta1=0.9 beta2=0.999 epsilon=1e-8"),
    }
    found = {}
    for name, (states, options) in own.items():
        state = " ".join([f"state{i}:p" for i in range(states)] + ["-"] * (2 - states))
        found[name] = _signature(
            "updates",
            f"theta:p g:p mask:p? norm:? {state} -> theta:p {state} copy:p!?",
            f"flat {name}",
            options=f"{shared} {options}",
            guarded=True,
            rows="p",
            columns="",
        )
    return found


#: By the name of the primitive, and of what is fused beyond one.
SIGNATURES: dict[str, Signature] = {
    **_activations(),
    **_rows(),
    **_losses(),
    **_normalizations(),
    **_updates(),
    "gradient_norm": _signature(
        "updates",
        "g:p theta:p mask:p? -> norm:",
        "flat gradient_norm, total gradient_norm_total",
        options="l2=0 clip_value=none",
        scratch="squares",
        rows="p",
        columns="",
    ),
    "affine_bias_gradient": _signature(
        "columns",
        "dz:n,k -> db:k",
        "parts affine_bias_gradient, join affine_bias_gradient_total",
        scratch="sums",
    ),
    "running_average": _signature(
        "normalization",
        "running:n value:n -> average:n",
        "flat running_average",
        options="momentum=0.1 scale=1",
        guarded=True,
        columns="",
    ),
    "dropout": _signature(
        "dropout",
        "x:n,k -> y:n,k",
        "flat dropout",
        options="rate seed# member#=0 step# layer#=0 width#=none",
    ),
    "mask_columns": _signature("dropout", "x:n,k -> y:n,k", "flat mask_columns", options="width#"),
    "activation_by_member": _signature(
        "by_member", "x:n,k -> y:n,k", "flat activation_by_member", options="choice# parameter=0"
    ),
    "activation_by_member_backward": _signature(
        "by_member",
        "dy:n,k x:n,k y:n,k -> dx:n,k",
        "flat activation_by_member_backward",
        options="choice# parameter=0",
    ),
    "gather_rows": _signature("gather", "x:N,k~ index:n# -> y:n,k~", "columns gather_rows"),
    "gather_values": _signature(
        "gather", "x:N~ index:n# -> y:n~", "columns gather_rows", columns=""
    ),
    "to_bfloat16": _signature("cast", "x:n,k= - - -> - y:n,k^", "columns cast", storage="bf16"),
    "to_float16": _signature("cast", "x:n,k= - - -> - y:n,k^", "columns cast", storage="f16"),
    "to_scaled_float16": _signature(
        "cast",
        "x:n,k= - - -> scale: y:n,k^",
        "flat largest, total scale, columns cast",
        scratch="shares",
        storage="f16",
    ),
    "unscale": _signature("cast", "x:n,k scale: -> y:n,k", "flat unscale"),
    "stop_if_not_finite": _signature(
        "plan", "loss: -> live:# stopped:#", "once stop_if_not_finite", rows="", columns=""
    ),
    "next_step": _signature("plan", "-> step:~", "once next_step", rows="", columns=""),
}
