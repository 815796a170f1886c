"""Photos in, faces found, FFHQ squares out, and the edited square back in its photo."""
