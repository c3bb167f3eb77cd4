// The language of the page: the one that was chosen, else the browser's. Of the
// others nothing is loaded.

import { speak } from "../lib/api";
import { settings } from "../lib/settings.svelte";
import { en, type Texts } from "./en";

export const languages: Record<string, () => Promise<Texts>> = {
  en: async () => en,
  fr: async () => (await import("./fr")).fr,
};

// As each calls itself.
export const names: Record<string, string> = { en: "English", fr: "Français" };

// pick is the first of the browser's languages that there is.
export function pick(wanted: readonly string[]): string {
  return wanted.map((l) => l.slice(0, 2).toLowerCase()).find((l) => l in languages) ?? "en";
}

const capital = (s: string) => s.charAt(0).toUpperCase() + s.slice(1);

class I18n {
  locale = $derived(settings.language === "system" ? pick(navigator.languages) : settings.language);
  #loaded = $state.raw<Readonly<Record<string, Texts>>>({ en });
  t = $derived(this.#loaded[this.locale] ?? en);

  // load fetches the texts of a language; English stays until they are there.
  async load(locale = this.locale) {
    if (this.#loaded[locale]) return;
    const texts = await languages[locale]!();
    this.#loaded = { ...this.#loaded, [locale]: texts };
  }

  // tag is what dates are formatted by: the browser's own variant, if it is of
  // the same language, as en-GB.
  tag = $derived(navigator.languages.find((l) => l.startsWith(this.locale)) ?? this.locale);

  // node words what the node says in English; what is not known stays so.
  node(sentences: string): string {
    return this.t.node.reduce((text, [pattern, words]) => text.replace(pattern, words), sentences);
  }

  // sentence is one of them, as it stands alone.
  sentence(text: string): string {
    const s = capital(this.node(capital(text)));
    return /[.!?…]$/.test(s) ? s : `${s}.`;
  }
}

export const i18n = new I18n();
speak({ unreachable: () => i18n.t.app.unreachable, sentence: (text) => i18n.sentence(text) });
