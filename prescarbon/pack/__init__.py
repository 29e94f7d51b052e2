"""The run folder and what stands in it: pages for three readers, tables, manifest."""
