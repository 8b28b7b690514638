"""Pictures of a screen: text, ANSI, SVG, PNG. Pure: values in, text or bytes out."""
