// The map: colours, legend, names, zoom, and moving about with keys and pointer.
// Colours: classes of equal width about zero; the middle one is for what is next to nothing.
const round = (least) => {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 4, 5, 8, 10].find((digit) => digit * power >= least * 0.999999) * power;
};
const half = data.colours.length / 2;
function widthOf(values) {
  const others = values.filter((v, i) => v && !(paired() && i === state.city));
  const most = Math.max(0, ...others.map((v) => Math.abs(v[0])));
  return most === 0 ? 0 : round(most / half);
}
function classOf(value, width) {
  if (width === 0 || value === 0) return -1;
  return Math.min(2 * half - 1, Math.max(0, Math.floor(value / width + half)));
}
function fillOf(v, width) {
  if (!v) return "#cdcdcd";
  const k = classOf(v[0], width);
  if (k < 0) return "#ffffff";
  return uncertain(v) ? `url(#hatch${k})` : data.colours[k];
}

function paintMap() {
  const values = shown(), width = widthOf(values);
  shapes.forEach((shape, i) => {
    const self = paired() && i === state.city;
    shape.setAttribute("fill", self ? "#fff3b0" : fillOf(values[i], width));
    shape.setAttribute("aria-selected", String(i === state.city));
    const { name, block } = cities[i];
    shape.setAttribute("aria-label",
      `${name}${block ? ` (${block})` : ""}: ${self ? say("chosen city") : spoken(values[i])}`);
  });
  by("chosen").setAttribute("d", state.city < 0 ? "" : shapes[state.city].getAttribute("d"));
  paintLegend(width, values);
}
function paintLegend(width, values) {
  const legend = by("legend");
  legend.replaceChildren();
  if (width > 0) {
    const scale = element("span", { class: "scale" }, null, legend);
    for (const colour of data.colours) element("i", {}, null, scale).style.background = colour;
    const ticks = [-half, 2 - half, 0, half - 2, half];
    const after = (v) => (String(Number(v.toPrecision(6))).split(".")[1] || "").length;
    const decimals = Math.max(...ticks.map((at) => after(at * width)));
    for (const at of ticks) {
      const text = element("b", {}, number(at * width, decimals), scale);
      text.style.left = `${50 * (1 + at / half)}%`;
    }
  }
  const keys = [];
  if (values.some((v) => v && uncertain(v))) keys.push(["hatched", "interval contains zero"]);
  if (values.some((v) => v && fixed(v) && v[0] === 0)) keys.push(["zero", "zero in this model"]);
  if (values.some((v) => !v) || map.querySelector(".context")) keys.push(["empty", "no data"]);
  for (const [look, text] of keys) {
    const entry = element("span", { class: "key" }, null, legend);
    element("i", { class: look }, null, entry);
    entry.append(say(text));
  }
}

// Labels and hatching keep their size on the screen; of the names as fit, the chosen city first.
const inside = (box, x, y) =>
  x > box.x && x < box.x + box.width && y > box.y && y < box.y + box.height;
function fitScreen() {
  const layer = by("labels"), box = map.viewBox.baseVal;
  const across = box.width / (map.clientWidth || 800), down = box.height / (map.clientHeight || 600);
  const unit = Math.max(across, down), size = LABEL_PX * unit;
  layer.setAttribute("font-size", size);
  by("bar").setAttribute("font-size", size);
  for (const pattern of map.querySelectorAll("pattern"))
    pattern.setAttribute("patternTransform", `scale(${unit})`);
  const taken = [];
  const order = [...layer.children]
    .map((text) => [text, Number(text.dataset.city)])
    .sort((a, b) => (b[1] === state.city) - (a[1] === state.city));
  for (const [text, i] of order) {
    const w = letters(text.textContent) * size, y = Number(text.getAttribute("y"));
    const edges = [box.x + w / 2 + unit, box.x + box.width - w / 2 - unit];
    const x = Math.min(edges[1], Math.max(edges[0], Number(text.dataset.x)));
    text.setAttribute("x", inside(box, text.dataset.x, y) ? x : text.dataset.x);
    const area = [x - w / 2, y - size * 0.6, x + w / 2, y + size * 0.6];
    const free = taken.every((t) =>
      t[0] > area[2] || t[2] < area[0] || t[1] > area[3] || t[3] < area[1]);
    text.classList.toggle("away", !free);
    text.classList.toggle("chosen", i === state.city);
    if (free) taken.push(area);
  }
}
const whole = map && [0, 0, map.viewBox.baseVal.width, map.viewBox.baseVal.height];
let zoom = 1;
function zoomTo(factor) {
  zoom = Math.min(16, Math.max(1, factor));
  const w = whole[2] / zoom, h = whole[3] / zoom, box = map.viewBox.baseVal;
  const at = state.city < 0 ? null : cities[state.city].at;
  const [x, y] = at || [box.x + box.width / 2, box.y + box.height / 2];
  const left = Math.min(whole[2] - w, Math.max(0, x - w / 2));
  const top = Math.min(whole[3] - h, Math.max(0, y - h / 2));
  map.setAttribute("viewBox", `${left} ${top} ${w} ${h}`);
  if (by("inset")) by("inset").classList.toggle("away", zoom > 1);
  by("bar").classList.toggle("away", zoom > 1);
  fitScreen();
}

function rove(city, focus) {
  shapes.forEach((shape, i) => shape.setAttribute("tabindex", i === city ? "0" : "-1"));
  if (focus) shapes[city].focus();
}
function nearest(from, [dx, dy]) {
  const [x, y] = cities[from].at;
  let best = from, least = Infinity;
  cities.forEach(({ at }, i) => {
    const along = (at[0] - x) * dx + (at[1] - y) * dy;
    const across = Math.abs((at[0] - x) * dy) + Math.abs((at[1] - y) * dx);
    if (i !== from && along > 0 && along + 2 * across < least)
      [best, least] = [i, along + 2 * across];
  });
  return best;
}
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
function onKey(event) {
  const from = shapes.indexOf(event.target);
  if (from < 0) return;
  if (event.key in ARROWS) rove(nearest(from, ARROWS[event.key]), true);
  else if (event.key === "Home") rove(0, true);
  else if (event.key === "End") rove(cities.length - 1, true);
  else if (event.key === "Enter" || event.key === " ") choose(from === state.city ? -1 : from);
  else if (event.key === "Escape") choose(-1);
  else return;
  event.preventDefault();
}
function hover(index, x, y) {
  const tip = by("tip");
  tip.hidden = index < 0;
  by("ring").setAttribute("d", index < 0 ? "" : shapes[index].getAttribute("d"));
  if (index < 0) return;
  const frame = by("frame").getBoundingClientRect();
  tip.textContent = `${cities[index].name}: ${full(shown()[index])}`;
  tip.style.left = `${Math.min(x - frame.left + 12, frame.width - tip.offsetWidth - 4)}px`;
  tip.style.top = `${y - frame.top + 16}px`;
}
