"""fastai as its book teaches it: vision_learner, fine_tune. One more epoch before, with the body frozen, is its own."""

from __future__ import annotations

import torch
from clock import Clock
from common import BATCH, EPOCHS, FOLDER, SIDE, WORKERS, weights
from fastai.vision.all import (
    Callback,
    ImageDataLoaders,
    Normalize,
    Resize,
    accuracy,
    aug_transforms,
    set_seed,
    vision_learner,
)


class Told(Callback):
    """Its epochs: 1 with the body frozen, then EPOCHS."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.epochs = clock, 0

    def before_validate(self) -> None:
        self.clock.pause()

    def after_epoch(self) -> None:
        self.epochs += 1
        self.clock.say(self.epochs, float(self.learn.recorder.values[-1][-1]))
        self.clock.resume()


set_seed(0)
clock = Clock()
dls = ImageDataLoaders.from_folder(
    FOLDER,
    train="train",
    valid="test",
    item_tfms=Resize(256),
    batch_tfms=[*aug_transforms(size=SIDE), Normalize.from_stats([0.5] * 3, [0.5] * 3, cuda=False)],
    bs=BATCH,
    num_workers=WORKERS,
    device=torch.device("cpu"),
)
learner = vision_learner(dls, "tf_efficientnet_lite0", pretrained=False, normalize=False, metrics=accuracy, cbs=[])
body = learner.model[0].model
names = list(body.state_dict())
body.load_state_dict(weights([*names, "classifier.weight", "classifier.bias"]), strict=False)
told = Told(clock)
told.order = 60  # behind the recorder, whose values it reads
learner.add_cb(told)
with learner.no_bar(), learner.no_logging():
    learner.fine_tune(EPOCHS)
