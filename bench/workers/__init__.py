"""One process for each library and variant, kept alive and driven by lines of JSON."""
