"""When a slice is a panel: genes chosen by hand, as imaging platforms measure them."""

PANEL_GENES = 1000  # at most; a whole transcriptome has ten times as many
