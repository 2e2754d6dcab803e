// Draws a page's figures in the reader's light or dark setting, and for paper.
((settings) => {
  const { themes, config, paperPx, steps } = settings;
  const scheme = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => (scheme.matches ? "dark" : "light");
  const colors = (name) => new Map(Object.entries(themes).flatMap(([, theme]) =>
    Object.keys(theme).map((token) => [theme[token], themes[name][token]])));

  // Exchanges a theme's colors: in what plotly calls a color, and in our own markup of texts.
  const recolored = (value, map, key = "") => {
    if (typeof value === "string") {
      if (key.endsWith("color")) return map.get(value) ?? value;
      return value.replace(/<span style="color:(#[0-9A-F]{6})">/g,
        (whole, color) => whole.replace(color, map.get(color) ?? color));
    }
    if (Array.isArray(value)) return value.map((one) => recolored(one, map, key));
    if (value === null || typeof value !== "object" || value.bdata || ArrayBuffer.isView(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, recolored(one, map, name)]));
  };

  const isOurs = ({ layout }) => Boolean(layout.meta?.alt); // somebody else's figure has its own colors
  const draw = (figure, { data, layout }, name) => {
    const map = colors(name);
    const parts = isOurs({ layout }) ? [recolored(data, map), recolored(layout, map)] : [data, layout];
    return Plotly.react(figure, ...parts, config);
  };
  const figures = [...document.querySelectorAll(".runkit-figure > script")].map((block) => {
    const figure = block.previousElementSibling;
    draw(figure, JSON.parse(block.textContent), chosen());
    // A screen reader gets the label and the table; the drawing is a heap of numbers to it.
    figure.querySelectorAll(".main-svg").forEach((svg) => svg.setAttribute("aria-hidden", "true"));
    return figure;
  });

  // plotly knows no multiples of 60: where its own ticks do not get finer with a zoom, these do.
  const elapsed = (seconds) => {
    let left = Math.abs(seconds);
    const parts = [["d", 86400], ["h", 3600], ["min", 60]].map(([unit, size]) => {
      const count = Math.floor(left / size);
      left = Number((left - count * size).toFixed(6));
      return count && `${count.toLocaleString("en-US")} ${unit}`;
    });
    return (seconds < 0 ? "-" : "") + ([...parts, left && `${left} s`].filter(Boolean).join(" ") || "0");
  };
  const refine = (figure) => {
    const { range: [from, to] } = figure.layout.xaxis;
    const room = (figure.querySelector(".nsewdrag").getBoundingClientRect().width) / 100;
    const step = steps.find((seconds) => (to - from) / seconds <= room) ?? steps.at(-1);
    const ticks = Array.from({ length: Math.floor(to / step) - Math.ceil(from / step) + 1 },
      (_, at) => Number(((Math.ceil(from / step) + at) * step).toFixed(6)));
    const change = { "xaxis.tickvals": ticks, "xaxis.ticktext": ticks.map(elapsed), "xaxis.tickmode": "array" };
    Plotly.relayout(figure, change);
  };
  const refines = ({ layout }) => layout.meta?.refines && layout.xaxis.tickmode === "array";
  figures.filter(refines).forEach((figure) => {
    figure.on("plotly_relayout", (change) => {
      if (Object.keys(change).some((key) => /^xaxis\.(range|autorange)/.test(key))) refine(figure);
    });
  });
  const follow = (name) => figures.filter(isOurs).forEach((figure) => draw(figure, figure, name));

  scheme.addEventListener("change", () => follow(chosen()));
  const fit = (change) => figures.forEach((figure) => Plotly.relayout(figure, change));
  window.addEventListener("beforeprint", () => {
    follow("light");
    fit({ width: paperPx });
  });
  window.addEventListener("afterprint", () => {
    follow(chosen());
    fit({ width: null, autosize: true });
  });
})
