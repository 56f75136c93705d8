"""The cards of the networks a person may choose from. Facts only: the networks themselves are in `core.learning`."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import NotFound


@dataclass(frozen=True, slots=True)
class Architecture:
    name: str  # stable: stored with runs and models
    title: str
    sentence: str  # for people who choose
    parameters: int  # with 10 labels and pictures of the default side
    side: int  # px; what pictures are resized to unless the recipe says otherwise
    least_side: int  # px; below it the network has nothing left to look at
    grey: bool  # looks at brightness only
    pretrained: bool  # starts from what it learned on 1.3 million photographs
    download_bytes: int  # fetched before the first run; 0: nothing
    licence: str  # of the pretrained weights, or of the code where there are none
    cost_s: float  # seconds of training per picture at the default side on 2 CPU cores: for estimates


ARCHITECTURES = (
    Architecture(
        "efficientnet-lite0",
        "EfficientNet-Lite0",
        "Already knows what photographs look like and only learns your labels: the best choice for most pictures, "
        "even with 20 a label.",
        parameters=3_383_818,
        side=224,
        least_side=64,
        grey=False,
        pretrained=True,
        download_bytes=0,
        licence="Apache-2.0",
        cost_s=0.12,
    ),
    Architecture(
        "resnet18",
        "ResNet-18",
        "A classic deep network that starts from nothing: worth it from a few thousand pictures on, and slow without "
        "a graphics card.",
        parameters=11_181_642,
        side=128,
        least_side=32,
        grey=False,
        pretrained=False,
        download_bytes=0,
        licence="Apache-2.0",
        cost_s=0.07,
    ),
    Architecture(
        "mobilenetv3-small",
        "MobileNetV3 Small",
        "Small and quick, made for phones; it starts from nothing and wants many pictures.",
        parameters=1_528_106,
        side=128,
        least_side=32,
        grey=False,
        pretrained=False,
        download_bytes=0,
        licence="Apache-2.0",
        cost_s=0.012,
    ),
    Architecture(
        "plain-cnn",
        "Plain CNN",
        "Two convolution blocks and a dense layer, as in a first textbook: quick to train and easy to explain.",
        parameters=16_858_698,
        side=64,
        least_side=16,
        grey=False,
        pretrained=False,
        download_bytes=0,
        licence="Apache-2.0",
        cost_s=0.018,
    ),
    Architecture(
        "three-block-cnn",
        "Three-block CNN",
        "Three convolution blocks that look at ever larger parts of the picture: a sound start for simple objects.",
        parameters=2_454_186,
        side=96,
        least_side=16,
        grey=False,
        pretrained=False,
        download_bytes=0,
        licence="Apache-2.0",
        cost_s=0.016,
    ),
    Architecture(
        "digit-cnn",
        "Digit CNN",
        "For handwritten digits and other small drawings: looks at 28 x 28 grey points, trains in seconds.",
        parameters=1_199_882,
        side=28,
        least_side=12,
        grey=True,
        pretrained=False,
        download_bytes=0,
        licence="Apache-2.0",
        cost_s=0.002,
    ),
    Architecture(
        "mlp",
        "Multi-layer perceptron",
        "One hidden layer and no idea of what is next to what: shows why convolutions were invented.",
        parameters=789_258,
        side=32,
        least_side=8,
        grey=False,
        pretrained=False,
        download_bytes=0,
        licence="Apache-2.0",
        cost_s=0.0005,
    ),
)
_BY_NAME = {architecture.name: architecture for architecture in ARCHITECTURES}


def get(name: str) -> Architecture:
    """Raises NotFound with the names there are."""
    if name not in _BY_NAME:
        raise NotFound(f"There is no architecture called {name!r}. Choose one of: {', '.join(_BY_NAME)}.")
    return _BY_NAME[name]
