"""Gene symbols for generated panels. They make figures readable; the counts behind them are invented."""

from __future__ import annotations

import numpy as np

MITOCHONDRIAL = [
    *("MT-CO1", "MT-CO2", "MT-CO3", "MT-ATP6", "MT-ATP8", "MT-CYB", "MT-ND1", "MT-ND2"),
    *("MT-ND3", "MT-ND4", "MT-ND4L", "MT-ND5", "MT-ND6"),
]
HOUSEKEEPING = [
    *("ACTB", "GAPDH", "B2M", "EEF1A1", "TPT1", "UBC", "FTH1", "FTL", "TMSB4X", "RPLP0", "RPLP1", "RPS3"),
    *("RPS6", "RPS18", "RPL13", "RPL32", "PPIA", "HSP90AB1", "TUBA1B", "ATP5F1B", "CALM1", "PGK1", "LDHA"),
]
CORTEX_TYPES = {
    "Oligodendrocyte": ("MBP", "PLP1", "MOBP", "MOG", "CNP", "MAL", "TF", "ERMN"),
    "Upper excitatory": ("CUX2", "LAMP5", "CALB1", "HPCAL1", "RASGRF2", "PVRL3", "CARTPT", "LINC00507"),
    "Layer 4 excitatory": ("RORB", "NEFM", "NEFH", "PVALB", "EYA4", "COL5A2", "SCNN1A", "RSPO1"),
    "Deep excitatory": ("FEZF2", "BCL11B", "TLE4", "FOXP2", "PCP4", "TRABD2A", "HS3ST4", "NR4A2"),
    "Astrocyte": ("GFAP", "AQP4", "SLC1A2", "SLC1A3", "GJA1", "ALDOC", "FGFR3", "AGT"),
    "Interneuron": ("GAD1", "GAD2", "SST", "VIP", "NPY", "RELN", "CCK", "SLC32A1"),
    "Microglia": ("CSF1R", "C1QA", "C1QB", "CX3CR1", "P2RY12", "AIF1", "TYROBP", "CTSS"),
    "Endothelial": ("CLDN5", "FLT1", "PECAM1", "VWF", "ITM2A", "SLC2A1", "ABCB1", "RGS5"),
}
TUMOUR_TYPES = {
    "Fibroblast": ("COL1A1", "COL1A2", "COL3A1", "DCN", "LUM", "FAP", "POSTN", "SPARC"),
    "Luminal tumour": ("ERBB2", "GRB7", "KRT19", "GATA3", "TFF3", "AGR2", "ESR1", "XBP1"),
    "Basal tumour": ("KRT5", "KRT14", "KRT17", "EGFR", "MKI67", "TOP2A", "SOX10", "FOXC1"),
    "B cell": ("MS4A1", "CD79A", "CD19", "MZB1", "JCHAIN", "IGHG1", "IGKC", "BANK1"),
    "T cell": ("CD3D", "CD3E", "CD2", "CD8A", "TRAC", "IL7R", "GZMK", "CCL5"),
    "Macrophage": ("CD68", "CD163", "LYZ", "APOE", "C1QC", "MARCO", "SPP1", "FCGR3A"),
    "Adipocyte": ("ADIPOQ", "PLIN1", "PLIN4", "FABP4", "LEP", "CIDEC", "LPL", "GPD1"),
    "Vessel": ("VWF", "PECAM1", "ACTA2", "TAGLN", "MYH11", "CDH5", "ENG", "PLVAP"),
}
_FAMILIES = (
    "ZNF{}",
    "TMEM{}",
    "CCDC{}",
    "FAM{}A",
    "KIF{}C",
    "SLC{}A2",
    "ANKRD{}",
    "LRRC{}",
    "WDR{}",
    "RAB{}L",
)


def cell_types(architecture: str, n: int) -> dict[str, tuple[str, ...]]:
    """n cell types with the symbols of their first markers; types beyond the known ones have none."""
    known = CORTEX_TYPES if architecture == "layered" else TUMOUR_TYPES
    named = dict(list(known.items())[:n])
    return named | {f"Cell type {i + 1}": () for i in range(len(named), n)}


def filler(n: int) -> list[str]:
    """n distinct symbols without a part in any programme."""
    return [_FAMILIES[i % len(_FAMILIES)].format(101 + i // len(_FAMILIES)) for i in range(n)]


def spelled(symbols: list[str], species: str) -> np.ndarray:
    """Symbols as written for a species: ACTB and MT-ND1, or Actb and mt-Nd1."""
    if species == "human":
        return np.array(symbols)
    mouse = ["mt-" + s[3:].capitalize() if s.startswith("MT-") else s.capitalize() for s in symbols]
    return np.array(mouse)
