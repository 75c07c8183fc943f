"""Long runs: thousands of callbacks and frames, of which none may be lost or doubled, in memory that stays flat."""
