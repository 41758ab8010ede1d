// The page's theme: ?theme=light or dark, else the system's, followed as it changes. A button turns it over, and links
// to other pages of this server take a choice along.
const eevizTheme = (() => {
  const WORDS = ["light", "dark"];
  const system = matchMedia("(prefers-color-scheme: dark)");
  const sheet = document.getElementById("ee-dark");
  const asked = () => {
    const word = new URLSearchParams(location.search).get("theme");
    return WORDS.includes(word) ? word : null;
  };
  const current = () => asked() ?? (system.matches ? "dark" : "light");
  const button = document.createElement("button");

  function dress() {
    const dark = current() === "dark";
    sheet.disabled = !dark;
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
    const { body } = document;
    if (!body) return;
    body.dataset.jpThemeName = dark ? "JupyterLab Dark" : "JupyterLab Light";
    body.dataset.jpThemeLight = String(!dark);
    body.classList.toggle("theme-dark", dark);
    body.classList.toggle("theme-light", !dark);
    button.textContent = dark ? "Light theme" : "Dark theme";
  }

  function choose(word) {
    const query = new URLSearchParams(location.search);
    query.set("theme", word);
    history.replaceState(history.state, "", `${location.pathname}?${query}${location.hash}`);
    dress();
  }

  function take(event) {
    const link = event.target.closest?.("a[href]");
    if (!link || !asked() || link.origin !== location.origin || !link.pathname.endsWith(".ipynb")) return;
    const target = new URL(link.href);
    target.searchParams.set("theme", asked());
    link.href = target.href;
  }

  button.type = "button";
  button.className = "ee-theme";
  button.addEventListener("click", () => choose(current() === "dark" ? "light" : "dark"));
  system.addEventListener("change", dress);
  for (const kind of ["pointerdown", "click", "auxclick", "keydown"]) addEventListener(kind, take, true);
  addEventListener("DOMContentLoaded", () => document.body.append(button));
  sheet.addEventListener("load", dress); // a sheet that is still loading cannot be switched off yet in every browser
  dress();
  return { dress, choose };
})();
