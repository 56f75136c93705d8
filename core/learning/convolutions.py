"""Convolutions whose gradients are quick on a processor, and batch norm that costs nothing where it is frozen.

The sums are those of torch's own convolutions. Weights and their names stay, so checkpoints and bundles do too.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn
from torch.nn import functional

SLOW_KERNEL = 5  # from this side on the gradient of bfloat16 weights takes three times as long as that of float32


class Convolution(nn.Conv2d):
    """A square convolution with padding of its own on each edge; `norm`, where there is one, is folded into it."""

    def __init__(self, conv: nn.Conv2d, edges: tuple[int, int, int, int] = (0, 0, 0, 0)) -> None:
        """Shares the weight of `conv`; `edges` are points of padding left, right, above, below instead of its own."""
        kernel, stride, padding = conv.kernel_size[0], conv.stride[0], 0 if any(edges) else int(conv.padding[0])
        super().__init__(
            conv.in_channels, conv.out_channels, kernel, stride, padding, groups=conv.groups, bias=conv.bias is not None
        )
        self.weight, self.bias, self.edges = conv.weight, conv.bias, edges
        self._norm: list[nn.BatchNorm2d] = []  # in a list, because it is no part of this module

    def fold(self, norm: nn.BatchNorm2d) -> None:
        """Applies that norm, with the statistics it has, from now on."""
        self._norm = [norm]

    def forward(self, input: Tensor) -> Tensor:
        weight, bias = self._folded()
        if torch.onnx.is_in_onnx_export():
            return cast(Tensor, _Padded.apply(input, weight, bias, self))
        if any(self.edges):
            input = functional.pad(input, self.edges)
        stride, padding = self.stride[0], int(self.padding[0])
        # Elsewhere than on the processor torch's own gradients are quick.
        if self.groups == self.in_channels > 1 and input.device.type == "cpu" and torch.is_grad_enabled():
            if torch.is_autocast_enabled("cpu"):
                kind = torch.get_autocast_dtype("cpu")
                input, weight = input.to(kind), weight.to(kind)
                bias = None if bias is None else bias.to(kind)
            return cast(Tensor, _Depthwise.apply(input, weight, bias, stride, padding))
        return functional.conv2d(input, weight, bias, stride, padding, 1, self.groups)

    def _folded(self) -> tuple[Tensor, Tensor | None]:
        if not self._norm:
            return self.weight, self.bias
        (norm,) = self._norm
        assert norm.running_mean is not None and norm.running_var is not None
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        return self.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale


class _Padded(torch.autograd.Function):
    """How the tracer sees a Convolution: one Conv node, whose padding may be uneven, which torch's own cannot have."""

    @staticmethod
    def forward(ctx: Any, pixels: Tensor, weight: Tensor, bias: Tensor | None, conv: Convolution) -> Tensor:
        padded = functional.pad(pixels, conv.edges)
        return functional.conv2d(padded, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)

    @staticmethod
    def symbolic(g: Any, pixels: Any, weight: Any, bias: Any, conv: Convolution) -> Any:
        left, right, top, bottom = (edge + int(conv.padding[0]) for edge in conv.edges)
        return g.op(
            "Conv",
            *(part for part in (pixels, weight, bias) if part is not None),
            kernel_shape_i=conv.kernel_size,
            strides_i=conv.stride,
            dilations_i=conv.dilation,
            group_i=conv.groups,
            pads_i=(top, left, bottom, right),
        )


class _Depthwise(torch.autograd.Function):
    """A convolution of each channel by itself. Measured on a processor with AVX-512, torch 2.14:

    the gradient of the inputs under a stride of 2 takes 2 to 30 times as long as the same sum written as a convolution
    of stride 1 over gradients with zeros between them; that of bfloat16 weights see SLOW_KERNEL.
    """

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        ctx.stride, ctx.padding, ctx.has_bias = stride, padding, bias is not None
        return functional.conv2d(inputs, weight, bias, stride, padding, 1, len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None, None]:
        (gradient,), (inputs, weight) = gradients, ctx.saved_tensors
        of_inputs = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            of_inputs = _inputs_gradient(gradient, inputs, weight, ctx.stride, ctx.padding)
        if ctx.needs_input_grad[1]:
            of_weight = _weight_gradient(gradient, inputs, weight, ctx.stride, ctx.padding)
        if ctx.has_bias and ctx.needs_input_grad[2]:
            of_bias = gradient.sum((0, 2, 3))
        return of_inputs, of_weight, of_bias, None, None


def _inputs_gradient(gradient: Tensor, inputs: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    kernel = weight.shape[2]
    if stride == 1:
        return _backward(gradient, inputs, weight, stride, padding, (True, False, False))[0]
    sizes = [side + 2 * padding - kernel + 1 for side in inputs.shape[2:]]  # of the output at a stride of 1
    layout = torch.channels_last if inputs.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
    apart = torch.empty((*gradient.shape[:2], *sizes), dtype=gradient.dtype, memory_format=layout).zero_()
    apart[:, :, ::stride, ::stride] = gradient
    return functional.conv2d(apart, weight.flip(2, 3), None, 1, kernel - 1 - padding, 1, len(weight))


def _weight_gradient(gradient: Tensor, inputs: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    kind = weight.dtype
    if weight.shape[2] >= SLOW_KERNEL and kind is torch.bfloat16:
        gradient, inputs, weight = gradient.float(), inputs.float(), weight.float()
    return _backward(gradient, inputs, weight, stride, padding, (False, True, False))[1].to(kind)


def _backward(
    gradient: Tensor, inputs: Tensor, weight: Tensor, stride: int, padding: int, wanted: tuple[bool, bool, bool]
) -> tuple[Tensor, Tensor, Tensor]:
    return cast(
        "tuple[Tensor, Tensor, Tensor]",
        torch.ops.aten.convolution_backward(
            gradient,
            inputs,
            weight,
            None,
            [stride] * 2,
            [padding] * 2,
            [1, 1],
            False,
            [0, 0],
            len(weight),
            list(wanted),
        ),
    )


class _Applied(BatchNormAct2d):
    """A norm that the convolution before it has applied already: only its activation is left. Keeps its weights."""

    def __init__(self, norm: BatchNormAct2d) -> None:
        super().__init__(norm.num_features, eps=norm.eps, apply_act=False)
        self.load_state_dict(norm.state_dict())
        self.drop, self.act = norm.drop, norm.act

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.act(self.drop(x)))


def quicken(network: nn.Module) -> None:
    """Gives the convolutions of each channel by itself their quick gradients."""
    for name, conv in list(network.named_modules()):
        if type(conv) is nn.Conv2d and conv.groups == conv.in_channels > 1:
            network.set_submodule(name, Convolution(conv))


def fold_norms(network: nn.Module) -> None:
    """Folds every batch norm into the convolution before it. For norms that are never to learn statistics again.

    A convolution is followed by its norm wherever one module holds both, as in timm's networks.
    """
    for parent in list(network.modules()):
        conv: nn.Conv2d | None = None
        name = ""
        for child_name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d):
                conv, name = child, child_name
            elif isinstance(child, BatchNormAct2d) and conv is not None:
                folded = conv if isinstance(conv, Convolution) else Convolution(conv)
                applied = _Applied(child)
                folded.fold(applied)
                setattr(parent, name, folded)
                setattr(parent, child_name, applied)
                conv = None
