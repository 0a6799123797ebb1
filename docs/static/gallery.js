// Filters the cards of the gallery. The choice is kept in the fragment of the address: #family=...&kind=...
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("filter");
  const cards = [...document.querySelectorAll(".card")];
  const selects = [...form.querySelectorAll("select")];
  const count = document.getElementById("count");

  const show = () => {
    const wanted = selects.filter((select) => select.value);
    for (const card of cards) {
      card.hidden = !wanted.every((select) => card.dataset[select.name].split(" ").includes(select.value));
    }
    const shown = cards.filter((card) => !card.hidden).length;
    count.textContent = `${shown} of ${cards.length} figures`;
    form.querySelector("button").disabled = wanted.length === 0;
  };

  const read = () => {
    const state = new URLSearchParams(location.hash.slice(1));
    for (const select of selects) {
      const value = state.get(select.name) ?? "";
      select.value = [...select.options].some((option) => option.value === value) ? value : "";
    }
    show();
  };

  const change = () => {
    const wanted = selects.filter((select) => select.value).map((select) => [select.name, select.value]);
    history.replaceState(null, "", `#${new URLSearchParams(wanted)}`);
    show();
  };

  form.hidden = false;
  form.addEventListener("change", change);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(change));
  addEventListener("hashchange", read);
  read();
});
