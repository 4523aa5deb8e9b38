"""From the tables to figures: one function a figure, each writing a PNG and a PDF."""
