"""Encoders give one row per tile, from local weights only, and say what is missing."""

import hashlib
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from tissuegraph.errors import SettingsError
from tissuegraph.histology.encoders import KNOWN, load_encoder, needs_weights

SIZES = Path(__file__).resolve().parents[3] / "subworkflows" / "local" / "sizes" / "main.nf"


def some_tiles(side: int, n: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def test_colour_is_mean_and_spread_of_the_channels():
    tiles = np.zeros((2, 4, 4, 3), np.uint8)
    tiles[0, :2] = 255  # half white, half black
    tiles[1] = (51, 102, 255)
    features = load_encoder("colour").encode(tiles)
    np.testing.assert_allclose(features[0], [0.5] * 6, atol=1e-6)
    np.testing.assert_allclose(features[1], [0.2, 0.4, 1, 0, 0, 0], atol=1e-6)


def test_the_default_encoder_names_its_features():
    pytest.importorskip("tissuegraph.histology.handcrafted")
    encoder = load_encoder("handcrafted")
    features = encoder.encode(some_tiles(encoder.tile_px))
    assert features.shape == (3, encoder.dim) == (3, len(encoder.names))
    assert features.dtype == np.float32


@pytest.mark.parametrize("name", ["resnet", "timm", "timm:", "torchvision", "colour:x", ""])
def test_an_unknown_encoder_is_refused_with_the_known_ones(name):
    with pytest.raises(SettingsError, match="no encoder") as error:
        needs_weights(name)
    assert "handcrafted" in str(error.value)


def test_only_networks_need_weights():
    assert [name for name in KNOWN if not needs_weights(name)] == ["handcrafted", "colour"]


def test_weights_for_an_encoder_without_any_are_refused(tmp_path):
    with pytest.raises(SettingsError, match=re.escape("takes no weights, got w.pt")):
        load_encoder("colour", tmp_path / "w.pt")


@pytest.mark.parametrize(
    "name", ["uni", "gigapath", "phikon", "timm:vit_tiny_patch16_224", "torchvision:resnet18"]
)
def test_missing_weights_are_named_with_the_way_to_get_them(tmp_path, name):
    pytest.importorskip("torch")
    with pytest.raises(SettingsError, match=r"none were given.*--encoder-weights"):
        load_encoder(name)
    with pytest.raises(SettingsError, match=re.escape(f"{tmp_path / 'none'} does not exist")):
        load_encoder(name, tmp_path / "none")


def test_a_missing_package_is_named_with_the_way_to_get_it(tmp_path):
    pytest.importorskip("torch")
    from tissuegraph.histology.encoders.network import require

    with pytest.raises(SettingsError, match="pip install no_such_package"):
        require("no_such_package", "uni")


def save_timm(path, architecture="vit_tiny_patch16_224", **arguments):
    timm, torch = pytest.importorskip("timm"), pytest.importorskip("torch")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = timm.create_model(architecture, pretrained=False, **arguments)
    torch.save(model.state_dict(), path)
    return model.eval()


def test_a_timm_model_gives_what_the_model_gives_after_its_own_input_transform(tmp_path):
    model = save_timm(tmp_path / "w.pt", "resnet10t", num_classes=0)
    torch = pytest.importorskip("torch")
    encoder = load_encoder("timm:resnet10t", tmp_path / "w.pt", "cpu")
    config = model.default_cfg
    assert encoder.tile_px == config["input_size"][1]
    tiles = some_tiles(encoder.tile_px, 2)
    x = torch.tensor(tiles).permute(0, 3, 1, 2) / 255
    x = (x - torch.tensor(config["mean"]).view(3, 1, 1)) / torch.tensor(config["std"]).view(3, 1, 1)
    with torch.no_grad():
        expected = model(x).numpy()
    np.testing.assert_allclose(encoder.encode(tiles), expected, rtol=1e-4, atol=1e-5)
    assert len(encoder.names) == encoder.dim == expected.shape[1]


def test_a_classifier_in_the_file_is_left_out(tmp_path):
    save_timm(tmp_path / "w.pt", "resnet10t", num_classes=10)
    assert load_encoder("timm:resnet10t", tmp_path / "w.pt", "cpu").dim == 512


def test_weights_of_another_model_are_refused(tmp_path):
    save_timm(tmp_path / "w.pt", "resnet10t")
    with pytest.raises(SettingsError, match="do not fit encoder timm:vit_tiny_patch16_224"):
        load_encoder("timm:vit_tiny_patch16_224", tmp_path / "w.pt")


def test_weights_come_from_safetensors_directories_and_wrapped_state_dicts(tmp_path):
    torch = pytest.importorskip("torch")
    save_file = pytest.importorskip("safetensors.torch").save_file
    model = save_timm(tmp_path / "w.pt", "resnet10t", num_classes=0)
    expected = load_encoder("timm:resnet10t", tmp_path / "w.pt", "cpu").encode(some_tiles(176))
    (tmp_path / "hub").mkdir()
    save_file(model.state_dict(), tmp_path / "hub" / "model.safetensors")
    wrapped = {"state_dict": {f"module.{name}": value for name, value in model.state_dict().items()}}
    torch.save(wrapped, tmp_path / "wrapped.pth")
    for path in (tmp_path / "hub", tmp_path / "wrapped.pth"):
        encoder = load_encoder("timm:resnet10t", path, "cpu")
        np.testing.assert_array_equal(encoder.encode(some_tiles(176)), expected)


def test_an_encoder_knows_the_sum_of_the_file_that_its_weights_came_from(tmp_path):
    save_timm(tmp_path / "pytorch_model.bin", "resnet10t", num_classes=0)
    expected = hashlib.sha256((tmp_path / "pytorch_model.bin").read_bytes()).hexdigest()
    assert load_encoder("timm:resnet10t", tmp_path / "pytorch_model.bin", "cpu").weights_sha256 == expected
    assert load_encoder("timm:resnet10t", tmp_path, "cpu").weights_sha256 == expected


def test_shards_have_one_sum_that_changes_with_any_of_them(tmp_path):
    pytest.importorskip("torch")
    from tissuegraph.histology.encoders.network import weights_sha256

    for number in (1, 2):
        (tmp_path / f"model-0000{number}-of-00002.safetensors").write_bytes(bytes([number]))
    (tmp_path / "config.json").write_text("{}")
    sums = "\n".join(hashlib.sha256(bytes([number])).hexdigest() for number in (1, 2))
    assert weights_sha256(tmp_path) == hashlib.sha256(sums.encode()).hexdigest()


def test_a_file_that_would_run_code_is_refused(tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("timm")

    torch.save({"weight": os.system}, tmp_path / "w.pt")
    with pytest.raises(SettingsError, match=re.escape("w.pt holds no weights that can be read safely")):
        load_encoder("timm:resnet10t", tmp_path / "w.pt")


def test_an_empty_directory_is_refused(tmp_path):
    pytest.importorskip("timm")
    with pytest.raises(SettingsError, match=re.escape("model.safetensors or pytorch_model.bin")):
        load_encoder("timm:resnet10t", tmp_path)


@pytest.mark.parametrize("name", ["uni", "uni2", "virchow2", "h-optimus-0", "gigapath"])
def test_a_foundation_model_has_the_size_its_authors_state(name):
    pytest.importorskip("timm")
    torch = pytest.importorskip("torch")
    from tissuegraph.histology.encoders.timm_models import RECIPES, build

    recipe = RECIPES[name]
    with torch.device("meta"):
        model = build(recipe, name).eval()
        features = recipe.pool(model(torch.empty(2, 3, 224, 224)))
    millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    assert abs(millions - recipe.n_parameters) < 1.0
    assert features.shape == (2, recipe.n_features)


def test_class_and_mean_token_leaves_the_registers_out():
    torch = pytest.importorskip("torch")
    pytest.importorskip("timm")
    from tissuegraph.histology.encoders.timm_models import class_and_mean_token

    output = torch.zeros(1, 7, 2)
    output[0, 0], output[0, 1:5], output[0, 5], output[0, 6] = 1.0, 100.0, 2.0, 4.0
    assert class_and_mean_token(output).tolist() == [[1, 1, 3, 3]]


def save_transformers(folder, kind: str):
    transformers = pytest.importorskip("transformers")
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    if kind == "vit":
        model = transformers.ViTModel(transformers.ViTConfig(**small, image_size=32, patch_size=16))
    elif kind == "dinov2":
        model = transformers.Dinov2Model(transformers.Dinov2Config(**small, image_size=28, patch_size=14))
    elif kind == "clip":
        text = small | {"vocab_size": 50, "max_position_embeddings": 8}
        vision = small | {"image_size": 32, "patch_size": 16}
        model = transformers.CLIPModel(transformers.CLIPConfig(text_config=text, vision_config=vision))
    elif kind == "siglip":
        vision = small | {"image_size": 32, "patch_size": 16}
        model = transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**vision))
    elif kind == "swin":
        sizes = {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 4, "patch_size": 4}
        model = transformers.SwinModel(transformers.SwinConfig(**sizes, image_size=32))
    elif kind == "beit":
        model = transformers.BeitModel(transformers.BeitConfig(**small, image_size=32, patch_size=16))
    elif kind == "hiera":
        sizes = {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "query_stride": [2, 2]}
        sizes |= {"masked_unit_size": [4, 4], "patch_size": [7, 7], "patch_stride": [4, 4]}
        model = transformers.HieraModel(
            transformers.HieraConfig(**sizes, image_size=[32, 32], num_query_pool=1)
        )
    elif kind == "vit_mae":
        model = transformers.ViTMAEModel(transformers.ViTMAEConfig(**small, image_size=32, patch_size=16))
    elif kind == "bert":
        model = transformers.BertModel(transformers.BertConfig(**small, vocab_size=50))
    else:
        sizes = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}
        model = transformers.ResNetModel(transformers.ResNetConfig(**sizes))
    model.save_pretrained(folder)
    side = 28 if kind == "dinov2" else 32
    preprocessor = {"size": {"height": side, "width": side}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor | {"resample": 3}))
    return model.eval()


@pytest.mark.parametrize("kind", ["vit", "dinov2", "clip", "siglip", "resnet", "swin", "beit"])
def test_a_transformers_directory_is_pooled_as_its_kind_needs(tmp_path, kind):
    torch = pytest.importorskip("torch")
    model = save_transformers(tmp_path, kind)
    encoder = load_encoder("transformers", tmp_path, "cpu")
    assert encoder.resample == "bicubic"
    assert encoder.dim == 16
    tiles = some_tiles(encoder.tile_px)
    x = (torch.tensor(tiles).permute(0, 3, 1, 2) / 255 - 0.5) / 0.5
    with torch.no_grad():
        output = getattr(model, "vision_model", model)(x)
    last = output.last_hidden_state
    if kind == "resnet":
        expected = last.mean((-1, -2))
    elif kind in ("clip", "siglip"):  # pooling that was trained
        expected = output.pooler_output
    elif kind == "swin":  # no class token
        expected = last.mean(1)
    elif kind == "beit":  # a class token that is not what the model was trained to use
        expected = last[:, 1:].mean(1)
    else:
        expected = last[:, 0]
    np.testing.assert_allclose(encoder.encode(tiles), expected.numpy(), rtol=1e-4, atol=1e-5)


def test_a_transformers_directory_without_its_parts_is_refused(tmp_path):
    pytest.importorskip("transformers")
    with pytest.raises(SettingsError, match=re.escape("directory with config.json")):
        load_encoder("phikon", tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(SettingsError, match="no model that transformers can load"):
        load_encoder("phikon", tmp_path)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("hiera", "a hiera of transformers has neither a class token nor a pooling that is known"),
        ("vit_mae", "holds a vit_mae, which hides part of each tile at random"),
        ("bert", "holds a bert, which reads no images"),
    ],
)
def test_a_transformers_model_without_known_features_is_refused(tmp_path, kind, words):
    save_transformers(tmp_path, kind)
    with pytest.raises(SettingsError, match=words):
        load_encoder("transformers", tmp_path, "cpu")


def test_a_torchvision_model_gives_its_last_hidden_layer(tmp_path):
    torch, models = pytest.importorskip("torch"), pytest.importorskip("torchvision.models")
    model = models.get_model("shufflenet_v2_x0_5", weights=None).eval()
    torch.save(model.state_dict(), tmp_path / "w.pt")
    encoder = load_encoder("torchvision:shufflenet_v2_x0_5", tmp_path / "w.pt", "cpu")
    assert (encoder.tile_px, encoder.dim) == (224, 1024)
    tiles = some_tiles(224, 2)
    with torch.no_grad():
        logits = model.fc(torch.tensor(encoder.encode(tiles)))
        x = torch.tensor(tiles).permute(0, 3, 1, 2) / 255
        mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]
        np.testing.assert_allclose(logits, model((x - mean) / std), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["timm:no_such_model", "torchvision:no_such_model"])
def test_an_unknown_architecture_is_refused(tmp_path, name):
    pytest.importorskip(name.split(":")[0])
    (tmp_path / "w.pt").write_bytes(b"")
    with pytest.raises(SettingsError, match=r"has no .*'no_such_model'"):
        load_encoder(name, tmp_path / "w.pt")


def test_a_gpu_that_is_too_small_gets_fewer_tiles_at_a_time(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    save_timm(tmp_path / "w.pt", "resnet10t", num_classes=0)
    encoder = load_encoder("timm:resnet10t", tmp_path / "w.pt", "cpu")
    tiles = some_tiles(encoder.tile_px, 5)
    expected = encoder.encode(tiles)
    forward = encoder._forward

    def small_memory(tiles):
        if len(tiles) > 2:
            raise torch.OutOfMemoryError
        return forward(tiles)

    monkeypatch.setattr(encoder, "_forward", small_memory)
    np.testing.assert_allclose(encoder.encode(tiles), expected, rtol=1e-4, atol=1e-5)


def test_networks_compute_in_bfloat16_on_a_gpu_that_has_it_and_nowhere_else(monkeypatch):
    torch = pytest.importorskip("torch")
    from tissuegraph.histology.encoders.network import computed_in

    for has_it, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, found=has_it: found)
        assert computed_in(torch.device("cuda")) == expected
        assert computed_in(torch.device("cpu")) == torch.float32


def test_on_a_cpu_features_are_those_of_float32_to_the_bit_and_in_bfloat16_close_to_them(
    tmp_path, monkeypatch
):
    torch = pytest.importorskip("torch")
    save_timm(tmp_path / "w.pt", "resnet10t", num_classes=0)
    encoder = load_encoder("timm:resnet10t", tmp_path / "w.pt", "cpu")
    tiles = some_tiles(encoder.tile_px, 2)
    x = torch.tensor(tiles).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        exact = encoder._model((x - encoder._mean) / encoder._std).numpy()
    found = encoder.encode(tiles)
    assert encoder.precision == "float32"
    np.testing.assert_array_equal(found, exact)
    monkeypatch.setattr(encoder, "_dtype", torch.bfloat16)
    rough = encoder.encode(tiles)
    assert (encoder.precision, rough.dtype) == ("bfloat16", np.float32)
    off = np.abs(rough - exact).max() / np.abs(exact).max()
    assert 0 < off < 0.05  # 8 bits of precision in each of some ten layers


def test_the_task_that_encodes_has_memory_for_every_encoder_that_has_a_name():
    (listed,) = re.findall(r"def gigabytes = \[([^\]]*)\]", SIZES.read_text())
    memory = {name: int(gb) for name, gb in re.findall(r"'?([\w-]+)'?: (\d+)", listed)}
    assert set(memory) == {name for name in KNOWN if ":" not in name} - {"transformers"}
    assert memory["handcrafted"] == memory["colour"] == 2
    assert memory["uni2"] > 6  # GB, its measured peak
    parameters = {"uni": 303, "uni2": 681, "virchow2": 631, "h-optimus-0": 1135, "gigapath": 1135}  # millions
    for name, millions in parameters.items():
        assert memory[name] >= 2 * 4 * millions / 1000 + 2  # model and state dict, 4 bytes each, and tiles
