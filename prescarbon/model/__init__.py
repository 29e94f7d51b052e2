"""Pure functions of LazyFrames: no file, no clock, no network."""
