"""One HTML file per report: sections, figures, charts."""
