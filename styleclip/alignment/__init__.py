"""Photos: read them, find faces, crop them as FFHQ does, and paste edited crops back."""
