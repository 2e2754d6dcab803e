(() => {
  const button = document.getElementById("show-code");
  const cells = document.getElementsByClassName("code");
  button.addEventListener("click", () => {
    const isShown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", isShown);
    for (const cell of cells) cell.hidden = !isShown;
  });
  const tallPx = 900; // of a page
  let folded = []; // paper cannot be unfolded
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const one of folded) one.open = true;
    for (const figure of document.getElementsByClassName("runkit-figure")) {
      figure.classList.toggle("tall", figure.offsetHeight > tallPx);
    }
  });
  window.addEventListener("afterprint", () => {
    for (const one of folded) one.open = false;
  });
})();
