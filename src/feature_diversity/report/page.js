// The page's behaviour: the table of claims, the scatter, the table of runs. Everything they show is in #data.
const data = JSON.parse(document.getElementById("data").textContent);
const by = (id) => document.getElementById(id);

// --- claims: open, filter, sort ---

const claims = [...document.querySelectorAll("#claims > tbody")];

function open(claim, wanted) {
  const button = claim.querySelector(".open");
  const opened = wanted ?? button.getAttribute("aria-expanded") !== "true";
  button.setAttribute("aria-expanded", String(opened));
  const more = claim.querySelector(".more");
  more.hidden = !opened;
  const place = more.querySelector("[data-behind]");
  if (opened && place && !place.firstChild) {
    const numbers = document.querySelector(`#behind-${place.dataset.behind}`);
    if (numbers) place.append(...[...numbers.children].slice(1).map((part) => part.cloneNode(true)));
    else place.textContent = "No run of the study belongs to this figure.";
  }
}

for (const claim of claims) {
  claim.querySelector(".claim").addEventListener("click", (event) => {
    if (!event.target.closest("a")) open(claim);
  });
}

function filter() {
  const wanted = Object.fromEntries(new FormData(by("filters")));
  const words = wanted.text.toLowerCase().split(/\s+/);
  let count = 0;
  for (const claim of claims) {
    const text = `${claim.dataset.claim} ${claim.dataset.text} ${claim.dataset.verdict}`.toLowerCase();
    const fits = words.every((word) => text.includes(word))
      && ["family", "kind"].every((name) => !wanted[name] || claim.dataset[name] === wanted[name])
      && (wanted.verdict === "decided" ? "decided" in claim.dataset : !wanted.verdict || claim.dataset.verdict === wanted.verdict);
    claim.hidden = !fits;
    count += fits;
  }
  by("count").textContent = `${count} of ${claims.length} claims`;
  by("none").hidden = count > 0;
}

// Numbers by size, the rest by letters; what is missing comes last in both directions.
function compare(a, b, direction) {
  const missing = (value) => value === undefined || value === null || value === "" || Number.isNaN(value);
  if (missing(a) || missing(b)) return missing(a) - missing(b);
  return direction * (Number.isNaN(+a) || Number.isNaN(+b) ? String(a).localeCompare(b) : a - b);
}

function sorting(headers, sort) {
  for (const button of headers) {
    button.addEventListener("click", () => {
      const header = button.closest("th");
      const direction = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of headers) other.closest("th").removeAttribute("aria-sort");
      header.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      sort(button.dataset.sort, direction);
    });
  }
}

function everything() {
  by("filters").reset();
  by("filters").elements.verdict.value = "";
  filter();
}

if (claims.length) {
  filter();
  window.addEventListener("beforeprint", everything);
  by("everything")?.addEventListener("click", everything);
  by("filters").addEventListener("input", filter);
  by("filters").addEventListener("submit", (event) => event.preventDefault());
  sorting([...document.querySelectorAll("#claims [data-sort]")], (name, direction) => {
    claims.sort((a, b) => compare(a.dataset[name], b.dataset[name], direction));
    by("claims").append(...claims);
  });
  for (const link of document.querySelectorAll("[data-verdict][href]")) {
    link.addEventListener("click", () => {
      by("filters").elements.verdict.value = link.dataset.verdict;
      filter();
    });
  }
  const follow = () => {
    const aim = location.hash && by(location.hash.slice(1));
    const folded = aim && aim.closest("details");
    if (folded) folded.open = true;
    const claim = claims.find((one) => one === aim);
    if (claim) {
      everything();
      open(claim, true);
    }
    if (claim || folded) aim.scrollIntoView();
  };
  window.addEventListener("hashchange", follow);
  follow();
}

// --- columns ---

function bytes(text) {
  const characters = atob(text);
  const array = new Uint8Array(characters.length);
  for (let i = 0; i < array.length; i += 1) array[i] = characters.charCodeAt(i);
  return array.buffer;
}

const decoded = new Map();
function numbers(text) {
  if (!decoded.has(text)) decoded.set(text, new Float32Array(bytes(text)));
  return decoded.get(text);
}

const names = Object.fromEntries(Object.entries(data.names).map(([name, { levels, codes }]) => {
  const places = new Uint16Array(bytes(codes));
  return [name, (run) => levels[places[run]]];
}));
// the axes that say something: the variant where one is not the default
const named = ["algorithm", "depth", "width", "norm", "variant", "epochs", "seed"]
  .filter((name) => name !== "variant" || data.names.variant.levels.some((level) => level !== "default"));
const words = { test_error: "test error", val_error: "validation error", knn_test_error: "test error of nearest neighbours",
  n_params: "parameters of the trunk", layer_test_error: "test error of a classifier on this layer", energy_se: "standard error of the energy" };
const said = (name) => words[name] ?? name.replaceAll("_", " ");
const shown = (value) => data.words[value] ?? value ?? "–"; // simclr: SimCLR
const isShare = (name) => name.endsWith("error");
const plain = (value) => (value === undefined ? "–" : Number.isFinite(value) ? String(+value.toPrecision(4)).replace("-", "−") : value === null || Number.isNaN(value) ? "–" : String(value));

// What a run is found by: its folder and its names, in small letters.
const textOf = (run) => `${data.links.folders[run]} ${named.map((name) => shown(names[name](run))).join(" ")}`.toLowerCase();
const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

// --- the scatter ---

const axes = by("axes").elements;
const specification = JSON.parse(by("specification").textContent);

function fill(select, options, chosen) {
  select.replaceChildren(...options.map((value) => new Option(said(value), value)));
  if (options.includes(chosen)) select.value = chosen;
}

// A variable of the chart: run -> number.
function variable(name) {
  const layer = axes.layer.value;
  if (name === "diversity") {
    const column = data.diversity[layer]?.[axes.reading.value];
    return column ? (run) => numbers(column)[run] : () => NaN;
  }
  if (data.numbers[name]) return (run) => numbers(data.numbers[name])[run];
  if (names[name]) return (run) => names[name](run) ?? NaN;
  const column = data.layers[layer]?.[name];
  return column ? (run) => numbers(column)[run] : () => NaN;
}

function points() {
  const [x, y] = [variable(axes.x.value), variable(axes.y.value)];
  const list = [];
  const left = { untrained: 0, other: 0, infinite: 0, missing: 0 };
  const wanted = wordsOf(axes.only.value);
  for (let run = 0; run < data.n; run += 1) {
    const untrained = names.epochs(run) === 0 && !axes.untrained.checked;
    if (untrained || !wanted.every((word) => textOf(run).includes(word))) {
      left[untrained ? "untrained" : "other"] += 1;
      continue;
    }
    const point = { run, x: x(run), y: y(run), colour: shown(names[axes.colour.value](run)) };
    if (Number.isFinite(point.x) && Number.isFinite(point.y)) {
      for (const name of named) point[name] = shown(names[name](run));
      list.push(point);
    } else if ([point.x, point.y].some(Number.isNaN)) left.missing += 1;
    else left.infinite += 1;
  }
  const reasons = [[left.untrained, "untrained"], [left.other, "without these words"], [left.infinite, "infinite"], [left.missing, "without a number"]]
    .filter(([count]) => count);
  by("shown").textContent = `${list.length.toLocaleString("en")} of ${data.n.toLocaleString("en")} runs shown`
    + (reasons.length ? `; not shown: ${reasons.map(([count, why]) => `${count.toLocaleString("en")} ${why}`).join(", ")}.` : ".")
    + (list.length > 2 ? ` Their rank correlation (Spearman) is ${plain(+spearman(list).toFixed(2))}, whatever they differ in.` : "");
  return list;
}

// Places of values in their order, 0 for the least; those that are equal share the mean of theirs.
function ranks(values) {
  const order = values.map((_, place) => place).sort((a, b) => values[a] - values[b]);
  const found = new Array(values.length);
  for (let from = 0, to; from < order.length; from = to) {
    for (to = from + 1; to < order.length && values[order[to]] === values[order[from]];) to += 1;
    for (let place = from; place < to; place += 1) found[order[place]] = (from + to - 1) / 2;
  }
  return found;
}

function spearman(list) {
  const centre = (list.length - 1) / 2;
  const [x, y] = ["x", "y"].map((name) => ranks(list.map((point) => point[name])).map((rank) => rank - centre));
  const dot = (a, b) => a.reduce((sum, value, place) => sum + value * b[place], 0);
  return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
}

function title(name) {
  if (name === "diversity") return `diversity of ${axes.layer.value} (${axes.reading.value})`;
  return data.layers[axes.layer.value]?.[name] && !data.numbers[name] ? `${said(name)} of ${axes.layer.value}` : said(name);
}

// Numbers of one sign: their logarithm, with round ticks; of both signs: linear around zero, a logarithm further out.
function logarithmic(values, axis) {
  const [low, high] = values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
  if (low * high <= 0) return { scale: { type: "symlog", constant: Math.max(-low, high) / 100 } };
  const [near, far] = [Math.min(Math.abs(low), Math.abs(high)) / 1.1, Math.max(Math.abs(low), Math.abs(high)) * 1.1];
  const ticks = [];
  for (let power = Math.floor(Math.log10(near)); power <= Math.log10(far); power += 1) {
    for (const digit of far > 1000 * near ? [1] : [1, 2, 5]) ticks.push(digit * 10 ** power);
  }
  const sign = Math.sign(low);
  return {
    scale: { type: "log", domain: sign > 0 ? [near, far] : [-far, -near], nice: false },
    axis: { ...axis, values: ticks.filter((tick) => tick >= near && tick <= far).map((tick) => sign * tick) },
  };
}

let view;
async function draw() {
  const values = points();
  view?.finalize();
  if (!values.length) {
    by("chart").textContent = "No run has both numbers.";
    by("chart").dataset.points = 0;
    return;
  }
  const spec = structuredClone(specification);
  const { x, y, color, shape } = spec.encoding;
  const tooltip = spec.encoding.tooltip.filter(({ field }) => field !== "variant" || named.includes("variant"));
  spec.encoding.tooltip = tooltip;
  for (const [channel, name, log] of [[x, axes.x.value, axes.xlog.checked], [y, axes.y.value, axes.ylog.checked]]) {
    channel.title = title(name);
    channel.axis = isShare(name) ? { format: "~%" } : {};
    if (log) Object.assign(channel, logarithmic(values.map((point) => point[channel === x ? "x" : "y"]), channel.axis));
  }
  [axes.x.value, axes.y.value].forEach((name, place) => {
    tooltip[place].title = title(name);
    if (isShare(name)) tooltip[place].format = ".1%";
  });
  color.title = shape.title = said(axes.colour.value);
  const levels = data.names[axes.colour.value].levels;
  if (levels.every((level) => typeof level === "number")) {
    // dark is much, as in the figures; too many values become a scale
    const scheme = { scheme: "viridis", reverse: true };
    if (levels.length > 8) {
      Object.assign(color, { type: "quantitative", scale: scheme });
      delete spec.encoding.shape;
    } else {
      color.scale = { domain: levels, ...scheme };
      shape.scale.domain = levels;
    }
  } else if (axes.colour.value === "algorithm") {
    shape.scale.domain = levels.map(shown); // one legend for both
    color.scale = { domain: levels.map(shown), range: levels.map((name) => data.colours[name] ?? "#888888") };
  } else if (levels.length > 8) Object.assign(color.scale, { range: undefined, scheme: "tableau20" });
  spec.datasets = { points: values };
  const style = getComputedStyle(document.documentElement);
  const ink = getComputedStyle(document.body).color;
  const line = style.colorScheme && matchMedia("(prefers-color-scheme: dark)").matches ? "#3a4049" : "#d5d9de";
  const axis = { labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line, labelFontSize: 12, titleFontSize: 12 };
  const narrow = by("chart").clientWidth < 600;
  const legend = { labelColor: ink, titleColor: ink, orient: narrow ? "bottom" : "right", columns: narrow ? 3 : 1 };
  const config = { background: null, view: { stroke: line }, axis, legend };
  view = await window.vegaEmbed("#chart", spec, { actions: false, config, renderer: values.length > 2000 ? "canvas" : "svg" });
  view.view.addEventListener("click", (_, item) => {
    if (item?.datum?.run === undefined) return;
    by("search").elements.text.value = data.links.folders[item.datum.run];
    search();
    by("runs").scrollIntoView();
  });
  by("chart").dataset.points = values.length;
}

function explore() {
  const layers = Object.keys(data.diversity);
  const grid = ["epochs", "width", "depth"].filter((name) => data.names[name].levels.every(Number.isFinite));
  const measures = [...new Set(Object.values(data.layers).flatMap((layer) => Object.keys(layer)))];
  const variables = ["diversity", ...Object.keys(data.numbers), ...grid, ...measures];
  fill(axes.x, variables, "diversity");
  fill(axes.y, variables, "test_error");
  fill(axes.layer, layers, "head");
  fill(axes.reading, [...new Set(Object.values(data.diversity).flatMap((layer) => Object.keys(layer)))]);
  const varied = Object.keys(data.names).filter((name) => data.names[name].levels.length > 1);
  fill(axes.colour, varied.length ? varied : ["algorithm"], "algorithm");
  const levels = data.names.epochs.levels; // untrained networks are left out where there are others
  axes.untrained.checked = levels.every((level) => level === 0);
  axes.untrained.parentElement.hidden = !levels.includes(0) || levels.length === 1;
  const diversity = points().map(({ x }) => x).sort((a, b) => a - b);
  // else a few collapsed networks hide all others
  axes.xlog.checked = diversity[0] < 10 * diversity[diversity.length >> 1];
  by("axes").addEventListener("input", draw);
  by("axes").addEventListener("submit", (event) => event.preventDefault());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  // drawn when it comes into sight, so that the page opens at once
  const watch = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watch.disconnect();
    draw();
  }, { rootMargin: "300px" });
  watch.observe(by("chart"));
}

// --- the table of runs ---

const PAGE = 50;
const templates = Object.entries(data.links.templates);
const there = new Uint32Array(bytes(data.links.there));
const last = Object.keys(data.diversity).at(-1);
const headline = last && Object.values(data.diversity[last])[0];
const ofRuns = Object.keys(data.numbers).map((name) => {
  const unit = isShare(name) ? 100 : 1;
  return [said(name) + (unit > 1 ? " (%)" : ""), (run) => unit * numbers(data.numbers[name])[run]];
});
const columns = [ // what matters most comes first: the error, the diversity, and after them the files
  ...named.map((name) => [name, (run) => shown(names[name](run))]),
  ...ofRuns.slice(0, 1),
  ...(headline ? [[`diversity of ${last}`, (run) => numbers(headline)[run]]] : []),
];
const FILES = columns.length;
columns.push(
  ...ofRuns.slice(1),
  ...Object.keys(data.names).filter((name) => name.startsWith("gate_")).map((name) => [said(name), (run) => names[name](run) ?? "–"]),
);
let order = Array.from({ length: data.n }, (_, run) => run);
let found = order;
let first = 0;

function linksOf(run) {
  const folder = data.links.folders[run];
  const training = folder.replace(/_ep\d+_/, "_");
  const [seeds, network] = [folder, training].map((name) => name.replace(/_seed\d+$/, ""));
  const names = { "{run}": folder, "{training}": training, "{seeds}": seeds, "{network}": network };
  return templates.filter((_, bit) => there[run] & (1 << bit)).flatMap(([name, path]) => {
    const link = document.createElement("a");
    link.href = path.replace(/\{\w+\}/, (key) => names[key]);
    link.textContent = name.replace(/ of (the training|all seeds)/, "").replace("log of ", "log: ");
    return [link, " "];
  });
}

function list() {
  by("all").tBodies[0].replaceChildren(...found.slice(first, first + PAGE).map((run) => {
    const row = document.createElement("tr");
    for (const [, value] of columns) row.insertCell().textContent = plain(value(run));
    row.insertCell(FILES).append(...linksOf(run));
    return row;
  }));
  const end = Math.min(first + PAGE, found.length);
  by("found").textContent = found.length ? `${first + 1} to ${end} of ${found.length.toLocaleString("en")} runs` : "No run fits.";
  by("before").disabled = first === 0;
  by("after").disabled = end === found.length;
}

function search() {
  const wanted = wordsOf(by("search").elements.text.value);
  found = wanted.length ? order.filter((run) => wanted.every((word) => textOf(run).includes(word))) : order;
  first = 0;
  list();
}

function table() {
  const row = by("all").tHead.insertRow();
  columns.forEach(([name], place) => {
    const header = document.createElement("th");
    header.scope = "col";
    header.innerHTML = "<button type=button></button>";
    header.firstChild.textContent = name;
    header.firstChild.dataset.sort = place;
    row.append(header);
  });
  row.insertCell(FILES).textContent = "files";
  sorting([...row.querySelectorAll("button")], (place, direction) => {
    const value = columns[place][1];
    order = [...order].sort((a, b) => compare(value(a), value(b), direction));
    search();
  });
  by("search").addEventListener("input", search);
  by("search").addEventListener("submit", (event) => event.preventDefault());
  by("before").addEventListener("click", () => { first = Math.max(0, first - PAGE); list(); });
  by("after").addEventListener("click", () => { first += PAGE; list(); });
  list();
}

explore();
table();
document.documentElement.dataset.ready = "true";
