"""From a picture to a latent that draws it: W+ by descent, and a generator tuned around it."""
