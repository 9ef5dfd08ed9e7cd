/** Instants as people read them, in the language of the place where they stand. */

/** In seconds. */
const UNITS = { day: 86_400, hour: 3_600, minute: 60 };

export interface Times {
  /** The time of day; before today, the day as well. */
  exact(instant: string): string;
  /** How long ago that is. */
  ago(instant: string): string;
}

/** What is later than `now` is now: clocks differ. */
export function timesIn(element: Element, now: number): Times {
  const language = languageOf(element);
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  return {
    exact(instant) {
      const date = new Date(instant);
      const isToday = date.toDateString() === new Date(now).toDateString();
      return date.toLocaleString(language, { timeStyle: "short", ...(!isToday && { dateStyle: "medium" }) });
    },
    ago(instant) {
      const seconds = (now - Date.parse(instant)) / 1_000;
      for (const [unit, size] of Object.entries(UNITS)) {
        if (seconds >= size) return relative.format(-Math.floor(seconds / size), unit as keyof typeof UNITS);
      }
      return relative.format(0, "minute");
    },
  };
}

/** The nearest `lang`, out of whatever shadow the element is in; English, as the texts that are built in, without one. */
function languageOf(element: Element): string {
  const found = element.closest<HTMLElement>("[lang]");
  if (found) {
    try {
      return Intl.getCanonicalLocales(found.lang)[0]!;
    } catch {
      return "en";
    }
  }
  const { host } = element.getRootNode() as Partial<ShadowRoot>;
  return host ? languageOf(host) : "en";
}
