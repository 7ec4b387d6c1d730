// Runs before the first paint, so that a stored theme does not flash the other one.
try {
  const kept = JSON.parse(localStorage.getItem('soc.preferences') || '{}');
  if (kept.theme === 'dark' || kept.theme === 'light') {
    document.documentElement.dataset.theme = kept.theme;
  }
} catch {
  // Storage may be refused: the system's theme is used.
}
