"""How good domains are, beside their controls."""
