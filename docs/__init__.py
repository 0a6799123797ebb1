"""The site: hand-written pages, and what generates the others."""
