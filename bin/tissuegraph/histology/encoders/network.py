"""What the encoders that are networks share: weights from local files, input transform, batches."""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tissuegraph.errors import SettingsError
from tissuegraph.io.digests import file_sha256

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin", "open_clip_pytorch_model.bin")

# Libraries of models look for weights on the internet unless told not to; nothing is fetched at run time.
os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"


@dataclass(frozen=True)
class Transform:
    """How a model wants its input: side in pixels, mean and sd of the channels in [0, 1], resampling."""

    tile_px: int = 224
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    resample: str = "bilinear"


class NetworkEncoder:
    """A frozen network; `pool` turns its output into (B, F)."""

    runs_in_threads = False
    weights_sha256 = ""

    def __init__(
        self,
        name: str,
        model: nn.Module,
        transform: Transform,
        device: str = "auto",
        pool: Callable[[Any], Tensor] = lambda output: output,
    ):
        self.name, self.tile_px, self.resample = name, transform.tile_px, transform.resample
        self._device = _device(device)
        self._dtype = computed_in(self._device)
        self._model = model.eval().requires_grad_(False).to(self._device)
        self._pool = pool
        self._mean = torch.tensor(transform.mean, device=self._device).view(1, 3, 1, 1)
        self._std = torch.tensor(transform.std, device=self._device).view(1, 3, 1, 1)
        blank = np.full((1, self.tile_px, self.tile_px, 3), 255, np.uint8)
        self.dim = self.encode(blank).shape[1]
        self.names = tuple(f"{name}_{number}" for number in range(self.dim))

    @property
    def device(self) -> str:
        return self._device.type

    @property
    def precision(self) -> str:
        """What products are computed in: `bfloat16` or `float32`."""
        return str(self._dtype).removeprefix("torch.")

    def encode(self, tiles: np.ndarray) -> np.ndarray:
        """Tiles (B, h, w, 3) uint8 to (B, F) float32; a GPU that is too small gets half the tiles."""
        try:
            return self._forward(tiles)
        except torch.OutOfMemoryError:
            if len(tiles) == 1:
                raise
        half = len(tiles) // 2
        return np.concatenate([self.encode(tiles[:half]), self.encode(tiles[half:])])

    @torch.inference_mode()
    def _forward(self, tiles: np.ndarray) -> np.ndarray:
        pixels = torch.from_numpy(np.ascontiguousarray(tiles)).to(self._device)
        x = pixels.permute(0, 3, 1, 2).float() / 255  # (B, 3, h, w)
        mixed = self._dtype != torch.float32
        with torch.autocast(self._device.type, self._dtype if mixed else None, enabled=mixed):
            output = self._model((x - self._mean) / self._std)
        return self._pool(output).float().cpu().numpy()


def computed_in(device: torch.device) -> torch.dtype:
    """bfloat16 on a GPU whose hardware has it, else float32. Weights are float32 in any case."""
    has_it = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if has_it else torch.float32


def _device(wanted: str) -> torch.device:
    from tissuegraph.nn.device import resolve_device

    return resolve_device(wanted)


def require(package: str, encoder: str) -> ModuleType:
    """Import a package; raises SettingsError saying how to get it."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise SettingsError(
            f"encoder {encoder} needs the package {package}, which is not installed; pip install {package}"
        ) from error


def require_weights(weights: Path | None, encoder: str, source: str) -> Path:
    """The path of the weights; raises SettingsError saying how to get them. source: where they are."""
    if weights is not None and weights.exists():
        return weights
    given = "none were given" if weights is None else f"{weights} does not exist"
    raise SettingsError(
        f"encoder {encoder} needs its weights in a local file, {given}; {source} and give their path as "
        f"--encoder-weights"
    )


def weight_files(path: Path) -> list[Path]:
    """The files that weights are read from: `path` itself, or of a directory its weight file or shards."""
    if not path.is_dir():
        return [path]
    whole = [path / name for name in WEIGHT_FILES if (path / name).is_file()][:1]
    shards = (sorted(path.glob(pattern)) for pattern in ("model-*.safetensors", "pytorch_model-*.bin"))
    return whole or next((found for found in shards if found), [])


def weights_sha256(path: Path) -> str:
    """SHA-256 of the weight file, as model hubs show it; of the sums, one a line, where there are several."""
    sums = [file_sha256(part) for part in weight_files(path)]
    return sums[0] if len(sums) == 1 else hashlib.sha256("\n".join(sums).encode()).hexdigest()


def read_weights(path: Path, encoder: str) -> Mapping[str, Tensor]:
    """State dict from a file, or from the weight file of a directory; .safetensors or a torch file.

    Only tensors are unpickled. Raises SettingsError.
    """
    if path.is_dir():
        found = [path / name for name in WEIGHT_FILES if (path / name).is_file()]
        if not found:
            raise SettingsError(
                f"{path.name} must hold the weights of {encoder} as {' or '.join(WEIGHT_FILES)}; "
                f"download them"
            )
        path = found[0]
    try:
        if path.suffix == ".safetensors":
            return require("safetensors.torch", encoder).load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except SettingsError:
        raise
    except Exception as error:  # unpickling a foreign file can fail in many ways
        raise SettingsError(
            f"{path.name} holds no weights that can be read safely ({type(error).__name__}); expected "
            f".safetensors, or a state dict written by torch.save"
        ) from error
    for wrapper in ("state_dict", "model"):
        if isinstance(state, Mapping) and isinstance(state.get(wrapper), Mapping):
            state = state[wrapper]
    if not isinstance(state, Mapping):
        raise SettingsError(f"{path.name} must hold a state dict, got {type(state).__name__}; save one")
    return {name.removeprefix("module."): value for name, value in state.items()}


def fill(model: nn.Module, state: Mapping[str, Tensor], encoder: str, optional: tuple[str, ...] = ()) -> None:
    """Load all weights (inplace); raises SettingsError where they belong to another model.

    optional: prefixes of entries that may be in the file without being in the model.
    """
    known = {name: value for name, value in state.items() if not name.startswith(optional or ("\0",))}
    try:
        model.load_state_dict(known, strict=True)
    except RuntimeError as error:
        own, given = set(model.state_dict()), set(known)
        raise SettingsError(
            f"the weights do not fit encoder {encoder}: {len(own - given)} entries are missing, "
            f"{len(given - own)} are not known, or sizes differ; give the weights of this very model"
        ) from error
