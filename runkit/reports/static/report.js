(() => {
  const button = document.getElementById("show-code");
  const cells = document.getElementsByClassName("code");
  button.addEventListener("click", () => {
    const isShown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", isShown);
    for (const cell of cells) cell.hidden = !isShown;
  });
})();
