"""A model as it is given: what stands in the way of reading it, in words and with what to do."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedTensorMixin
from torch.nn.utils.prune import BasePruningMethod
from torch.overrides import TorchFunctionMode

_LEAVING = ("numpy", "__array__", "tolist")
_DECIDING = ("item", "__bool__", "__int__", "__float__", "__index__")
_LOOPING = ("unbind", "__iter__", "split", "chunk")
_RANDOM = [
    "rand",
    "randn",
    "randint",
    "randperm",
    "rand_like",
    "randn_like",
    "randint_like",
    "bernoulli",
    "bernoulli_",
    "multinomial",
    "normal",
    "normal_",
    "uniform_",
    "random_",
    "exponential_",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "alpha_dropout",
    "feature_alpha_dropout",
    "rrelu",
    "gumbel_softmax",
    "poisson",
]


class Witness(TorchFunctionMode):
    """What a forward calls while it runs: names of PyTorch's functions, and whether autocast was on."""

    def __init__(self):
        super().__init__()
        self.names: set[str] = set()
        self.autocast = False

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.names.add(getattr(func, "__name__", ""))
        self.autocast |= torch.is_autocast_enabled("cpu")
        return func(*args, **(kwargs or {}))

    def met(self, names) -> str:
        """The first of these that was called."""
        return next((name for name in names if name in self.names), "")


def check_given(model: nn.Module) -> None:
    """Raises ValueError for wrapped, compiled, scripted and quantized models, and for weights that cannot be used."""
    _check_kind(model)
    for name, module in model.named_modules():
        where = f"its part {name}" if name else "the model"
        own = f"model.{name}" if name else "model"
        if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            kind = type(module).__name__
            raise ValueError(f"{where} is wrapped in nn.{kind}: give what is inside, {own}.module.")
        if hasattr(module, "_orig_mod"):
            raise ValueError(f"{where} is compiled (torch.compile): give the eager model inside, {own}._orig_mod.")
        if getattr(module, "_compiled_call_impl", None) is not None:
            raise ValueError(
                f"{where} was compiled in place ({own}.compile()): give the eager model, without that call."
            )
        if ".quantized" in type(module).__module__ or hasattr(module, "_packed_params"):
            raise ValueError(
                f"{where} is quantized to int8 ({type(module).__name__}): exits are trained on the float32 model; give that "
                "one, and quantize the early-exit network afterwards."
            )
    _check_weights(model)


def _check_kind(model: nn.Module) -> None:
    if isinstance(model, torch.jit.ScriptModule):
        how = "traced" if isinstance(model, torch.jit.TopLevelTracedModule) else "scripted"
        raise ValueError(
            f"the model is {how} (torch.jit): it has no Python forward in which exits can be placed. Give the eager "
            "model that it was made from; its weights are in scripted.state_dict()."
        )


def _check_weights(model: nn.Module) -> None:
    parameters = {id(p) for p in model.parameters()}
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if isinstance(tensor, UninitializedTensorMixin):
            raise ValueError(f"{name} has no size yet (a lazy layer): run the model once on a sample first.")
        if tensor.device.type != "cpu":
            raise ValueError(f"{name} lies on {tensor.device}: exits are trained on the CPU; call model.cpu() first.")
        weight = id(tensor) in parameters
        if not (tensor.is_floating_point() or tensor.is_complex()):
            continue
        kind = str(tensor.dtype).removeprefix("torch.")
        if weight and tensor.dtype != torch.float32:
            raise ValueError(f"{name} is {kind}: exits are trained in float32; call model.float() first.")
        wrong = tensor.isnan() if not weight else ~torch.isfinite(tensor)
        if bool(wrong.any()):
            raise ValueError(
                f"{name} holds {int(wrong.sum())} values that are NaN{' or infinite' if weight else ''}: the model cannot "
                "answer. Was its training diverging, or the checkpoint damaged?"
            )


def check_mode(model: nn.Module) -> None:
    """Raises ValueError when the model or a part of it is in training mode."""
    training = [name or "the model itself" for name, module in model.named_modules() if module.training]
    if training:
        raise ValueError(
            f"the model is in training mode ({training[0]}): call model.eval() first, so that batch norm and dropout "
            "answer as they will in use."
        )


def check_inputs(model: nn.Module) -> None:
    """Raises ValueError when the model's forward needs more than one input."""
    parameters = inspect.signature(model.forward).parameters.values()
    needed = [
        p.name for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    needed += [p.name for p in parameters if p.default is p.empty and p.kind is p.KEYWORD_ONLY]
    if len(needed) > 1:
        raise ValueError(
            f"the model takes several inputs ({', '.join(needed)}): fold them into one tensor, for example as extra "
            "channels, and split it inside forward."
        )


def check_example(example: Tensor) -> None:
    """Raises ValueError for prepared samples of floats other than float32."""
    if example.is_floating_point() and example.dtype != torch.float32:
        kind = str(example.dtype).removeprefix("torch.")
        raise ValueError(f"the prepared samples are {kind}: exits are trained in float32; let prepare end in .float().")


def unread(witness: Witness, first: Exception, second: Exception) -> str:
    """Why a graph cannot be read, of what its two readers say and what the forward was seen to call."""
    text, place = f"{first} {second}", _place(first)
    if name := witness.met(_LEAVING):
        reason = (
            f"its forward leaves PyTorch for NumPy or Python ({name}){place}: what is computed there is in no graph. Write it "
            "with PyTorch's functions."
        )
    elif "cannot be iterated" in str(first) and witness.met(_LOOPING) and not witness.met(_DECIDING):
        reason = (
            f"its forward loops over a tensor, such as the samples of a batch{place}, so that every batch size is another "
            "graph. Write the step for all samples at once."
        )
    elif witness.met(_DECIDING) or "control flow" in text or "data-dependent" in text.lower():
        reason = (
            f"its forward takes decisions from the values it computes (data-dependent control flow){place}, so there is no "
            "one graph to place exits in. Write the decision with torch.where, or augment the part before it."
        )
    else:
        reason = f"torch.fx says{place}: {_first_line(first)} torch.export says: {_first_line(second)}"
    return f"the model's graph cannot be read: {reason}"


def _place(error: Exception) -> str:
    """The model's own line that the reader stumbled over."""
    found, step = "", (error.__cause__ or error).__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        file = code.co_filename.replace("\\", "/")
        if not any(part in file for part in ("/torch/", "eeviz/nn/augment/", "<eval")):
            found = f" in {code.co_name}, line {step.tb_lineno}"
        step = step.tb_next
    return found


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]


def check_steady(model: nn.Module, witness: Witness, x: Tensor) -> None:
    """Raises ValueError, naming the cause, for a model that answers the same samples x otherwise when called again."""
    with torch.no_grad():
        one, two = model(x.clone()), model(x.clone())
    if not bool(one.isfinite().all()):
        raise ValueError(
            f"the model answers {int((~one.isfinite()).sum())} values that are NaN or infinite on real samples."
        )
    if not torch.equal(one, two):
        name = witness.met(_RANDOM)
        why = f"its forward is random ({name}), even in evaluation mode" if name else "it keeps state between calls"
        raise ValueError(f"the model answers the same samples otherwise when called again: {why}.")


def differing(witness: Witness, batch: int, worst: float) -> str:
    """Why segments do not give a model's own logits."""
    text = f"the model's segments do not give its own logits (they differ by up to {worst:.2g} at a batch of {batch}): "
    if witness.autocast:
        return text + (
            "its forward switches autocast on, which no graph holds. Take it out of the forward: exits are trained in float32."
        )
    return text + (
        "its forward does something that the graph does not hold, as a decision in Python, a tensor kept from another call or "
        "a function of another library does."
    )


@contextmanager
def unhooked(model: nn.Module) -> Iterator[None]:
    """Within, the model runs without the forward hooks that its user set; those that compute weights stay."""
    taken = []
    for module in model.modules():
        for hooks in (module._forward_hooks, module._forward_pre_hooks):
            if any(_foreign(hook) for hook in hooks.values()):
                taken.append((hooks, dict(hooks)))
                for key in [key for key, hook in hooks.items() if _foreign(hook)]:
                    del hooks[key]
    try:
        yield
    finally:
        for hooks, before in taken:
            hooks.clear()
            hooks.update(before)


def _foreign(hook: Any) -> bool:
    """Not one of torch.nn.utils, which compute weights before each call (weight_norm, spectral_norm, pruning)."""
    ours = str(getattr(type(hook), "__module__", "")).startswith("torch.nn.utils")
    return not ours and not isinstance(hook, BasePruningMethod)


def bare(module: nn.Module) -> nn.Module:
    """The same layer, with the same weights, without its user's forward hooks."""
    hooks = {"_forward_hooks": module._forward_hooks, "_forward_pre_hooks": module._forward_pre_hooks}
    if isinstance(module, torch.jit.ScriptModule) or not any(
        _foreign(h) for held in hooks.values() for h in held.values()
    ):
        return module
    made = module.__new__(type(module))
    made.__dict__.update(module.__dict__)
    for name, held in hooks.items():
        made.__dict__[name] = type(held)((key, hook) for key, hook in held.items() if not _foreign(hook))
    return made


@contextmanager
def remembering(model: nn.Module) -> Iterator[None]:
    """Within, hooks may collect; afterwards their lists and dictionaries are as they were."""
    held = []
    for module in model.modules():
        for hook in (*module._forward_hooks.values(), *module._forward_pre_hooks.values()):
            held += [value for value in _reached(hook) if isinstance(value, (list, dict, set))]
    before = [type(value)(value) if type(value) in (list, dict, set) else value.copy() for value in held]
    try:
        yield
    finally:
        for value, old in zip(held, before, strict=True):
            value.clear()
            (value.extend if isinstance(value, list) else value.update)(old)


def _reached(hook: Any) -> list:
    """What a hook can write to: what it closes over, its defaults, the globals it names, and its object's attributes."""
    function = getattr(hook, "func", hook)
    reached = [*getattr(hook, "args", ()), *(getattr(hook, "keywords", None) or {}).values()]
    owner = getattr(function, "__self__", None) or (function if not inspect.isroutine(function) else None)
    function = getattr(function, "__func__", function)
    reached += [cell.cell_contents for cell in getattr(function, "__closure__", None) or () if _filled(cell)]
    reached += getattr(function, "__defaults__", None) or ()
    code, names = getattr(function, "__code__", None), getattr(function, "__globals__", {})
    reached += [names[name] for name in code.co_names if name in names] if code else []
    for value in [owner, *reached]:
        if hasattr(value, "__dict__") and not inspect.ismodule(value) and not inspect.isclass(value):
            reached += [value.__dict__] if not isinstance(value, nn.Module) else []
            reached += list(value.__dict__.values())
    unique = {id(value): value for value in reached if value is not None}
    return list(unique.values())


def _filled(cell) -> bool:
    try:
        cell.cell_contents  # noqa: B018  raises when nothing is in it
    except ValueError:
        return False
    return True
