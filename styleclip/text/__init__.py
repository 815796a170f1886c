"""Text in and out: values written as text, text files, names of folders, text that is safe to print."""
