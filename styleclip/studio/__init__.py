"""The studio: a page in the browser where a prompt becomes a slider and the picture follows it. docs/studio.md."""
