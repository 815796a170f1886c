"""Photos in the style of a text, by a U-Net that CLIP trains on them (CLIPstyler, Kwon and Ye 2022)."""
