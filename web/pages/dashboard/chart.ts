/**
 * A chart of bars and lines over a row of places, drawn by uPlot. What that lacks is here: a name and a role, a cursor
 * for the keyboard, what is under it in words, and colours that follow the page's.
 */

import uPlot from "uplot";

/** The page's colours. */
export type Colours = Record<"ink" | "muted" | "line" | "accent" | "accent-mid" | "accent-soft" | "warm", string>;

/** What there is to draw. */
export interface Drawing {
  /** The name of the chart, with what it shows in a sentence. */
  name: string;
  /** What the marks are, for those who see them. */
  legend: string;
  /** A label for each place. */
  labels: string[];
  /** What is at each place, in words. */
  points: string[];
  /** The greatest value. */
  greatest: number;
  /** How a value is written at the axis; without it there is no axis. */
  write?: (value: number) => string;
  /** Values are whole numbers, or percentages. */
  unit: "count" | "percent";
  data: uPlot.AlignedData;
  series: (colours: Colours, barWidth: number) => uPlot.Series[];
  /** Draws over the rest. */
  over?: (plot: uPlot, colours: Colours) => void;
}

export interface Chart {
  draw(drawing: Drawing): void;
  /** Leaves nothing of what was drawn. */
  clear(): void;
}

const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
/** The part of a place that a bar takes, and the most that it takes in pixels. */
const BAR = [0.7, 56] as const;
const TOP = 10;
const OUTSIDE = { left: -10, top: -10 };

/** Puts a chart into `place`. `readout` shows what is under the cursor, or the legend; `said` is read out. */
export function createChart(place: HTMLElement, readout: HTMLElement, said: HTMLElement): Chart {
  let drawing: Drawing | undefined;
  let plot: uPlot | undefined;
  let width = 0;

  function point(at: number | null | undefined) {
    const text = at == null ? undefined : drawing?.points[at];
    readout.textContent = text ?? drawing?.legend ?? "\u00a0";
    readout.classList.toggle("pointed", text !== undefined);
  }

  function build() {
    // Drawn anew, for another width say, the cursor stays where it was.
    const at = plot?.cursor.idx;
    plot?.destroy();
    plot = undefined;
    width = place.clientWidth;
    point(null);
    if (drawing && width > 0) plot = plotOf(drawing, place, width, at, point);
  }

  function move(event: KeyboardEvent) {
    if (!plot || !drawing || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = drawing.points.length - 1;
    const at = plot.cursor.idx;
    const to: Record<string, number | undefined> = {
      ArrowLeft: at == null ? last : Math.max(0, at - 1),
      ArrowRight: at == null ? 0 : Math.min(last, at + 1),
      Home: 0,
      End: last,
      Escape: undefined,
    };
    if (!(event.key in to) || (event.key === "Escape" && at == null)) return;
    event.preventDefault();
    const next = to[event.key];
    plot.setCursor(next === undefined ? OUTSIDE : { left: plot.valToPos(next, "x"), top: TOP });
    said.textContent = next === undefined ? "" : drawing.points[next]!;
  }

  place.addEventListener("keydown", move);
  place.addEventListener("blur", () => {
    plot?.setCursor(OUTSIDE);
    said.textContent = "";
  });
  new ResizeObserver(() => place.clientWidth !== width && build()).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", build);

  return {
    draw(next) {
      drawing = next;
      place.setAttribute("role", "application");
      place.setAttribute("aria-roledescription", "chart");
      place.setAttribute("aria-label", next.name);
      place.tabIndex = 0;
      build();
    },
    clear() {
      drawing = undefined;
      said.textContent = "";
      for (const name of ["role", "aria-roledescription", "aria-label", "tabindex"]) place.removeAttribute(name);
      build();
    },
  };
}

function plotOf(
  drawing: Drawing,
  place: HTMLElement,
  width: number,
  at: number | null | undefined,
  point: (at: number | null | undefined) => void,
): uPlot {
  const { labels, data, unit, greatest, write } = drawing;
  const colours = coloursOf(place);
  const values = write ? levels(greatest, unit) : [0];
  const top = write ? values.at(-1)! : greatest * 1.2 || 1;
  const left = write ? Math.max(...values.map((value) => write(value).length)) * 7 + 10 : 0;
  const space = (width - left) / labels.length;
  const widest = Math.max(...labels.map((label) => label.length)) * 5.8 + 8;
  // All of them or, with room between them, as many as fit between the axis and the end.
  const every = widest <= space ? 1 : Math.ceil((widest * 1.6) / space);
  const isLabelled = (at: number) =>
    at % every === Math.floor(every / 2) && (labels.length - at - 0.5) * space >= widest / 2;
  return new uPlot(
    {
      width,
      height: place.clientHeight,
      padding: [8, 0, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: false, y: false, setScale: false },
        move: (self, left, top) => [left < 0 ? left : self.valToPos(self.posToIdx(left), "x"), top],
      },
      select: { show: false, left: 0, top: 0, width: 0, height: 0 },
      scales: {
        x: { time: false, range: [-0.5, labels.length - 0.5] },
        y: { range: [0, top] },
      },
      axes: [
        {
          font: FONT,
          stroke: colours.muted,
          size: 24,
          gap: 4,
          grid: { show: false },
          ticks: { show: false },
          splits: () => labels.map((_, at) => at).filter(isLabelled),
          values: (_, splits) => splits.map((at) => labels[at]!),
        },
        {
          font: FONT,
          stroke: colours.muted,
          size: left,
          gap: 6,
          grid: { stroke: colours.line, width: 1 },
          ticks: { show: false },
          splits: () => values,
          values: (_, splits) => (write ? splits.map(write) : splits.map(() => "")),
        },
      ],
      series: [{}, ...drawing.series(colours, Math.min(space * BAR[0], BAR[1]))],
      hooks: {
        ready: [
          (self) => at != null && at < labels.length && self.setCursor({ left: self.valToPos(at, "x"), top: TOP }),
        ],
        setCursor: [(self) => point(self.cursor.left! < 0 ? null : self.cursor.idx)],
        draw: [(self) => drawing.over?.(self, colours)],
      },
    },
    data,
    place,
  );
}

function coloursOf(place: HTMLElement): Colours {
  const style = getComputedStyle(place);
  const names = ["ink", "muted", "line", "accent", "accent-mid", "accent-soft", "warm"] as const;
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()])) as Colours;
}

/** Zero and at most three lines more, at round values, the last of them not below `greatest`. */
export function levels(greatest: number, unit: Drawing["unit"]): number[] {
  if (unit === "percent" && greatest > 60) return [0, 25, 50, 75, 100];
  const least = unit === "percent" ? Math.max(greatest, 3) : Math.max(greatest, 1);
  const scale = 10 ** Math.floor(Math.log10(least / 3));
  const steps = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((step) => step * scale);
  const step = steps.find((step) => step * 3 >= least && Number.isInteger(step)) ?? Math.ceil(least / 3);
  return Array.from({ length: Math.ceil(least / step) + 1 }, (_, at) => at * step);
}

/** Bars. */
export const bars = (options: Partial<uPlot.Series>): uPlot.Series => ({
  paths: uPlot.paths.bars!({ size: [...BAR], radius: [0.12, 0] }),
  points: { show: false },
  ...options,
});

/** A line; where its neighbours are missing, a point. */
export const line = (options: Partial<uPlot.Series> & { stroke: string }): uPlot.Series => ({
  paths: uPlot.paths.linear!(),
  width: 2,
  points: {
    show: true,
    size: 5,
    fill: options.stroke,
    filter: (self, index) => {
      const values = self.data[index]!;
      return [...values.keys()].filter((at) => values[at] != null && values[at - 1] == null && values[at + 1] == null);
    },
  },
  ...options,
});
