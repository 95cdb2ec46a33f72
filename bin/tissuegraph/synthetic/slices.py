"""Settings in, a complete generated slice out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from tissuegraph.synthetic.expression import draw_counts, draw_programme
from tissuegraph.synthetic.histology import Slide, draw_image, stain_slide
from tissuegraph.synthetic.planting import relative_depth
from tissuegraph.synthetic.settings import LAYERED, VISIUM, SliceSettings
from tissuegraph.synthetic.tissue import Tissue, draw_tissue, place_spots

UNLABELLED = ""  # in SyntheticSlice.annotation


@dataclass(frozen=True, eq=False)
class SyntheticSlice:
    """One generated slice with its truth: N spots on tissue, G genes, K domains, M lattice places.

    counts:      CSR (N, G) int32
    position:    (N, 2) x, y in full-resolution pixels, whole numbers for Visium as Space Ranger has them
    domain:      (N,) int, the true domain of every spot
    annotation:  (N,) str, the name of the true domain, empty where unlabelled
    mixture:     (N, T) true cell-type shares
    marker_of:   (G,) cell type that a gene marks, -1 for none; type_names: T names
    composition: (K, T) expected cell-type shares of each domain
    array_row, array_col: (N,) lattice index, -1 for cells
    off_tissue:  lattice places without tissue: barcode, row, column, position
    """

    settings: SliceSettings
    tissue: Tissue
    counts: sparse.csr_matrix
    genes: np.ndarray
    gene_ids: np.ndarray
    barcodes: np.ndarray
    position: np.ndarray
    array_row: np.ndarray
    array_col: np.ndarray
    domain: np.ndarray
    annotation: np.ndarray
    mixture: np.ndarray
    marker_of: np.ndarray
    type_names: tuple[str, ...]
    composition: np.ndarray
    off_tissue: dict[str, np.ndarray]

    @property
    def image_size(self) -> tuple[int, int]:
        """Width and height of the full-resolution image in pixels."""
        width, height = np.round(self.tissue.size / self.settings.um_per_px).astype(int)
        return int(width), int(height)

    @property
    def depth(self) -> np.ndarray:
        """(N,) where each spot lies between the first layer's outer edge (0) and the last one's (1)."""
        return relative_depth(self.tissue, self.position * self.settings.um_per_px)

    def stained(self) -> Slide:
        """The H&E-stained section, from which images are drawn."""
        return stain_slide(self.settings, self.tissue)

    def image(self, longest_px: int) -> tuple[np.ndarray, float]:
        """Image uint8 (H, W, 3) with the given longest side, and its scale against full resolution."""
        scale = longest_px / max(self.image_size)
        return draw_image(self.stained(), self.settings.um_per_px / scale), scale


def make_slice(settings: SliceSettings) -> SyntheticSlice:
    """Draw a slice; the image is drawn only when asked for."""
    tissue = draw_tissue(settings)
    layout = place_spots(settings, tissue)
    programme = draw_programme(settings)
    on = layout.in_tissue
    where = layout.position[on]
    counts, mixture = draw_counts(settings, programme, tissue, where)
    domain = tissue.domain(where)
    names = domain_names(settings)
    unlabelled = settings.stream("labels").random(len(domain)) < settings.unlabelled
    pixels = layout.position / settings.um_per_px
    if settings.lattice == VISIUM:
        pixels = np.round(pixels)
    barcodes = _barcodes(settings, len(on))
    return SyntheticSlice(
        settings=settings,
        tissue=tissue,
        counts=counts,
        genes=programme.genes,
        gene_ids=programme.gene_ids,
        barcodes=barcodes[on],
        position=pixels[on],
        array_row=layout.row[on],
        array_col=layout.column[on],
        domain=domain,
        annotation=np.where(unlabelled, UNLABELLED, names[domain]),
        mixture=mixture,
        marker_of=programme.marker_of,
        type_names=programme.type_names,
        composition=programme.composition,
        off_tissue={
            "barcode": barcodes[~on],
            "row": layout.row[~on],
            "column": layout.column[~on],
            "position": pixels[~on],
        },
    )


def domain_names(settings: SliceSettings) -> np.ndarray:
    """Names of the K domains as an annotator would give them."""
    k = settings.n_domains
    if settings.architecture == LAYERED:
        return np.array([f"Layer {i + 1}" for i in range(k - 1)] + ["White matter"])
    return np.array(["Stroma"] + [f"Region {chr(65 + i) if i < 26 else i}" for i in range(k - 1)])


def _barcodes(settings: SliceSettings, n: int) -> np.ndarray:
    """n distinct 16-letter barcodes with the usual suffix, in a fixed random order."""
    rng = settings.shared_stream("barcodes")  # the same whitelist for the slides of a cohort
    letters = np.array(list("ACGT"))[rng.integers(0, 4, (n, 16))]
    # the first letters spell the index in base 4, which makes the barcodes distinct
    index = np.arange(n)[:, None] // 4 ** np.arange(10) % 4
    letters[:, :10] = np.array(list("ACGT"))[index]
    return np.array(["".join(row) + "-1" for row in letters])
