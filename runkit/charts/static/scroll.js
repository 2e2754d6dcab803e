// What is wider than the screen can be scrolled by keyboard, too.
(() => {
  const reach = () => document.querySelectorAll(".wide, .runkit-figure").forEach((box) => {
    box.tabIndex = box.scrollWidth > box.clientWidth ? 0 : -1;
  });
  new ResizeObserver(reach).observe(document.body);
})();
