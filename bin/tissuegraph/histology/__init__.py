"""From a picture of the tissue to numbers per spot: slides, registration, tiles, stain, encoders."""
