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
  clear(): void;
}

const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
/** The part of a place that a bar takes, and the most that it takes in pixels. */
const BAR = [0.7, 56] as const;
const OUTSIDE = { left: -10, top: -10 };

/** Puts a chart into `place`. `readout` shows what is under the cursor, and what it says else; `said` is read out. */
export function createChart(place: HTMLElement, readout: HTMLElement, said: HTMLElement): Chart {
  let drawing: Drawing | undefined;
  let plot: uPlot | undefined;
  let width = 0;
  let usual: string | undefined;

  function point(at: number | null | undefined) {
    const text = at == null ? undefined : drawing?.points[at];
    if (text !== undefined) usual ??= readout.textContent ?? "";
    else if (usual === undefined) return;
    readout.textContent = text ?? usual ?? "";
    readout.classList.toggle("pointed", text !== undefined);
    if (text === undefined) usual = undefined;
  }

  function build() {
    point(null);
    plot?.destroy();
    plot = undefined;
    width = place.clientWidth;
    if (drawing && width > 0) plot = plotOf(drawing, place, width, point);
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
    plot.setCursor(next === undefined ? OUTSIDE : { left: plot.valToPos(next, "x"), top: plot.height / 2 });
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
      build();
    },
  };
}

function plotOf(drawing: Drawing, place: HTMLElement, width: number, point: (at: number | null | undefined) => void) {
  const { labels, data, unit, greatest, write } = drawing;
  const colours = coloursOf(place);
  const values = write ? levels(greatest, unit) : [0];
  const top = write ? values.at(-1)! : greatest * 1.2 || 1;
  const left = write ? Math.max(...values.map((value) => write(value).length)) * 7 + 10 : 0;
  const space = (width - left) / labels.length;
  const widest = Math.max(...labels.map((label) => label.length)) * 6.2 + 14;
  const every = Math.ceil(widest / space);
  const plot = new uPlot(
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
          splits: () => labels.map((_, at) => at).filter((at) => at % every === 0),
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
        setCursor: [(self) => point(self.cursor.left! < 0 ? null : self.cursor.idx)],
        draw: [(self) => drawing.over?.(self, colours)],
      },
    },
    data,
    place,
  );
  return plot;
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
