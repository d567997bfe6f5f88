"""Reports as HTML: page, blocks and charts."""
