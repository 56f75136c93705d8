"""The catalogue of networks agrees with the timm that is pinned: names, weights, sizes, colours, licences."""

from __future__ import annotations

import importlib.metadata
import json

import pytest
import timm
from timm.models import get_pretrained_cfg, list_models, list_pretrained

from core import architectures, catalogue
from core.errors import NotFound
from core.learning.catalogue import describe

DOCUMENT = json.loads(catalogue.FILE.read_text(encoding="utf-8"))


def test_it_was_made_of_the_pinned_timm() -> None:
    assert DOCUMENT["timm"] == importlib.metadata.version("timm") == timm.__version__


def test_every_network_is_in_it_or_left_out_with_a_reason() -> None:
    known, left_out = set(catalogue.networks()), DOCUMENT["left_out"]
    assert known | set(left_out) == set(list_models()) and not known & set(left_out)
    assert len(known) > 1300 and len(left_out) < 10 and all(left_out.values())


def test_every_kind_of_weights_is_in_it_as_timm_has_it() -> None:
    found = {f"{known.name}.{one.tag}": one for known in catalogue.networks().values() for one in known.weights}
    wanted = {name for name in list_pretrained() if "." in name and name.partition(".")[0] in catalogue.networks()}
    assert set(found) == wanted
    for name, one in found.items():
        config = get_pretrained_cfg(name)
        assert config is not None
        licence = config.license if config.license not in (None, "unknown") else catalogue.NOT_STATED
        assert (one.licence, one.side, one.hub, one.labels) == (
            licence,
            config.input_size[1],
            config.hf_hub_id or "",
            config.num_classes,
        ), name
        assert one.mean == pytest.approx(config.mean, abs=1e-5) and one.std == pytest.approx(config.std, abs=1e-5)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "mobilenetv3_small_100", "resnet50"])
def test_the_script_that_made_it_would_say_the_same_today(name: str) -> None:
    assert json.loads(json.dumps(describe(name))) == DOCUMENT["networks"][name]


def test_a_name_with_a_tag_begins_with_these_weights_and_one_without_with_nothing() -> None:
    bare, tagged = architectures.get("resnet50"), architectures.get("resnet50.a1_in1k")
    assert (bare.pretrained, bare.weights, tagged.pretrained) == (False, None, True)
    assert tagged.from_scratch == bare.name and tagged.licence == "apache-2.0"


@pytest.mark.parametrize("name", ["resnet50.no_such_tag", "resnet5O", "../resnet50", ""])
def test_what_there_is_not_is_answered_with_what_there_is(name: str) -> None:
    with pytest.raises(NotFound, match="efficientnet-lite0"):
        architectures.get(name)


def test_networks_are_found_by_parts_of_their_names() -> None:
    assert {"vit_small_patch16_224", "vit_small_patch32_224"} <= set(catalogue.search("Small vit 224"))
    assert "resnet50.a1_in1k" in catalogue.search("resnet50 a1_in1k")
    assert catalogue.search("no such thing") == []
