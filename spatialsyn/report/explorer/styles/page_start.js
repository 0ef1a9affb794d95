// Wiring: from controls, map and curve to what the page shows.
for (const W of new Set(models.map((m) => m.W)))
  element("option", { value: W }, W || say("none"), by("weights"));
by("weights").addEventListener("change", (event) => switchW(event.target.value));
by("model").addEventListener("change", (event) => switchTo(Number(event.target.value)));
by("city").addEventListener("change", (event) => choose(Number(event.target.value)));
by("more").addEventListener("click", () => { everything = !everything; readOut(); });
for (const radio of document.querySelectorAll("[name=show]"))
  radio.addEventListener("change", () => { state.show = radio.value; render(); });
for (const radio of document.querySelectorAll("[name=effect]"))
  radio.addEventListener("change", curve);
const pick = (event) => {
  const spot = event.target.closest(".spot");
  if (!spot || (event.key && event.key !== "Enter" && event.key !== " ")) return;
  event.preventDefault();
  switchTo(Number(spot.dataset.model));
  const again = by("curve").querySelector(`[data-model="${state.model}"]`);
  if (event.key && again) again.focus();
};
by("curve").addEventListener("click", pick);
by("curve").addEventListener("keydown", pick);
if (map) {
  rove(0, false);
  map.addEventListener("click", (event) => {
    const index = shapes.indexOf(event.target);
    if (index >= 0) choose(index === state.city ? -1 : index);
  });
  map.addEventListener("keydown", onKey);
  map.addEventListener("pointermove", (event) =>
    hover(shapes.indexOf(event.target), event.clientX, event.clientY));
  map.addEventListener("pointerleave", () => hover(-1));
  // Not on the map: Blink lets the focus into an svg that listens for it.
  by("frame").addEventListener("focusin", (event) => {
    const index = shapes.indexOf(event.target);
    if (index < 0 || !event.target.matches(":focus-visible")) return;
    const box = event.target.getBoundingClientRect();
    hover(index, box.right - box.width / 2, box.bottom - box.height / 2);
  });
  by("frame").addEventListener("focusout", () => hover(-1));
  by("closer").addEventListener("click", () => zoomTo(zoom * 1.6));
  by("farther").addEventListener("click", () => zoomTo(zoom / 1.6));
  by("whole").addEventListener("click", () => zoomTo(1));
  window.addEventListener("resize", fitScreen);
}
render();
document.documentElement.dataset.ready = String(Math.round(performance.now()));
