// The page's own script: reads the data block, fills the readouts, draws the curve.
// It loads nothing and stores nothing; every text enters as text, never as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const { cities, models, words } = data;
const SVG = "http://www.w3.org/2000/svg";
const by = (id) => document.getElementById(id);
const say = (text, fields = {}) =>
  words[text].replace(/\{(\w*)\}/g, (_, key) => fields[key || "_"]);
const state = { model: 0, city: -1, show: "emitted" };
const map = by("map");
const shapes = map ? [...map.querySelectorAll(".city")] : [];
const FEW = 10;
const LABEL_PX = 11;
const TITLES = {
  emitted: "Emitted by each city to all others together",
  received: "Received by each city from all others together",
  direct: "Own effect of each city",
  net: "Emitted minus received, by city",
};
const NAMES = {
  direct: "own effect", received: "received", emitted: "emitted", net: "emitted minus received",
};

// Numbers. An interval is [estimate, low, high]; null stands for a number there is none of.
const places = (scale) =>
  scale > 0 && scale < 0.005 ? 1 - Math.floor(Math.log10(scale)) : 3;
function number(value, decimals) {
  if (value === 0) return "0";
  const text = decimals > 6 ? value.toExponential(1) : value.toFixed(decimals);
  return text.replace(/^-(?=[0.]*$)/, "").replace(/-/g, "\u2212");
}
const fixed = ([, low, high]) => low === 0 && high === 0;
const open = ([, low]) => low === null;
const uncertain = (v) => !open(v) && !fixed(v) && v[1] <= 0 && v[2] >= 0;
function estimate(v) {
  if (!v) return say("no data");
  return fixed(v) && v[0] === 0 ? "\u2013" : number(v[0], places((v[2] - v[1]) / 4));
}
function interval(v) {
  if (!v || fixed(v)) return "";
  if (open(v)) return `(${say("interval not available")})`;
  const decimals = places((v[2] - v[1]) / 4);
  return `[${number(v[1], decimals)}, ${number(v[2], decimals)}]`;
}
const full = (v) => `${estimate(v)} ${interval(v)}`.trim();
function spoken(v) {
  if (!v || fixed(v)) return estimate(v);
  if (open(v)) return full(v);
  const certain = uncertain(v) ? `, ${say("interval contains zero")}` : "";
  return `${estimate(v)}, ${say("{}% interval", { _: data.level })} ${interval(v)}${certain}`;
}

// Pairs: estimates, then standard errors, row i receiving from column j.
const decoded = new Map();
function pairs(index) {
  const packed = models[index].pairs;
  if (packed && !decoded.has(index)) {
    const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    decoded.set(index, new DataView(bytes.buffer));
  }
  return decoded.get(index);
}
function pair(to, from) {
  const view = pairs(state.model), n = cities.length, at = to * n + from;
  const value = view.getFloat32(4 * at, true), se = view.getFloat32(4 * (n * n + at), true);
  if (Number.isNaN(value)) return null;
  return Number.isNaN(se) ? [value, null, null] : [value, value - data.z * se, value + data.z * se];
}

// What the map shows now: an interval per city.
const paired = () =>
  state.city >= 0 && (state.show === "emitted" || state.show === "received") &&
  models[state.model].pairs !== null;
function shown() {
  const own = models[state.model].city;
  if (!paired()) return own[state.show];
  return cities.map((_, i) =>
    state.show === "emitted" ? pair(i, state.city) : pair(state.city, i));
}
function title() {
  if (!paired()) return say(TITLES[state.show]);
  const text = state.show === "emitted"
    ? "Emitted by {city} to each city" : "Received by {city} from each city";
  return say(text, { city: cities[state.city].name });
}

function element(tag, attributes = {}, text = null, parent = null) {
  const svg = attributes.svg;
  const made = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes))
    if (key !== "svg") made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}
// Width of a text in letters of its height: Chinese ones are square.
const letters = (text) => [...text].reduce((sum, c) => sum + (c > "\u2e80" ? 1.05 : 0.58), 0);
function tabulate(table, caption, head, rows) {
  table.replaceChildren();
  element("caption", {}, caption, table);
  const top = element("tr", {}, null, element("thead", {}, null, table));
  for (const cell of head) element("th", { scope: "col" }, cell, top);
  const body = element("tbody", {}, null, table);
  for (const [label, ...cells] of rows) {
    const row = element("tr", {}, null, body);
    element("th", { scope: "row" }, label, row);
    for (const v of cells) {
      const cell = element("td", {}, typeof v === "string" ? v : estimate(v), row);
      if (typeof v === "string") continue;
      if (v && uncertain(v)) cell.className = "uncertain";
      element("span", { class: "interval" }, interval(v), cell);
    }
  }
}

function readOut() {
  const model = models[state.model], city = cities[state.city];
  const caption = title() + (model.W ? ` \u00b7 W: ${model.W}` : "");
  by("caption").textContent = caption;
  by("equation").textContent = model.equation;
  const lines = city
    ? Object.entries(NAMES).map(([key, text]) => [say(text), model.city[key][state.city]])
    : ["direct", "indirect", "total"].map((key) => [say(key), model.average[key]]);
  by("who").textContent = city ? city.name + (city.block ? ` (${city.block})` : "") : say("all cities");
  const list = by("numbers");
  list.replaceChildren();
  for (const [text, v] of lines) {
    element("dt", {}, text, list);
    element("dd", { class: v && uncertain(v) ? "uncertain" : "" }, full(v), list);
  }
  by("fit").replaceChildren();
  for (const [text, fact] of model.fit) {
    element("dt", {}, text, by("fit"));
    element("dd", {}, fact, by("fit"));
  }
  let hint = city ? "" : say("Choose a city on the map or in the list.");
  if (city && !model.city.direct[state.city]) hint = say("This model was fitted without this city.");
  else if (city && model.pairs === null)
    hint = say("Effects of pairs were left out of this model to keep the page small.");
  by("hint").textContent = hint;
  const main = city && model.city.emitted[state.city];
  by("status").textContent = city
    ? `${caption}. ${city.name}: ${lines.map(([text, v]) => `${text} ${spoken(v)}`).join("; ")}`
    : `${caption}. ${hint}`;
  listPairs(Boolean(main && model.pairs));
}
let everything = false;
function listPairs(possible) {
  by("listed").hidden = by("more").hidden = !possible;
  if (!possible) return;
  const found = cities.map((city, i) => [city.name, pair(state.city, i), pair(i, state.city), i]);
  const rows = found.filter(([, v, , i]) => v && i !== state.city);
  const size = ([, a, b]) => Math.max(Math.abs(a[0]), Math.abs(b[0]));
  rows.sort((a, b) => size(b) - size(a));
  const kept = everything ? rows : rows.slice(0, FEW);
  tabulate(by("pairs"),
    say("Largest effects between {city} and other cities", { city: cities[state.city].name }),
    [say("City"), say("from it"), say("to it")], kept.map(([name, a, b]) => [name, a, b]));
  by("more").textContent = say(everything ? "show fewer" : "show all");
  by("more").hidden = rows.length <= FEW;
}
function readBlocks() {
  const blocks = models[state.model].blocks;
  if (!by("blocks")) return;
  by("blocks").replaceChildren();
  if (!blocks.length) return;
  const others = blocks.map((row) => say("of which from {}", { _: row.block }));
  const wide = blocks[0].from.length > 0;
  tabulate(by("blocks"), `${models[state.model].name}: ${models[state.model].what}`,
    [say("Block"), say("own"), say("from other cities"), ...(wide ? others : []), say("total"),
      say("to other cities")],
    blocks.map((row) => [row.block, row.own, row.received, ...(wide ? row.from : []), row.total,
      row.emitted]));
}

// The specification curve: models in the order of an effect, what they are made of below.
function curve() {
  const place = by("curve"), effect = document.querySelector("[name=effect]:checked").value;
  place.replaceChildren();
  const order = models.map((_, i) => i)
    .sort((a, b) => models[a].average[effect][0] - models[b].average[effect][0]);
  const ends = order.flatMap((i) => models[i].average[effect]).filter((v) => v !== null).concat(0);
  const low = Math.min(...ends), high = Math.max(...ends), tall = 190;
  const y = (v) => 14 + (tall - 28) * ((high - v) / (high - low || 1));
  const facts = [
    ...[...new Set(models.map((m) => m.W))].map((W) => [`W: ${W || say("none")}`, (m) => m.W === W]),
    ...[...new Set(models.map((m) => m.what))].map((what) => [what, (m) => m.what === what]),
  ];
  const left = 20 + 12 * Math.max(...facts.map(([text]) => letters(text)));
  const x = (k) => left + 24 + k * ((900 - left - 40) / Math.max(order.length - 1, 1));
  place.setAttribute("viewBox", `0 0 900 ${tall + 18 + 20 * facts.length}`);
  const draw = (tag, attributes, text = null, parent = place) =>
    element(tag, { svg: true, ...attributes }, text, parent);
  draw("line", { x1: left, x2: 896, y1: y(0), y2: y(0), class: "axis" });
  const step = round((high - low || 1) / 5), decimals = Math.max(0, -Math.floor(Math.log10(step)));
  for (let k = Math.ceil(low / step); k * step <= high; k += 1)
    draw("text", { x: left - 8, y: y(k * step) + 4, "text-anchor": "end" },
      number(k * step, decimals));
  facts.forEach(([text], row) =>
    draw("text", { x: left - 8, y: tall + 24 + 20 * row, "text-anchor": "end" }, text));
  order.forEach((i, k) => {
    const v = models[i].average[effect], at = x(k);
    const spot = draw("g", { class: `spot${i === state.model ? " now" : ""}`, tabindex: 0,
      role: "button", "aria-pressed": String(i === state.model), "data-model": i,
      "aria-label": `${models[i].name} (${models[i].what}): ${spoken(v)}` });
    draw("title", {}, `${models[i].name}: ${full(v)}`, spot);
    draw("rect", { x: at - 11, y: 2, width: 22, height: tall + 14 + 20 * facts.length,
      class: "back" }, null, spot);
    if (!open(v)) draw("line", { x1: at, x2: at, y1: y(v[1]), y2: y(v[2]) }, null, spot);
    draw("circle", { cx: at, cy: y(v[0]), r: 4.5, class: uncertain(v) || fixed(v) || open(v) ? "hollow" : "" },
      null, spot);
    facts.forEach(([, holds], row) => draw("circle", { cx: at, cy: tall + 20 + 20 * row, r: 4,
      class: holds(models[i]) ? "" : "off" }, null, spot));
  });
  tabulate(by("curve-table"), document.querySelector("[name=effect]:checked").parentNode.textContent.trim(),
    [say("Model"), say("Weights matrix"), say("direct"), say("indirect"), say("total")],
    order.map((i) => [`${models[i].name} (${models[i].what})`, models[i].W || say("none"),
      models[i].average.direct, models[i].average.indirect, models[i].average.total]));
}

function choose(city, focus = false) {
  state.city = city;
  everything = false;
  by("city").value = String(city);
  if (map && city >= 0) rove(city, focus);
  render();
}
// Switching W keeps the rest of the specification where there is a model that has it.
function switchW(W) {
  const now = models[state.model];
  const same = models.findIndex((m) => m.W === W && m.what === now.what);
  switchTo(same >= 0 ? same : models.findIndex((m) => m.W === W));
}
function switchTo(index) {
  state.model = index;
  render();
}
function offerModels() {
  const W = models[state.model].W, list = by("model");
  by("weights").value = W;
  list.replaceChildren();
  models.forEach((m, i) => {
    if (m.W === W) element("option", { value: i }, `${m.name} (${m.what})`, list);
  });
  list.value = String(state.model);
}
function render() {
  offerModels();
  if (map) {
    paintMap();
    fitScreen();
  }
  readOut();
  readBlocks();
  curve();
}
