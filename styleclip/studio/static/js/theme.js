// The switch between the system's theme, light and dark.
import {html, useState} from "../vendor/preact-htm.js";
import {Icon} from "./icons.js";

const THEMES = ["auto", "light", "dark"];
const NAMES = {auto: "as the system", light: "light", dark: "dark"};

export function ThemeButton() {
  const [theme, setTheme] = useState(document.documentElement.dataset.theme ?? "auto");
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  const choose = () => {
    if (next === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("styleclip.theme", next);
    } catch {
      // Storage is blocked: the choice lasts as long as the page.
    }
    setTheme(next);
  };
  return html`<button class="quiet icon" data-testid="theme" aria-label=${`Colours: ${NAMES[theme]}`} onClick=${choose}
    title=${`Colours are ${NAMES[theme]}; press for ${NAMES[next]}.`}>
    <${Icon} name=${{auto: "auto", light: "sun", dark: "moon"}[theme]} />
  </button>`;
}
