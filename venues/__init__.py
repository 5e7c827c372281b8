"""Where orders go: one port (`port`), its adapters (`paper` is this release's), and which there are (`registry`)."""
