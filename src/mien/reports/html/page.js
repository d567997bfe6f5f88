for (const place of document.querySelectorAll("[data-chart]")) {
  const spec = JSON.parse(document.getElementById(place.dataset.chart).textContent);
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
