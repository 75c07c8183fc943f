"""What happened, kept within bounds: store, filtered views, words, details and exports. No terminal library here."""
