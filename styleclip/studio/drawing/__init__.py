"""Drawing a state: its face, its rows and their steps, the picture and its facts."""
