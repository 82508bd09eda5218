"""Where source comes from: the text that was loaded (``texts``), the function in it (``find``), modules from text."""
