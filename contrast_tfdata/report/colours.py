"""The colours of figures and pages."""

# Two of the eight colours that M. Okabe and K. Ito (2008) chose to be told apart with any kind of colour vision.
BLUE = "#0072B2"
VERMILLION = "#D55E00"
INK = "#1b2733"
FAINT = "#8a949e"
