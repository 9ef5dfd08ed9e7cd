/** What a reader looks at, and the query of the page's address that says so. */

import * as periods from "./periods.js";
import type { Choice, Preset, Span } from "./periods.js";

export const CHARTS = ["sessions", "share", "durations"] as const;
export type ChartName = (typeof CHARTS)[number];

export interface View {
  choice: Choice;
  /** `undefined`: the one in which the range is best read. */
  span: Span | undefined;
  /** The charts that are shown as tables too. */
  tables: ChartName[];
}

const USUAL: Preset = "28d";
const SPANS = new Map<string, Span>([
  ["day", "daily"],
  ["week", "weekly"],
  ["month", "monthly"],
]);

/** The view of a query. What it does not know, or cannot show, is as if it were not there. */
export function readView(query: string, today: string): View {
  const asked = new URLSearchParams(query);
  const preset = asked.get("range") as Preset | null;
  const range = { startDate: asked.get("from") ?? "", endDate: asked.get("to") ?? "" };
  const isPreset = preset !== null && periods.PRESETS.includes(preset);
  const usual = isPreset ? preset : USUAL;
  const tables = (asked.get("table") ?? "").split(",");
  return {
    choice: !isPreset && periods.whatIsWrong(range, today) === undefined ? range : usual,
    span: SPANS.get(asked.get("span") ?? ""),
    tables: CHARTS.filter((name) => tables.includes(name)),
  };
}

/** The query of a view; empty for the usual one. */
export function writeView({ choice, span, tables }: View): string {
  const query: string[] = [];
  if (typeof choice === "object") query.push(`from=${choice.startDate}`, `to=${choice.endDate}`);
  else if (choice !== USUAL) query.push(`range=${choice}`);
  for (const [word, meant] of SPANS) if (meant === span) query.push(`span=${word}`);
  if (tables.length) query.push(`table=${tables.join(",")}`);
  return query.length ? `?${query.join("&")}` : "";
}

/** The span of a view: the one that was chosen, or the usual one. A single day has days around it. */
export function spanOf({ choice, span }: View, today: string): Span {
  const range = periods.rangeOf(choice, today);
  return periods.lengthOf(range) === 1 ? "daily" : (span ?? periods.usualSpan(range));
}
