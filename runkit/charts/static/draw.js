// Draws a page's figures in the reader's light or dark setting, and for narrow screens and paper.
((settings) => {
  const { themes, config, narrowPx, labelsPx, labelLetters, rightPx, linePx, paperPx, steps } = settings;
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
    const room = (figure.querySelector(".nsewdrag").getBoundingClientRect().width) / (isNarrow ? 55 : 100);
    const step = steps.find((seconds) => (to - from) / seconds <= room) ?? steps.at(-1);
    const ticks = Array.from({ length: Math.floor(to / step) - Math.ceil(from / step) + 1 },
      (_, at) => Number(((Math.ceil(from / step) + at) * step).toFixed(6)));
    const change = { "xaxis.tickvals": ticks, "xaxis.ticktext": ticks.map(elapsed), "xaxis.tickmode": "array" };
    Plotly.relayout(figure, change);
  };
  const isNarrow = window.innerWidth < narrowPx;
  const refines = ({ layout }) => layout.meta?.refines && (isNarrow || layout.xaxis.tickmode === "array");
  figures.filter(refines).forEach((figure) => {
    figure.on("plotly_relayout", (change) => {
      if (Object.keys(change).some((key) => /^xaxis\.(range|autorange)/.test(key))) refine(figure);
    });
  });
  const follow = (name) => figures.filter(isOurs).forEach((figure) => draw(figure, figure, name));

  // Labels are cut at their ends, and where that would make them alike, in their middles.
  const cut = (text, fromMiddle) => text.replace(/<span.*<\/span>/, "").replace(
    /^(\u00a0*)(<b>)?([^◆<].*?)(?=<|$)/,
    (whole, indent, bold = "", words, _, all) => {
      const letters = words.match(/&[^;]+;|./g);
      const after = all.slice(whole.length).replace(/<[^>]*>/g, "").length;
      const room = labelLetters - indent.length / 2 - bold.length - after;
      if (letters.length <= room + 1) return whole;
      const tail = fromMiddle ? Math.floor(room / 2) : 0;
      const ends = [letters.slice(0, room - tail), letters.slice(letters.length - tail)];
      return indent + bold + ends.map((some) => some.join("")).join("…");
    },
  );
  const shorter = (texts) => {
    const short = texts.map((text) => cut(text, false));
    return short.map((text, at) => (short.indexOf(text) === short.lastIndexOf(text) ? text : cut(texts[at], true)));
  };
  const apart = ({ tickvals, ticktext, range: [from, to] }, width) => {
    let free = -24;
    return tickvals.map((value, at) => [value, ticktext[at]]).filter(([value, text]) => {
      const place = (value - from) / (to - from) * width;
      const half = 4 * text.split("<br>")[0].length;
      if (place - half < free) return false;
      free = place + half;
      return true;
    });
  };

  const moreLines = ({ meta, title }) => linePx * (meta.title.length - title.text.split("<br>").length);

  // Titles, labels and ticks are laid out for a wide screen, and plotly neither wraps, cuts nor thins them.
  const narrow = (figure) => {
    const { margin, height, xaxis, yaxis, meta, annotations = [], xaxis2 } = figure.layout;
    const labels = Math.min(labelsPx, -yaxis.ticklabelstandoff);
    const right = Math.min(rightPx, margin.r);
    const more = moreLines(figure.layout);
    const entries = figure.data.filter((trace) => trace.showlegend).length;
    const below = linePx * Math.max(0, Math.ceil(entries / 2) - 1);
    const width = figure.clientWidth - labels - right - 16;
    const change = {
      "title.text": meta.title.join("<br>"),
      "margin.t": margin.t + more,
      "margin.b": margin.b + below,
      "margin.l": labels + 16,
      "margin.r": right,
      height: height + more + below,
      "yaxis.ticklabelstandoff": -labels,
      "yaxis.ticktext": shorter(yaxis.ticktext),
      annotations: annotations.filter(({ name }) => name !== "wide")
        .map((note) => ({ ...note, text: note.text.split("<br>")[0] })),
    };
    if (xaxis.tickmode === "array") {
      const ticks = apart(xaxis, width);
      change["xaxis.tickvals"] = ticks.map(([value]) => value);
      change["xaxis.ticktext"] = ticks.map(([, text]) => text);
    }
    figure.parentElement.style.height = `${height + more + below}px`;
    Plotly.relayout(figure, change);
    figure.data.forEach((trace, at) => {
      if (trace.name === "durations") {
        const texts = trace.text.map((text) => text.replace(/( · | by ).*/, "")); // there is room for times
        Plotly.restyle(figure, { text: [texts] }, [at]);
      }
      if (xaxis2?.domain && (trace.name === "A" || trace.name === "B")) {
        Plotly.restyle(figure, { visible: false }, [at]);
      }
    });
    if (xaxis2?.domain) {
      Plotly.relayout(figure, { "xaxis.domain": [0, 0.76], "xaxis2.domain": [0.76, 1], "xaxis2.range": [2, 3.05] });
    }
    if (xaxis.tickmode === "auto") refine(figure);
  };

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
  // A fleet says itself what becomes of it on a narrow screen.
  const narrowFleet = (figure) => {
    const { margin, height, meta } = figure.layout;
    const more = moreLines(figure.layout);
    const { layout, hidden } = meta.narrow;
    const change = { ...layout, "title.text": meta.title.join("<br>"), "margin.t": margin.t + more, height: height + more };
    figure.parentElement.style.height = `${change.height}px`;
    Plotly.update(figure, hidden.length ? { visible: false } : {}, change, hidden);
  };
  if (isNarrow) {
    figures.filter(({ layout }) => layout.meta?.title && !layout.meta.narrow).forEach(narrow);
    figures.filter(({ layout }) => layout.meta?.narrow).forEach(narrowFleet);
  }
})
