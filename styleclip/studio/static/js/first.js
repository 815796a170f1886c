// Runs before the first paint: the theme that was chosen here before.
try {
  const theme = localStorage.getItem("styleclip.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is blocked: the page follows the system.
}
