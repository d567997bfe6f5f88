const NARROW_PX = 620;
const AXIS_PX = 130;

/** Stack what stands side by side, and make charts narrow, so that their text stays readable. */
function narrowed(spec, width) {
  if (Array.isArray(spec)) return spec.map((each) => narrowed(each, width));
  if (spec === null || typeof spec !== "object") return spec;
  const changed = {};
  for (const [name, value] of Object.entries(spec)) {
    if (name === "width" && typeof value === "number") changed.width = Math.min(value, width);
    else if (name === "hconcat") changed.vconcat = narrowed(value, width);
    else if (name === "datasets" || name === "data") changed[name] = value;
    else changed[name] = narrowed(value, width);
  }
  if (changed.concat) changed.columns = 1;
  if (changed.facet) {
    changed.columns = 1;
    changed.facet = changed.facet.column ?? changed.facet;
    delete changed.spacing;
  }
  return changed;
}

for (const place of document.querySelectorAll("[data-chart]")) {
  let spec = JSON.parse(document.getElementById(place.dataset.chart).textContent);
  const room = place.parentElement.clientWidth;
  if (room < NARROW_PX) {
    spec = narrowed(spec, room - AXIS_PX);
    Object.assign(spec.config.legend, { orient: "bottom", columns: 2 });
  }
  vegaEmbed(place, spec, { renderer: "svg", actions: false, tooltip: { theme: "dark" } });
}
for (const tiles of document.querySelectorAll(".faces[id]")) {
  const chips = document.querySelector(`.chips[data-of="${tiles.id}"]`);
  const least = document.querySelector(`.least input[data-of="${tiles.id}"]`);
  const filter = () => {
    const label = chips?.querySelector("[aria-pressed=true]").value ?? "";
    const share = (least?.value ?? 0) / 100;
    for (const face of tiles.children) {
      const other = label !== "" && face.dataset.label !== label;
      face.hidden = other || Number(face.dataset.confidence ?? 1) < share;
    }
  };
  chips?.addEventListener("click", (event) => {
    const chosen = event.target.closest("button");
    if (!chosen) return;
    for (const chip of chips.children) chip.setAttribute("aria-pressed", String(chip === chosen));
    filter();
  });
  least?.addEventListener("input", () => {
    least.parentElement.querySelector("output").value = `${least.value} %`;
    filter();
  });
}
