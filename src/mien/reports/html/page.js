for (const place of document.querySelectorAll("[data-chart]")) {
  const spec = JSON.parse(document.getElementById(place.dataset.chart).textContent);
  vegaEmbed(place, spec, { renderer: "svg", actions: false, tooltip: { theme: "dark" } });
}
for (const chips of document.querySelectorAll(".chips")) {
  const faces = document.getElementById(chips.dataset.of).querySelectorAll(".face");
  chips.addEventListener("click", (event) => {
    const chosen = event.target.closest("button");
    if (!chosen) return;
    for (const chip of chips.children) chip.setAttribute("aria-pressed", String(chip === chosen));
    for (const face of faces) {
      face.hidden = chosen.value !== "" && face.dataset.label !== chosen.value;
    }
  });
}
