(() => {
  const pagePx = 980; // of a page: Letter between its margins, below the running head and two headings, / 0.77
  const rowTexts = ".ytick text, .textpoint text";
  // A figure that is taller than a page, in slices that are cut between two rows.
  const slices = (figure) => {
    const box = figure.getBoundingClientRect();
    const rows = [...figure.querySelectorAll(rowTexts)].map((row) => row.getBoundingClientRect().top - box.top);
    rows.sort((a, b) => a - b);
    const cuts = [0];
    rows.forEach((top, at) => {
      if ((rows[at + 1] ?? box.height) - cuts.at(-1) > pagePx) cuts.push(top - 3);
    });
    return cuts.map((from, at) => {
      const slice = document.createElement("div");
      const copy = figure.cloneNode(true);
      slice.className = "slice";
      slice.style.height = `${(cuts[at + 1] ?? box.height) - from}px`;
      copy.style.translate = `0 ${-from}px`;
      slice.append(copy);
      return slice;
    });
  };
  let folded = []; // paper cannot be unfolded
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const one of folded) one.open = true;
    for (const figure of document.querySelectorAll(".runkit-figure")) {
      const parts = figure.offsetHeight > pagePx ? slices(figure) : [];
      if (parts.length < 2) continue;
      figure.after(...parts);
      figure.classList.add("in-slices");
    }
  });
  window.addEventListener("afterprint", () => {
    for (const one of folded) one.open = false;
    for (const slice of document.querySelectorAll(".slice")) slice.remove();
    for (const figure of document.querySelectorAll(".in-slices")) figure.classList.remove("in-slices");
  });
})();
