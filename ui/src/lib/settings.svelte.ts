// What this browser remembers of how the page should look and behave.

export type Theme = "system" | "light" | "dark";
export type Language = "system" | "en" | "fr";

const themes = ["system", "light", "dark"] as const;
const languages = ["system", "en", "fr"] as const;

function kept<T extends string>(name: string, allowed: readonly T[]): T {
  const value = localStorage.getItem(`kith.${name}`) as T;
  return allowed.includes(value) ? value : allowed[0]!;
}

class Settings {
  theme = $state<Theme>(kept("theme", themes));
  language = $state<Language>(kept("language", languages));
  // notify: "off", "name" shows who wrote, "text" also what.
  notify = $state(kept("notify", ["off", "name", "text"] as const));

  set(name: "theme" | "language" | "notify", value: string) {
    localStorage.setItem(`kith.${name}`, value);
    this.theme = kept("theme", themes);
    this.language = kept("language", languages);
    this.notify = kept("notify", ["off", "name", "text"] as const);
  }
}

export const settings = new Settings();
