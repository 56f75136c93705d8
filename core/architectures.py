"""The cards of the networks a person may choose from. Facts only: the networks themselves are in `core.learning`.

Beside the cards there is every network that timm knows, by its name: `resnet50` begins with nothing, `resnet50.a1_in1k`
with the weights of that tag (`core.catalogue`).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace

from core import catalogue
from core.catalogue import Pretrained
from core.errors import NotFound

PACKAGED = "efficientnet-lite0"  # its weights come with the program
LEAST_SIDE = 32  # px, of timm's networks
BYTES = 4  # of a parameter
CODE_LICENCE = "Apache-2.0"  # timm's, of networks that begin with nothing


@dataclass(frozen=True, slots=True)
class Architecture:
    name: str  # stable: stored with runs and models
    title: str
    sentence: str  # for people who choose
    parameters: int  # with 10 labels and pictures of the default side; of timm's networks without the last layer
    side: int  # px; what pictures are resized to unless the recipe says otherwise
    least_side: int  # px; below it the network has nothing left to look at
    grey: bool  # looks at brightness only
    pretrained: bool  # starts from what it learned on a million photographs
    licence: str  # of the pretrained weights, or of the code where there are none
    cost_s: float | None  # seconds of training per picture at the default side on 2 CPU cores; None: never measured
    size: str = ""  # small, balanced, accurate: of the cards
    timm: str = ""  # its name there; empty: it is built here
    weights: Pretrained | None = None  # that have to be brought from somewhere
    family: str = ""  # of timm's modules
    native_side: int = 0  # px; what timm builds it for unless told otherwise

    @property
    def packaged(self) -> bool:
        """Its weights are at hand wherever the program is."""
        return self.name == PACKAGED

    @property
    def usual_epochs(self) -> int:
        """Of a training, unless a person says otherwise: who knows photographs already needs fewer."""
        return 5 if self.pretrained else 15

    @property
    def from_scratch(self) -> str:
        """The name of the same network that begins with nothing."""
        return self.timm or self.name

    @property
    def weights_bytes(self) -> int:
        """About what a file of its weights takes."""
        return self.parameters * BYTES


def _from_timm(name: str) -> Architecture | None:
    bare, _, tag = name.partition(".")
    if (known := catalogue.networks().get(bare)) is None:
        return None
    weights = known.pretrained(tag)
    if tag and weights is None:
        return None
    begins = f"Begins with the weights {tag}." if weights else "Begins with nothing."
    return Architecture(
        name,
        name,
        f"Of timm's family {known.family}. {begins}",
        parameters=known.parameters,
        side=weights.side if weights else known.side,
        least_side=LEAST_SIDE,
        grey=False,
        pretrained=weights is not None,
        licence=weights.licence if weights else CODE_LICENCE,
        cost_s=None,
        timm=bare,
        weights=weights,
        family=known.family,
        native_side=known.side,
    )


def _card(name: str, title: str, sentence: str, size: str, cost_s: float | None = None) -> Architecture:
    found = _from_timm(name)
    assert found is not None, name
    return replace(found, title=title, sentence=sentence, size=size, cost_s=cost_s)


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
        licence="Apache-2.0",
        cost_s=0.12,
        size="balanced",
    ),
    _card(
        "mobilenetv3_small_100.lamb_in1k",
        "Pretrained MobileNetV3",
        "The smallest and quickest that already knows photographs: for phones, and for a first look at many pictures.",
        "small",
    ),
    _card(
        "resnet50.a1_in1k",
        "ResNet-50",
        "The network most papers compare with; it knows photographs, and its class maps are easy to read.",
        "balanced",
    ),
    _card(
        "convnext_tiny.in12k_ft_in1k",
        "ConvNeXt Tiny",
        "For labels that look alike; the slowest of these, so best with a graphics card.",
        "accurate",
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
        licence="Apache-2.0",
        cost_s=0.07,
        size="balanced",
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
        licence="Apache-2.0",
        cost_s=0.012,
        size="small",
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
        licence="Apache-2.0",
        cost_s=0.018,
        size="small",
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
        licence="Apache-2.0",
        cost_s=0.016,
        size="small",
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
        licence="Apache-2.0",
        cost_s=0.002,
        size="small",
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
        licence="Apache-2.0",
        cost_s=0.0005,
        size="small",
    ),
)
_BY_NAME = {architecture.name: architecture for architecture in ARCHITECTURES}


def get(name: str) -> Architecture:
    """A card, or any network of timm's. Raises NotFound with the names there are."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    if (found := _from_timm(name)) is not None:
        return found
    near = difflib.get_close_matches(name, catalogue.networks(), 5, 0.7)
    others = f"Did you mean {', '.join(near)}?" if near else "Or any network of timm's, as in `architectures WORDS`."
    raise NotFound(f"There is no architecture called {name!r}. Choose one of: {', '.join(_BY_NAME)}. {others}")
