"""The state of a tab: its values, reading them from JSON, from the record of a picture and from a file of ours."""
