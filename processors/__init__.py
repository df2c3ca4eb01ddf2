"""Topic to topic: intake, coordinator, slicer, transcriber. They meet only through topics."""
