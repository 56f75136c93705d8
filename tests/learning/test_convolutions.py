from __future__ import annotations

import copy

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.learning.backbone import load_backbone
from core.learning.convolutions import Convolution


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "side"),
    [(3, 1, 1, 9), (3, 2, 1, 9), (3, 2, 1, 10), (3, 2, 0, 9), (5, 2, 2, 12), (5, 2, 0, 11), (5, 1, 2, 7)],
)
def test_the_gradients_are_those_of_torchs_own_convolution(
    kernel: int, stride: int, padding: int, side: int, layout: torch.memory_format
) -> None:
    own = nn.Conv2d(16, 16, kernel, stride, padding, groups=16)
    ours = Convolution(copy.deepcopy(own))

    assert all(
        torch.allclose(mine, theirs, rtol=1e-4, atol=1e-5)
        for mine, theirs in zip(_gradients(ours, side, layout), _gradients(own, side, layout), strict=True)
    )


def _gradients(conv: nn.Conv2d, side: int, layout: torch.memory_format) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(3, 16, side, side, generator=generator).contiguous(memory_format=layout).requires_grad_()
    outputs = conv(inputs)
    outputs.backward(torch.randn(outputs.shape, generator=generator))
    found = [outputs, inputs.grad, *(parameter.grad for parameter in conv.parameters())]
    return [value for value in found if value is not None]


def test_half_the_bits_give_nearly_the_same_gradients() -> None:
    own = nn.Conv2d(16, 16, 5, 2, 2, groups=16)
    with torch.autocast("cpu", torch.bfloat16):
        found = _gradients(Convolution(copy.deepcopy(own)), 12, torch.channels_last)
    wanted = _gradients(own, 12, torch.channels_last)

    assert found[0].dtype is torch.bfloat16 and found[2].dtype is torch.float32
    for mine, theirs in zip(found, wanted, strict=True):
        assert functional.cosine_similarity(mine.float().flatten(), theirs.flatten(), dim=0) > 0.999


def test_a_network_with_folded_norms_learns_what_the_original_does() -> None:
    folded = load_backbone(3, 64).train()
    original = timm.create_model("tf_efficientnet_lite0", num_classes=3)
    original.load_state_dict(folded.state_dict())
    original.eval()  # its norms keep their statistics too
    inputs, targets = torch.randn(2, 3, 64, 64), torch.tensor([0, 2])
    before = {name: value.clone() for name, value in folded.named_buffers()}

    losses = [functional.cross_entropy(network(inputs), targets) for network in (folded, original)]
    for loss in losses:
        loss.backward()  # type: ignore[no-untyped-call]

    assert torch.allclose(losses[0], losses[1], atol=1e-5)
    wanted = dict(original.named_parameters())
    for name, parameter in folded.named_parameters():
        theirs = wanted[name].grad
        assert parameter.grad is not None and theirs is not None, name
        # Not point by point: where a rounding moves a value across the kink of an activation, gradients differ.
        assert functional.cosine_similarity(parameter.grad.flatten(), theirs.flatten(), dim=0) > 0.999, name
    assert all(torch.equal(value, before[name]) for name, value in folded.named_buffers())
