"""timm's own parts, put together as its train.py does: loader, RandAugment, AdamW, cosine, label smoothing."""

from __future__ import annotations

import torch
from clock import Clock
from common import BATCH, EPOCHS, FOLDER, SIDE, WORKERS, accuracy, network
from timm.data import create_dataset, create_loader
from timm.loss import LabelSmoothingCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2

torch.manual_seed(0)
clock = Clock()
shape, stats = (3, SIDE, SIDE), {"mean": (0.5,) * 3, "std": (0.5,) * 3}
common = {"num_workers": WORKERS, "use_prefetcher": False, "device": torch.device("cpu"), **stats}
train = create_dataset("", FOLDER / "train")
test = create_dataset("", FOLDER / "test")
batches = create_loader(
    train, shape, BATCH, is_training=True, auto_augment="rand-m9-mstd0.5-inc1", scale=(0.35, 1), **common
)
measured = create_loader(test, shape, BATCH, crop_pct=1.0, **common)
model = network(len(train.reader.class_to_idx))
optimizer = create_optimizer_v2(model, "adamw", lr=3e-4, weight_decay=0.02)
scheduler, _ = create_scheduler_v2(optimizer, "cosine", num_epochs=EPOCHS, min_lr=3e-6)
learned = LabelSmoothingCrossEntropy(0.1)
for epoch in range(1, EPOCHS + 1):
    model.train()
    for inputs, targets in batches:
        loss = learned(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scheduler.step(epoch)
    clock.pause()
    clock.say(epoch, accuracy(model, measured))
    clock.resume()
