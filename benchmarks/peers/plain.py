"""The script that everybody writes first: ImageFolder, DataLoader, torchvision's transforms, Adam."""

from __future__ import annotations

import torch
from clock import Clock
from common import BATCH, EPOCHS, FOLDER, SIDE, WORKERS, accuracy, network
from torchvision import datasets, transforms

torch.manual_seed(0)
clock = Clock()
normalise = [transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)]
varied = transforms.Compose(
    [transforms.RandomResizedCrop(SIDE, (0.6, 1)), transforms.RandomHorizontalFlip(), *normalise]
)
plain = transforms.Compose([transforms.Resize((SIDE, SIDE)), *normalise])
train = datasets.ImageFolder(FOLDER / "train", varied)
test = datasets.ImageFolder(FOLDER / "test", plain)
batches = torch.utils.data.DataLoader(train, BATCH, shuffle=True, num_workers=WORKERS)
measured = torch.utils.data.DataLoader(test, BATCH, num_workers=WORKERS)
model = network(len(train.classes))
optimizer = torch.optim.Adam(model.parameters(), 3e-4)
for epoch in range(1, EPOCHS + 1):
    model.train()
    for inputs, targets in batches:
        loss = torch.nn.functional.cross_entropy(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    clock.pause()
    clock.say(epoch, accuracy(model, measured))
    clock.resume()
