// Fills a sentence of the catalogue. Pure.

export type Language = 'vi' | 'en';
export type Sentence = string | { one: string; other: string };
export type Parameters = Record<string, string | number>;

/** Puts `parameters` in their places; `count` chooses the plural form. */
export function say(sentence: Sentence, parameters: Parameters, language: Language): string {
  let text = sentence;
  if (typeof text !== 'string') {
    const count = Number(parameters['count'] ?? 0);
    text = new Intl.PluralRules(language).select(count) === 'one' ? text.one : text.other;
  }
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = parameters[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? new Intl.NumberFormat(language).format(value) : value;
  });
}

/** Vietnamese where the browser prefers it, else English. */
export function languageOf(browser: readonly string[]): Language {
  return (browser[0] ?? '').toLowerCase().startsWith('vi') ? 'vi' : 'en';
}
