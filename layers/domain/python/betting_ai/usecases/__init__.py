"""One verb per file: a frozen command in, a frozen result out."""
