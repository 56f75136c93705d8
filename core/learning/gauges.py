"""What the device says of itself, in words and in numbers."""

from __future__ import annotations

from typing import Any

import torch

Device = torch.device


def machine(device: Device) -> dict[str, Any]:
    """The device and the version of PyTorch, for whoever wants to compare runs."""
    named = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    return {"device": str(device), "device_name": named, "torch": str(torch.__version__)}


def memory_mb(device: Device) -> float | None:
    """Of the device's own memory, as far as this process holds it; None on the CPU, whose memory is the process's."""
    if device.type == "cuda":  # not yet run on such hardware
        return torch.cuda.memory_reserved(device) / 1e6
    if device.type == "mps":  # not yet run on such hardware
        return torch.mps.driver_allocated_memory() / 1e6
    return None


def utilisation(device: Device) -> float | None:
    """Share of the last moment, 0..1, in which a CUDA device was busy; None where the device does not tell."""
    if device.type != "cuda":
        return None
    try:  # not yet run on such hardware
        return torch.cuda.utilization(device) / 100
    except Exception:  # noqa: BLE001 - NVIDIA's library is an extra with errors of its own; a gauge never ends a run
        return None
